-- Receipts of e-mails, complaints, the suppression list, and reports of unsubscribe requests.
-- Its twin is migrations/sqlite/0011_receipts_and_suppression.sql: a test proves that both describe the same tables.

-- Receipts that name an e-mail by the provider's id. Queue ids of mail relays are shorter and are never looked up.
CREATE INDEX emails_by_reference ON notifications (reference)
    WHERE notification_type = 'email' AND length(reference) > 16;

-- Complaints of recipients about e-mails. The id is a function of the provider's feedback id, so each is stored once.
CREATE TABLE complaints (
    id uuid NOT NULL PRIMARY KEY,
    notification_id uuid NOT NULL,
    service_id uuid NOT NULL,
    feedback_id text,
    complaint_type text,
    complained_at timestamptz,
    -- The address that complained, encrypted: what the service is told. Empty if it is not known, or once erased.
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL
);

-- The complaints about a service, newest first.
CREATE INDEX complaints_of_service ON complaints (service_id, created_at);

-- Recipients to whom nothing is sent. A service of zeros stands for the whole platform.
CREATE TABLE suppressions (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL,
    channel text NOT NULL,
    -- A keyed hash of the recipient, by which messages are compared.
    recipient_hash bytea NOT NULL,
    -- The recipient, encrypted; empty once erased.
    sealed bytea NOT NULL,
    reason text NOT NULL,
    notification_id uuid,
    created_at timestamptz NOT NULL,
    UNIQUE (service_id, channel, recipient_hash)
);

-- The suppressed recipients of a service, newest first.
CREATE INDEX suppressions_of_service ON suppressions (service_id, created_at);

-- Who added and removed what, and why. No address: an entry is recognised by its hash.
CREATE TABLE suppression_events (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL,
    channel text NOT NULL,
    recipient_hash bytea NOT NULL,
    action text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    created_at timestamptz NOT NULL
);

-- The audit trail of a service, newest first.
CREATE INDEX suppression_events_of_service ON suppression_events (service_id, created_at);

-- The key of the hashes, encrypted: it outlives every rotation of the keyring.
CREATE TABLE hash_keys (
    id uuid NOT NULL PRIMARY KEY,
    sealed bytea NOT NULL
);

-- Batches of unsubscribe requests that a service has fetched.
CREATE TABLE unsubscribe_request_reports (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL,
    request_count bigint NOT NULL,
    earliest_at timestamptz NOT NULL,
    latest_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    processed_at timestamptz
);

-- The reports of a service, newest first.
CREATE INDEX unsubscribe_request_reports_of_service ON unsubscribe_request_reports (service_id, created_at);

ALTER TABLE unsubscribe_requests ADD COLUMN report_id uuid;

-- The requests of a report.
CREATE INDEX unsubscribe_requests_of_report ON unsubscribe_requests (report_id) WHERE report_id IS NOT NULL;

-- What is left of an unsubscribe request: nothing personal.
CREATE TABLE unsubscribe_request_history (
    id uuid NOT NULL PRIMARY KEY,
    notification_id uuid NOT NULL,
    service_id uuid NOT NULL,
    template_id uuid NOT NULL,
    template_version bigint NOT NULL,
    report_id uuid,
    created_at timestamptz NOT NULL,
    processed_at timestamptz
);

-- Counting: those of a service, by day.
CREATE INDEX unsubscribe_request_history_of_service ON unsubscribe_request_history (service_id, created_at);
