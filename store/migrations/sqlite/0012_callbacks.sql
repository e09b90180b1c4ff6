-- Callbacks: the health of their endpoints, and the log of attempts.
-- Its twin is migrations/postgres/0012_callbacks.sql: a test proves that both describe the same tables.

-- Whether the statuses of letters are told too.
ALTER TABLE service_callbacks ADD COLUMN letters INTEGER NOT NULL DEFAULT FALSE;
-- Since when every attempt has failed, and how many have.
ALTER TABLE service_callbacks ADD COLUMN failing_since INTEGER;
ALTER TABLE service_callbacks ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
-- Since when no attempt is made.
ALTER TABLE service_callbacks ADD COLUMN paused_at INTEGER;

-- One row for each attempt, kept for a week. Ids sort by time, so that the oldest lie together.
CREATE TABLE callback_attempts (
    id BLOB NOT NULL PRIMARY KEY,
    service_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    -- The notification, inbound SMS or complaint.
    subject_id BLOB NOT NULL,
    -- What was told, as the task has it: ids, a status and times.
    event TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    -- HTTP status; null without an answer.
    status INTEGER,
    latency_ms INTEGER NOT NULL,
    -- The beginning of an answer that was no success, without what may be personal.
    answer TEXT,
    created_at INTEGER NOT NULL,
    -- When it was enqueued again.
    replayed_at INTEGER
);

-- The log of a service, newest first, and what of it is to be replayed.
CREATE INDEX callback_attempts_of_service ON callback_attempts (service_id, id);
-- What was told about one notification.
CREATE INDEX callback_attempts_of_subject ON callback_attempts (subject_id);
