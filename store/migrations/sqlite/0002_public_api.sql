-- What the whole public API and its neighbours need beside the foundation.
-- Its twin is migrations/postgres/0002_public_api.sql: a test proves that both describe the same tables.

CREATE TABLE organisations (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    active INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

ALTER TABLE services ADD COLUMN organisation_id BLOB REFERENCES organisations (id);
-- Services that only try things out are left out of public counts.
ALTER TABLE services ADD COLUMN count_as_live INTEGER NOT NULL DEFAULT 1;

-- The services of an organisation.
CREATE INDEX services_of_organisation ON services (organisation_id) WHERE organisation_id IS NOT NULL;
-- No two services have one name.
CREATE UNIQUE INDEX services_by_name ON services (name);

ALTER TABLE users ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
ALTER TABLE users ADD COLUMN platform_admin INTEGER NOT NULL DEFAULT 0;

-- What a member may do in a service.
CREATE TABLE member_permissions (
    service_id BLOB NOT NULL REFERENCES services (id),
    user_id BLOB NOT NULL REFERENCES users (id),
    permission TEXT NOT NULL,
    PRIMARY KEY (service_id, user_id, permission)
);

CREATE TABLE template_folders (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    parent_id BLOB REFERENCES template_folders (id),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

-- The folders of a service.
CREATE INDEX template_folders_of_service ON template_folders (service_id);

CREATE TABLE letter_contacts (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    contact_block TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    archived INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

-- The contact blocks of a service.
CREATE INDEX letter_contacts_of_service ON letter_contacts (service_id);

-- One default at most: of the contact blocks, the text message senders and the reply-to addresses of a service.
CREATE UNIQUE INDEX default_letter_contact ON letter_contacts (service_id) WHERE is_default;
CREATE UNIQUE INDEX default_sms_sender ON sms_senders (service_id) WHERE is_default;
CREATE UNIQUE INDEX default_reply_to ON reply_to_addresses (service_id) WHERE is_default;

ALTER TABLE templates ADD COLUMN folder_id BLOB REFERENCES template_folders (id);
ALTER TABLE template_versions ADD COLUMN updated_at INTEGER;
ALTER TABLE template_versions ADD COLUMN letter_contact_id BLOB REFERENCES letter_contacts (id);
-- A letter in two languages has a Welsh side.
ALTER TABLE template_versions ADD COLUMN welsh_subject TEXT;
ALTER TABLE template_versions ADD COLUMN welsh_content TEXT;

-- Letters: how they travel. E-mails: how many files went with them.
ALTER TABLE notifications ADD COLUMN postage TEXT;
ALTER TABLE notifications ADD COLUMN documents INTEGER NOT NULL DEFAULT 0;

-- POST /letters/returned: a letter by the reference that is printed on it. Costs only letters.
CREATE INDEX letters_by_reference ON notifications (reference)
    WHERE notification_type = 'letter' AND reference IS NOT NULL;

-- What a fragment of a text costs at home, from a day on; in millionths of a pound.
CREATE TABLE sms_rates (
    valid_from INTEGER NOT NULL PRIMARY KEY,
    rate_micropounds INTEGER NOT NULL
);

-- What a letter costs, from a day on.
CREATE TABLE letter_rates (
    start_date INTEGER NOT NULL,
    post_class TEXT NOT NULL,
    sheet_count INTEGER NOT NULL,
    rate_micropounds INTEGER NOT NULL,
    PRIMARY KEY (post_class, sheet_count, start_date)
);

-- Letters that the post brought back.
CREATE TABLE returned_letters (
    notification_id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    reported_at INTEGER NOT NULL
);

-- The returned letters of a service, newest first.
CREATE INDEX returned_letters_of_service ON returned_letters (service_id, reported_at);

-- Letters that have left the printer, who is paid by that day (a local one, in days since 1 January 1970).
CREATE TABLE letter_despatches (
    notification_id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    despatched_on INTEGER NOT NULL,
    cost_threshold TEXT NOT NULL
);

-- What was despatched on a day.
CREATE INDEX letter_despatches_by_day ON letter_despatches (despatched_on);

-- Numbers at which texts are received.
CREATE TABLE inbound_numbers (
    id BLOB NOT NULL PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    service_id BLOB REFERENCES services (id),
    active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER
);

-- The number of a service: it has one at most.
CREATE UNIQUE INDEX inbound_number_of_service ON inbound_numbers (service_id) WHERE service_id IS NOT NULL;

ALTER TABLE sms_senders ADD COLUMN inbound_number_id BLOB REFERENCES inbound_numbers (id);

CREATE TABLE inbound_sms (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    notify_number TEXT NOT NULL,
    -- Who wrote it and what, encrypted together.
    sealed BLOB NOT NULL,
    provider TEXT NOT NULL,
    provider_reference TEXT,
    provider_date INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

-- GET /v2/received-text-messages: those of a service, newest first.
CREATE INDEX inbound_sms_of_service ON inbound_sms (service_id, created_at);
-- A text that a provider brings twice is kept once.
CREATE UNIQUE INDEX inbound_sms_once ON inbound_sms (provider, provider_reference)
    WHERE provider_reference IS NOT NULL;

-- Where a service wants to be told: one of each kind.
CREATE TABLE service_callbacks (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    kind TEXT NOT NULL,
    -- URL and bearer token, encrypted together.
    sealed BLOB NOT NULL,
    updated_by BLOB REFERENCES users (id),
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    UNIQUE (service_id, kind)
);

CREATE TABLE unsubscribe_requests (
    id BLOB NOT NULL PRIMARY KEY,
    notification_id BLOB NOT NULL,
    service_id BLOB NOT NULL REFERENCES services (id),
    template_id BLOB NOT NULL REFERENCES templates (id),
    template_version INTEGER NOT NULL,
    -- The address, encrypted.
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    processed_at INTEGER
);

-- Whether this notification has a request that the service has not processed yet: there is one at most.
CREATE UNIQUE INDEX unsubscribe_requests_open ON unsubscribe_requests (notification_id) WHERE processed_at IS NULL;
-- The requests of a service, newest first.
CREATE INDEX unsubscribe_requests_of_service ON unsubscribe_requests (service_id, created_at);

-- Files that recipients download. The bytes lie in the file storage, encrypted with the key in the link.
CREATE TABLE documents (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    -- The file's name and who may open it, encrypted together.
    sealed BLOB NOT NULL,
    mime_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    scan TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);

-- Retention: those whose time is over.
CREATE INDEX documents_by_end ON documents (expires_at);

-- Files that belong to an e-mail template and go with every message made from it.
CREATE TABLE template_files (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    template_id BLOB NOT NULL REFERENCES templates (id),
    file_name TEXT NOT NULL,
    link_text TEXT,
    retention_weeks INTEGER NOT NULL,
    confirm_email INTEGER NOT NULL,
    archived INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

-- The files of a template.
CREATE INDEX template_files_of_template ON template_files (template_id);

-- Jobs that a service made through the API: with which of its keys, and what its rows are called that say nothing.
ALTER TABLE jobs ADD COLUMN api_key_id BLOB REFERENCES api_keys (id);
ALTER TABLE jobs ADD COLUMN key_type TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE jobs ADD COLUMN client_reference TEXT;

-- What the links to the files of a job's rows are made of, together with the keyring; gone when the file of rows is.
ALTER TABLE spreadsheets ADD COLUMN link_secret BLOB NOT NULL DEFAULT x'';

-- Requests that carried an Idempotency-Key, for a day: what was asked, and what was answered.
CREATE TABLE idempotency_keys (
    service_id BLOB NOT NULL,
    -- A keyed hash of the key: what it says is the service's own.
    key_hash BLOB NOT NULL,
    -- A keyed hash of what was asked: method, path and body.
    request_hash BLOB NOT NULL,
    -- The answer, encrypted.
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (service_id, key_hash)
);

-- Retention: those older than a day.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- For how many days a service's messages of a type are kept, where it is not the standard seven.
CREATE TABLE data_retention (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL REFERENCES services (id),
    notification_type TEXT NOT NULL,
    days_of_retention INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    UNIQUE (service_id, notification_type)
);

-- Work that only one process may be at, wherever it runs: who has it, and until when if nothing more is heard of them.
CREATE TABLE exclusive_work (
    name TEXT NOT NULL PRIMARY KEY,
    holder BLOB NOT NULL,
    -- What the holder does, for whoever has to wait.
    what TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL
);
