-- Times are microseconds since 1970 in UTC, ids are 16 bytes, yes and no are 1 and 0.
-- Its twin is migrations/postgres/0001_foundation.sql: a test proves that both describe the same tables.

CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    email_address TEXT NOT NULL UNIQUE,
    mobile_number TEXT,
    created_at INTEGER NOT NULL
);

CREATE TABLE services (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    active INTEGER NOT NULL,
    restricted INTEGER NOT NULL,
    email_sender_local_part TEXT NOT NULL,
    prefix_sms INTEGER NOT NULL,
    contact_link TEXT,
    rate_limit INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE service_permissions (
    service_id BLOB NOT NULL REFERENCES services (id),
    permission TEXT NOT NULL,
    PRIMARY KEY (service_id, permission)
);

CREATE TABLE service_limits (
    service_id BLOB NOT NULL REFERENCES services (id),
    allowance TEXT NOT NULL,
    daily_limit INTEGER NOT NULL,
    PRIMARY KEY (service_id, allowance)
);

CREATE TABLE service_users (
    service_id BLOB NOT NULL REFERENCES services (id),
    user_id BLOB NOT NULL REFERENCES users (id),
    PRIMARY KEY (service_id, user_id)
);

CREATE TABLE guest_list (
    service_id BLOB NOT NULL REFERENCES services (id),
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    PRIMARY KEY (service_id, kind, recipient)
);

CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    name TEXT NOT NULL,
    key_type TEXT NOT NULL,
    sealed_secret BLOB NOT NULL,
    created_by BLOB REFERENCES users (id),
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
);

-- The keys of the service that a request names.
CREATE INDEX api_keys_of_service ON api_keys (service_id);

CREATE TABLE templates (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    template_type TEXT NOT NULL,
    version INTEGER NOT NULL,
    lane TEXT,
    archived INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

-- The templates of a service.
CREATE INDEX templates_of_service ON templates (service_id);

CREATE TABLE template_versions (
    template_id BLOB NOT NULL REFERENCES templates (id),
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    subject TEXT,
    content TEXT NOT NULL,
    has_unsubscribe_link INTEGER NOT NULL,
    postage TEXT,
    created_by BLOB REFERENCES users (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (template_id, version)
);

CREATE TABLE sms_senders (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    sms_sender TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    archived INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

-- The senders of a service.
CREATE INDEX sms_senders_of_service ON sms_senders (service_id);

CREATE TABLE reply_to_addresses (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    email_address TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    archived INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

-- The reply-to addresses of a service.
CREATE INDEX reply_to_addresses_of_service ON reply_to_addresses (service_id);

-- An uploaded file and what its check learnt: the metadata of workers §4.3.
CREATE TABLE spreadsheets (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    template_id BLOB NOT NULL REFERENCES templates (id),
    original_file_name TEXT NOT NULL,
    notification_count INTEGER NOT NULL,
    valid INTEGER NOT NULL,
    sender_id BLOB,
    layout TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE jobs (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    template_id BLOB NOT NULL REFERENCES templates (id),
    template_version INTEGER NOT NULL,
    original_file_name TEXT NOT NULL,
    notification_count INTEGER NOT NULL,
    sender_id BLOB,
    created_by BLOB REFERENCES users (id),
    status TEXT NOT NULL,
    problem TEXT,
    due INTEGER NOT NULL,
    scheduled_for INTEGER,
    -- The cursor: rows before this one are kept. It moves in the transaction that keeps them.
    rows_kept INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    processing_started INTEGER,
    processing_finished INTEGER,
    archived INTEGER NOT NULL
);

-- The jobs of a service, newest first.
CREATE INDEX jobs_of_service ON jobs (service_id, created_at);
-- run-scheduled-jobs: those whose time has come.
CREATE INDEX jobs_scheduled ON jobs (scheduled_for) WHERE status = 'scheduled';

-- The hot table. No foreign keys: each would cost every message a look-up, and services and templates are never deleted.
CREATE TABLE notifications (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL,
    job_id BLOB,
    job_row_number INTEGER,
    template_id BLOB NOT NULL,
    template_version INTEGER NOT NULL,
    api_key_id BLOB,
    key_type TEXT NOT NULL,
    notification_type TEXT NOT NULL,
    status TEXT NOT NULL,
    -- Recipient, personalisation and the unsubscribe URL, encrypted together; empty once erased.
    sealed BLOB NOT NULL,
    client_reference TEXT,
    reply_to_text TEXT,
    international INTEGER NOT NULL,
    phone_prefix TEXT,
    rate_multiplier INTEGER,
    billable_units INTEGER NOT NULL,
    created_by BLOB,
    created_at INTEGER NOT NULL,
    sent_at INTEGER,
    updated_at INTEGER,
    sent_by TEXT,
    reference TEXT,
    problem TEXT
);

-- GET /v2/notifications: those of a service, newest first.
CREATE INDEX notifications_of_service ON notifications (service_id, created_at);
-- GET /v2/notifications?reference=…: costs only messages that have one.
CREATE INDEX notifications_by_client_reference ON notifications (service_id, client_reference)
    WHERE client_reference IS NOT NULL;

CREATE TABLE daily_counters (
    service_id BLOB NOT NULL,
    allowance TEXT NOT NULL,
    day INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    PRIMARY KEY (service_id, allowance, day)
);

CREATE TABLE tasks (
    id BLOB NOT NULL PRIMARY KEY,
    pool TEXT NOT NULL,
    lane TEXT NOT NULL,
    service_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    -- From when it may be taken: its delay, or the end of the lease of whoever has it.
    ready_at INTEGER NOT NULL,
    lease BLOB,
    created_at INTEGER NOT NULL
);

-- Claiming: the next service in turn, then its oldest task.
CREATE INDEX tasks_by_turn ON tasks (pool, lane, service_id, ready_at);

CREATE TABLE dead_letters (
    id BLOB NOT NULL PRIMARY KEY,
    pool TEXT NOT NULL,
    lane TEXT NOT NULL,
    service_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    why TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    died_at INTEGER NOT NULL
);
