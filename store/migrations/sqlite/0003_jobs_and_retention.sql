-- What auditing jobs, and forgetting what is old, need.
-- Its twin is migrations/postgres/0003_jobs_and_retention.sql: a test proves that both describe the same tables.

-- How often a job was taken up again without a new row, and from which row that was.
ALTER TABLE jobs ADD COLUMN resumptions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN resumed_at_row INTEGER;
ALTER TABLE jobs ADD COLUMN contact_list_id BLOB;

-- The auditors: jobs that are not over, or not counted yet.
CREATE INDEX jobs_to_audit ON jobs (status, updated_at) WHERE status IN ('pending', 'in progress', 'error', 'finished');
-- Retention: jobs whose file is still there.
CREATE INDEX jobs_with_files ON jobs (due) WHERE NOT archived;

-- What is left of a message once its time is over: nothing personal.
CREATE TABLE notification_history (
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
    client_reference TEXT,
    international INTEGER NOT NULL,
    phone_prefix TEXT,
    rate_multiplier INTEGER,
    billable_units INTEGER NOT NULL,
    postage TEXT,
    documents INTEGER NOT NULL,
    created_by BLOB,
    created_at INTEGER NOT NULL,
    sent_at INTEGER,
    updated_at INTEGER,
    sent_by TEXT,
    reference TEXT
);

-- Counting: those of a service, by day.
CREATE INDEX notification_history_of_service ON notification_history (service_id, created_at);
-- Receipts and returned letters that come after the message was forgotten.
CREATE INDEX notification_history_by_reference ON notification_history (reference) WHERE reference IS NOT NULL;

-- What is left of a received text.
CREATE TABLE inbound_sms_history (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL,
    notify_number TEXT NOT NULL,
    provider TEXT NOT NULL,
    provider_reference TEXT,
    provider_date INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

-- Spreadsheets that a service keeps to send to again.
CREATE TABLE contact_lists (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    original_file_name TEXT NOT NULL,
    template_type TEXT NOT NULL,
    -- What reading its rows needs to know of the whole file, as JSON.
    layout TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    created_by BLOB REFERENCES users (id),
    created_at INTEGER NOT NULL,
    archived INTEGER NOT NULL
);

-- The contact lists of a service.
CREATE INDEX contact_lists_of_service ON contact_lists (service_id);
