-- What comes back about letters: response files of print providers, and the daily counts that their bills are compared with.
-- Its twin is migrations/sqlite/0015_letter_responses.sql: a test proves that both describe the same tables.

-- Sorted and unsorted letters: one row for each response file. The day is a local one, in days since 1 January 1970.
CREATE TABLE daily_sorted_letter (
    id uuid NOT NULL PRIMARY KEY,
    billing_day bigint NOT NULL,
    -- The whole key of the file.
    file_name text NOT NULL,
    sorted_count bigint NOT NULL,
    unsorted_count bigint NOT NULL,
    -- When a file of the same name replaced the counts.
    updated_at timestamptz,
    CONSTRAINT uix_file_name_billing_day UNIQUE (file_name, billing_day)
);

-- The counts of a day.
CREATE INDEX daily_sorted_letter_by_day ON daily_sorted_letter (billing_day);

-- Response files that were noticed or read, and how far their two tasks have come.
CREATE TABLE response_files (
    file_name text NOT NULL PRIMARY KEY,
    -- Changes when a file of the same name replaces it; null once it has been put aside.
    version text,
    noticed_at timestamptz NOT NULL,
    -- The version that each task has last come to the end of, and what was wrong with it.
    statuses_version text,
    statuses_at timestamptz,
    statuses_problem text,
    counts_version text,
    counts_at timestamptz,
    counts_problem text
);

-- Operators' list, newest first, and the daily look for files without counts.
CREATE INDEX response_files_by_time ON response_files (noticed_at);
