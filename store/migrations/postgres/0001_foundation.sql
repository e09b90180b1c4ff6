-- Its twin is migrations/sqlite/0001_foundation.sql: a test proves that both describe the same tables.

CREATE TABLE users (
    id uuid NOT NULL PRIMARY KEY,
    name text NOT NULL,
    email_address text NOT NULL UNIQUE,
    mobile_number text,
    created_at timestamptz NOT NULL
);

CREATE TABLE services (
    id uuid NOT NULL PRIMARY KEY,
    name text NOT NULL,
    active boolean NOT NULL,
    restricted boolean NOT NULL,
    email_sender_local_part text NOT NULL,
    prefix_sms boolean NOT NULL,
    contact_link text,
    rate_limit bigint NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE service_permissions (
    service_id uuid NOT NULL REFERENCES services (id),
    permission text NOT NULL,
    PRIMARY KEY (service_id, permission)
);

CREATE TABLE service_limits (
    service_id uuid NOT NULL REFERENCES services (id),
    allowance text NOT NULL,
    daily_limit bigint NOT NULL,
    PRIMARY KEY (service_id, allowance)
);

CREATE TABLE service_users (
    service_id uuid NOT NULL REFERENCES services (id),
    user_id uuid NOT NULL REFERENCES users (id),
    PRIMARY KEY (service_id, user_id)
);

CREATE TABLE guest_list (
    service_id uuid NOT NULL REFERENCES services (id),
    kind text NOT NULL,
    recipient text NOT NULL,
    PRIMARY KEY (service_id, kind, recipient)
);

CREATE TABLE api_keys (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    name text NOT NULL,
    key_type text NOT NULL,
    sealed_secret bytea NOT NULL,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

-- The keys of the service that a request names.
CREATE INDEX api_keys_of_service ON api_keys (service_id);

CREATE TABLE templates (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    template_type text NOT NULL,
    version bigint NOT NULL,
    lane text,
    archived boolean NOT NULL,
    hidden boolean NOT NULL,
    created_at timestamptz NOT NULL
);

-- The templates of a service.
CREATE INDEX templates_of_service ON templates (service_id);

CREATE TABLE template_versions (
    template_id uuid NOT NULL REFERENCES templates (id),
    version bigint NOT NULL,
    name text NOT NULL,
    subject text,
    content text NOT NULL,
    has_unsubscribe_link boolean NOT NULL,
    postage text,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (template_id, version)
);

CREATE TABLE sms_senders (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    sms_sender text NOT NULL,
    is_default boolean NOT NULL,
    archived boolean NOT NULL,
    created_at timestamptz NOT NULL
);

-- The senders of a service.
CREATE INDEX sms_senders_of_service ON sms_senders (service_id);

CREATE TABLE reply_to_addresses (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    email_address text NOT NULL,
    is_default boolean NOT NULL,
    archived boolean NOT NULL,
    created_at timestamptz NOT NULL
);

-- The reply-to addresses of a service.
CREATE INDEX reply_to_addresses_of_service ON reply_to_addresses (service_id);

-- An uploaded file and what its check learnt: the metadata of workers §4.3.
CREATE TABLE spreadsheets (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    template_id uuid NOT NULL REFERENCES templates (id),
    original_file_name text NOT NULL,
    notification_count bigint NOT NULL,
    valid boolean NOT NULL,
    sender_id uuid,
    layout text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE jobs (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    template_id uuid NOT NULL REFERENCES templates (id),
    template_version bigint NOT NULL,
    original_file_name text NOT NULL,
    notification_count bigint NOT NULL,
    sender_id uuid,
    created_by uuid REFERENCES users (id),
    status text NOT NULL,
    problem text,
    due timestamptz NOT NULL,
    scheduled_for timestamptz,
    -- The cursor: rows before this one are kept. It moves in the transaction that keeps them.
    rows_kept bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    processing_started timestamptz,
    processing_finished timestamptz,
    archived boolean NOT NULL
);

-- The jobs of a service, newest first.
CREATE INDEX jobs_of_service ON jobs (service_id, created_at);
-- run-scheduled-jobs: those whose time has come.
CREATE INDEX jobs_scheduled ON jobs (scheduled_for) WHERE status = 'scheduled';

-- The hot table. No foreign keys: each would cost every message a look-up, and services and templates are never deleted.
CREATE TABLE notifications (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL,
    job_id uuid,
    job_row_number bigint,
    template_id uuid NOT NULL,
    template_version bigint NOT NULL,
    api_key_id uuid,
    key_type text NOT NULL,
    notification_type text NOT NULL,
    status text NOT NULL,
    -- Recipient, personalisation and the unsubscribe URL, encrypted together; empty once erased.
    sealed bytea NOT NULL,
    client_reference text,
    reply_to_text text,
    international boolean NOT NULL,
    phone_prefix text,
    rate_multiplier bigint,
    billable_units bigint NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    updated_at timestamptz,
    sent_by text,
    reference text,
    problem text
) PARTITION BY RANGE (id);

-- A version 7 id begins with its time, so a range of ids is a day. The partitions of days are made ahead by the
-- clock (store::partitions); this one takes ids that are not ours.
CREATE TABLE notifications_default PARTITION OF notifications DEFAULT;

-- GET /v2/notifications: those of a service, newest first.
CREATE INDEX notifications_of_service ON notifications (service_id, created_at);
-- GET /v2/notifications?reference=…: costs only messages that have one.
CREATE INDEX notifications_by_client_reference ON notifications (service_id, client_reference)
    WHERE client_reference IS NOT NULL;

CREATE TABLE daily_counters (
    service_id uuid NOT NULL,
    allowance text NOT NULL,
    day bigint NOT NULL,
    spent bigint NOT NULL,
    PRIMARY KEY (service_id, allowance, day)
);

CREATE TABLE tasks (
    id uuid NOT NULL PRIMARY KEY,
    pool text NOT NULL,
    lane text NOT NULL,
    service_id uuid NOT NULL,
    kind text NOT NULL,
    payload text NOT NULL,
    attempt bigint NOT NULL,
    -- From when it may be taken: its delay, or the end of the lease of whoever has it.
    ready_at timestamptz NOT NULL,
    lease uuid,
    created_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- Claiming: the next service in turn, then its oldest task.
CREATE INDEX tasks_by_turn ON tasks (pool, lane, service_id, ready_at);

CREATE TABLE dead_letters (
    id uuid NOT NULL PRIMARY KEY,
    pool text NOT NULL,
    lane text NOT NULL,
    service_id uuid NOT NULL,
    kind text NOT NULL,
    payload text NOT NULL,
    attempt bigint NOT NULL,
    why text NOT NULL,
    created_at timestamptz NOT NULL,
    died_at timestamptz NOT NULL
);
