-- What letters need of their print provider and of their look: credentials that the platform changes at a provider, PDFs
-- that are appended to letters of a template, and logos at the head of letters.
-- Its twin is migrations/sqlite/0018_print_providers.sql: a test proves that both describe the same tables.

-- The login at a print provider, once the platform has changed it. The id is a function of the provider's name.
CREATE TABLE provider_credentials (
    id uuid NOT NULL PRIMARY KEY,
    provider text NOT NULL,
    -- Password and API key, encrypted.
    sealed bytea NOT NULL,
    -- Counted up with each change, so that of two processes that change it at once, one notices.
    revision bigint NOT NULL,
    updated_at timestamptz NOT NULL
);

-- PDFs that are appended to the letters of a template. The pages are in the file storage.
CREATE TABLE letter_attachments (
    id uuid NOT NULL PRIMARY KEY,
    service_id uuid NOT NULL,
    original_filename text NOT NULL,
    page_count bigint NOT NULL,
    bytes bigint NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL
);

-- The attachments of a service.
CREATE INDEX letter_attachments_of_service ON letter_attachments (service_id, created_at);

-- Empty for a template without an attachment.
ALTER TABLE template_versions ADD COLUMN letter_attachment_id uuid;

-- The logo at the head of a service's letters. The picture is in the file storage.
CREATE TABLE letter_logos (
    service_id uuid NOT NULL PRIMARY KEY,
    id uuid NOT NULL,
    original_filename text NOT NULL,
    -- What it is called for those who do not see it.
    description text NOT NULL,
    bytes bigint NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL
);
