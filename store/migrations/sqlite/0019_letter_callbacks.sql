-- Whether a service is told of the statuses of the letters of a template.
-- Its twin is migrations/postgres/0019_letter_callbacks.sql: a test proves that both describe the same tables.

-- Empty: as the callback of the service says.
ALTER TABLE template_versions ADD COLUMN letter_callbacks INTEGER;
