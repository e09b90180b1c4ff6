-- Letters wait for the print run, which claims them before it hands them to a print provider.
-- Its twin is migrations/postgres/0014_letter_print_run.sql: a test proves that both describe the same tables.

-- When the letter was created, from when its pages are made until a print run claims it.
ALTER TABLE notifications ADD COLUMN to_print_at INTEGER;
-- The deadline of the print run that has claimed the letter: from then on it cannot be cancelled.
ALTER TABLE notifications ADD COLUMN print_deadline INTEGER;

-- The print run: letters that wait for it, oldest first. Whatever is no letter, and a letter once it is claimed, costs nothing.
CREATE INDEX letters_to_print ON notifications (to_print_at, id) WHERE to_print_at IS NOT NULL;
-- `pillarbox letters runs`: what became of the letters of a run.
CREATE INDEX letters_of_print_run ON notifications (print_deadline) WHERE print_deadline IS NOT NULL;

-- The print runs that have begun.
CREATE TABLE print_runs (
    deadline INTEGER NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL,
    -- When no letter of before the deadline was left to be claimed; that of the last time, if the run was repeated.
    finished_at INTEGER
);

-- What each run has claimed for each provider, by class of postage.
CREATE TABLE print_run_volumes (
    deadline INTEGER NOT NULL,
    provider TEXT NOT NULL,
    postage TEXT NOT NULL,
    letters INTEGER NOT NULL,
    sheets INTEGER NOT NULL,
    PRIMARY KEY (deadline, provider, postage)
);

-- Letters that are handed over together, as one file. A provider that takes each letter by itself has none.
CREATE TABLE print_batches (
    id BLOB NOT NULL PRIMARY KEY,
    deadline INTEGER NOT NULL,
    provider TEXT NOT NULL,
    -- Counts the batches of a run for a provider, from 1.
    number INTEGER NOT NULL,
    -- Name of the file, once it is known.
    name TEXT,
    -- How far it is: `claimed`, `put` or `sent`.
    state TEXT NOT NULL,
    letters INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    UNIQUE (deadline, provider, number)
);

-- A letter is in one batch. The rows are deleted when the batch is sent.
CREATE TABLE print_batch_letters (
    notification_id BLOB NOT NULL PRIMARY KEY,
    batch_id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    created_at INTEGER NOT NULL
);

-- The letters of a batch, in the order in which they were created.
CREATE INDEX print_batch_letters_of_batch ON print_batch_letters (batch_id, created_at, notification_id);
