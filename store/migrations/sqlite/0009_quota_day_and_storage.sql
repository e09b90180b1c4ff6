-- The day whose quota a job has spent, so that what it does not use goes back to that day; and what a service has stored.
-- Its twin is migrations/postgres/0009_quota_day_and_storage.sql: a test proves that both describe the same tables.

ALTER TABLE jobs ADD COLUMN quota_day INTEGER;

-- Until now the unused part of a job went back to the day on which it was due.
UPDATE jobs SET quota_day = due / 86400000000
    WHERE processing_started IS NOT NULL AND key_type <> 'test' AND status NOT IN ('cancelled', 'sending limits exceeded');

-- Bytes that the service stored on this day and that are still there.
ALTER TABLE daily_counter_parts ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;

-- How many bytes the service may store, where that differs from the setting.
ALTER TABLE services ADD COLUMN storage_limit_bytes INTEGER;

-- The sizes of files, for when they are removed and for the audit. Files from before are not counted.
ALTER TABLE notifications ADD COLUMN file_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spreadsheets ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contact_lists ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE template_files ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
