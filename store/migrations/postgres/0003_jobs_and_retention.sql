-- What auditing jobs, and forgetting what is old, need.
-- Its twin is migrations/sqlite/0003_jobs_and_retention.sql: a test proves that both describe the same tables.

-- How often a job was taken up again without a new row, and from which row that was.
ALTER TABLE jobs ADD COLUMN resumptions bigint NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN resumed_at_row bigint;
ALTER TABLE jobs ADD COLUMN contact_list_id uuid;

-- The auditors: jobs that are not over, or not counted yet.
CREATE INDEX jobs_to_audit ON jobs (status, updated_at) WHERE status IN ('pending', 'in progress', 'error', 'finished');
-- Retention: jobs whose file is still there.
CREATE INDEX jobs_with_files ON jobs (due) WHERE NOT archived;

-- What is left of a message once its time is over: nothing personal.
CREATE TABLE notification_history (
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
    client_reference text,
    international boolean NOT NULL,
    phone_prefix text,
    rate_multiplier bigint,
    billable_units bigint NOT NULL,
    postage text,
    documents bigint NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    updated_at timestamptz,
    sent_by text,
    reference text
);

-- Counting: those of a service, by day.
CREATE INDEX notification_history_of_service ON notification_history (service_id, created_at);
-- Receipts and returned letters that come after the message was forgotten.
CREATE INDEX notification_history_by_reference ON notification_history (reference) WHERE reference IS NOT NULL;

-- What is left of a received text.
CREATE TABLE inbound_sms_history (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL,
    notify_number text NOT NULL,
    provider text NOT NULL,
    provider_reference text,
    provider_date timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);

-- Spreadsheets that a service keeps to send to again.
CREATE TABLE contact_lists (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    original_file_name text NOT NULL,
    template_type text NOT NULL,
    -- What reading its rows needs to know of the whole file, as JSON.
    layout text NOT NULL,
    row_count bigint NOT NULL,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL,
    archived boolean NOT NULL
);

-- The contact lists of a service.
CREATE INDEX contact_lists_of_service ON contact_lists (service_id);
