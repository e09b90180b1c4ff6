-- What the whole public API and its neighbours need beside the foundation.
-- Its twin is migrations/sqlite/0002_public_api.sql: a test proves that both describe the same tables.

CREATE TABLE organisations (
    id uuid NOT NULL PRIMARY KEY,
    name text NOT NULL UNIQUE,
    active boolean NOT NULL,
    created_at timestamptz NOT NULL
);

ALTER TABLE services ADD COLUMN organisation_id uuid REFERENCES organisations (id);
-- Services that only try things out are left out of public counts.
ALTER TABLE services ADD COLUMN count_as_live boolean NOT NULL DEFAULT true;

-- The services of an organisation.
CREATE INDEX services_of_organisation ON services (organisation_id) WHERE organisation_id IS NOT NULL;
-- No two services have one name.
CREATE UNIQUE INDEX services_by_name ON services (name);

ALTER TABLE users ADD COLUMN state text NOT NULL DEFAULT 'active';
ALTER TABLE users ADD COLUMN platform_admin boolean NOT NULL DEFAULT false;

-- What a member may do in a service.
CREATE TABLE member_permissions (
    service_id uuid NOT NULL REFERENCES services (id),
    user_id uuid NOT NULL REFERENCES users (id),
    permission text NOT NULL,
    PRIMARY KEY (service_id, user_id, permission)
);

CREATE TABLE template_folders (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    parent_id uuid REFERENCES template_folders (id),
    name text NOT NULL,
    created_at timestamptz NOT NULL
);

-- The folders of a service.
CREATE INDEX template_folders_of_service ON template_folders (service_id);

CREATE TABLE letter_contacts (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    contact_block text NOT NULL,
    is_default boolean NOT NULL,
    archived boolean NOT NULL,
    created_at timestamptz NOT NULL
);

-- The contact blocks of a service.
CREATE INDEX letter_contacts_of_service ON letter_contacts (service_id);

-- One default at most: of the contact blocks, the text message senders and the reply-to addresses of a service.
CREATE UNIQUE INDEX default_letter_contact ON letter_contacts (service_id) WHERE is_default;
CREATE UNIQUE INDEX default_sms_sender ON sms_senders (service_id) WHERE is_default;
CREATE UNIQUE INDEX default_reply_to ON reply_to_addresses (service_id) WHERE is_default;

ALTER TABLE templates ADD COLUMN folder_id uuid REFERENCES template_folders (id);
ALTER TABLE template_versions ADD COLUMN updated_at timestamptz;
ALTER TABLE template_versions ADD COLUMN letter_contact_id uuid REFERENCES letter_contacts (id);
-- A letter in two languages has a Welsh side.
ALTER TABLE template_versions ADD COLUMN welsh_subject text;
ALTER TABLE template_versions ADD COLUMN welsh_content text;

-- Letters: how they travel. E-mails: how many files went with them.
ALTER TABLE notifications ADD COLUMN postage text;
ALTER TABLE notifications ADD COLUMN documents bigint NOT NULL DEFAULT 0;

-- POST /letters/returned: a letter by the reference that is printed on it. Costs only letters.
CREATE INDEX letters_by_reference ON notifications (reference)
    WHERE notification_type = 'letter' AND reference IS NOT NULL;

-- What a fragment of a text costs at home, from a day on; in millionths of a pound.
CREATE TABLE sms_rates (
    valid_from timestamptz NOT NULL PRIMARY KEY,
    rate_micropounds bigint NOT NULL
);

-- What a letter costs, from a day on.
CREATE TABLE letter_rates (
    start_date timestamptz NOT NULL,
    post_class text NOT NULL,
    sheet_count bigint NOT NULL,
    rate_micropounds bigint NOT NULL,
    PRIMARY KEY (post_class, sheet_count, start_date)
);

-- Letters that the post brought back.
CREATE TABLE returned_letters (
    notification_id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    reported_at timestamptz NOT NULL
);

-- The returned letters of a service, newest first.
CREATE INDEX returned_letters_of_service ON returned_letters (service_id, reported_at);

-- Letters that have left the printer, who is paid by that day (a local one, in days since 1 January 1970).
CREATE TABLE letter_despatches (
    notification_id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    despatched_on bigint NOT NULL,
    cost_threshold text NOT NULL
);

-- What was despatched on a day.
CREATE INDEX letter_despatches_by_day ON letter_despatches (despatched_on);

-- Numbers at which texts are received.
CREATE TABLE inbound_numbers (
    id uuid NOT NULL PRIMARY KEY,
    number text NOT NULL UNIQUE,
    provider text NOT NULL,
    service_id uuid REFERENCES services (id),
    active boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz
);

-- The number of a service: it has one at most.
CREATE UNIQUE INDEX inbound_number_of_service ON inbound_numbers (service_id) WHERE service_id IS NOT NULL;

ALTER TABLE sms_senders ADD COLUMN inbound_number_id uuid REFERENCES inbound_numbers (id);

CREATE TABLE inbound_sms (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    notify_number text NOT NULL,
    -- Who wrote it and what, encrypted together.
    sealed bytea NOT NULL,
    provider text NOT NULL,
    provider_reference text,
    provider_date timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);

-- GET /v2/received-text-messages: those of a service, newest first.
CREATE INDEX inbound_sms_of_service ON inbound_sms (service_id, created_at);
-- A text that a provider brings twice is kept once.
CREATE UNIQUE INDEX inbound_sms_once ON inbound_sms (provider, provider_reference)
    WHERE provider_reference IS NOT NULL;

-- Where a service wants to be told: one of each kind.
CREATE TABLE service_callbacks (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    kind text NOT NULL,
    -- URL and bearer token, encrypted together.
    sealed bytea NOT NULL,
    updated_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    UNIQUE (service_id, kind)
);

CREATE TABLE unsubscribe_requests (
    id uuid NOT NULL PRIMARY KEY,
    notification_id uuid NOT NULL,
    service_id uuid NOT NULL REFERENCES services (id),
    template_id uuid NOT NULL REFERENCES templates (id),
    template_version bigint NOT NULL,
    -- The address, encrypted.
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    processed_at timestamptz
);

-- Whether this notification has a request that the service has not processed yet: there is one at most.
CREATE UNIQUE INDEX unsubscribe_requests_open ON unsubscribe_requests (notification_id) WHERE processed_at IS NULL;
-- The requests of a service, newest first.
CREATE INDEX unsubscribe_requests_of_service ON unsubscribe_requests (service_id, created_at);

-- Files that recipients download. The bytes lie in the file storage, encrypted with the key in the link.
CREATE TABLE documents (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    -- The file's name and who may open it, encrypted together.
    sealed bytea NOT NULL,
    mime_type text NOT NULL,
    size_bytes bigint NOT NULL,
    scan text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Retention: those whose time is over.
CREATE INDEX documents_by_end ON documents (expires_at);

-- Files that belong to an e-mail template and go with every message made from it.
CREATE TABLE template_files (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    template_id uuid NOT NULL REFERENCES templates (id),
    file_name text NOT NULL,
    link_text text,
    retention_weeks bigint NOT NULL,
    confirm_email boolean NOT NULL,
    archived boolean NOT NULL,
    created_at timestamptz NOT NULL
);

-- The files of a template.
CREATE INDEX template_files_of_template ON template_files (template_id);

-- Jobs that a service made through the API: with which of its keys, and what its rows are called that say nothing.
ALTER TABLE jobs ADD COLUMN api_key_id uuid REFERENCES api_keys (id);
ALTER TABLE jobs ADD COLUMN key_type text NOT NULL DEFAULT 'normal';
ALTER TABLE jobs ADD COLUMN client_reference text;

-- What the links to the files of a job's rows are made of, together with the keyring; gone when the file of rows is.
ALTER TABLE spreadsheets ADD COLUMN link_secret bytea NOT NULL DEFAULT '';

-- Requests that carried an Idempotency-Key, for a day: what was asked, and what was answered.
CREATE TABLE idempotency_keys (
    service_id uuid NOT NULL,
    -- A keyed hash of the key: what it says is the service's own.
    key_hash bytea NOT NULL,
    -- A keyed hash of what was asked: method, path and body.
    request_hash bytea NOT NULL,
    -- The answer, encrypted.
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (service_id, key_hash)
);

-- Retention: those older than a day.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- For how many days a service's messages of a type are kept, where it is not the standard seven.
CREATE TABLE data_retention (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services (id),
    notification_type text NOT NULL,
    days_of_retention bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    UNIQUE (service_id, notification_type)
);

-- Work that only one process may be at, wherever it runs: who has it, and until when if nothing more is heard of them.
CREATE TABLE exclusive_work (
    name text NOT NULL PRIMARY KEY,
    holder uuid NOT NULL,
    -- What the holder does, for whoever has to wait.
    what text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL
);
