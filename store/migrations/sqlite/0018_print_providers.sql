-- What letters need of their print provider and of their look: credentials that the platform changes at a provider, PDFs
-- that are appended to letters of a template, and logos at the head of letters.
-- Its twin is migrations/postgres/0018_print_providers.sql: a test proves that both describe the same tables.

-- The login at a print provider, once the platform has changed it. The id is a function of the provider's name.
CREATE TABLE provider_credentials (
    id BLOB NOT NULL PRIMARY KEY,
    provider TEXT NOT NULL,
    -- Password and API key, encrypted.
    sealed BLOB NOT NULL,
    -- Counted up with each change, so that of two processes that change it at once, one notices.
    revision INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- PDFs that are appended to the letters of a template. The pages are in the file storage.
CREATE TABLE letter_attachments (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL,
    original_filename TEXT NOT NULL,
    page_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    created_by BLOB,
    created_at INTEGER NOT NULL
);

-- The attachments of a service.
CREATE INDEX letter_attachments_of_service ON letter_attachments (service_id, created_at);

-- Empty for a template without an attachment.
ALTER TABLE template_versions ADD COLUMN letter_attachment_id BLOB;

-- The logo at the head of a service's letters. The picture is in the file storage.
CREATE TABLE letter_logos (
    service_id BLOB NOT NULL PRIMARY KEY,
    id BLOB NOT NULL,
    original_filename TEXT NOT NULL,
    -- What it is called for those who do not see it.
    description TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    created_by BLOB,
    created_at INTEGER NOT NULL
);
