-- A daily counter is a row that every commit changes, and a transaction that stays open keeps every version of it: each
-- change then steps over all versions before it. So a counter moves to a new row after some hundred changes, and a look-up
-- begins with the newest.
-- Its twin is migrations/sqlite/0007_counter_parts.sql: a test proves that both describe the same tables.

CREATE TABLE daily_counter_parts (
    service_id uuid NOT NULL,
    allowance text NOT NULL,
    day bigint NOT NULL,
    -- The value is in the row with the highest part.
    part bigint NOT NULL,
    spent bigint NOT NULL,
    changes bigint NOT NULL,
    PRIMARY KEY (service_id, allowance, day, part)
    -- Free space in each page keeps the versions of a row together. Few rows that change all the time: a share of the rows
    -- would ask for a vacuum after every fifty changes.
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- The old table stays for processes of the version before, which count in it until they are replaced.
INSERT INTO daily_counter_parts (service_id, allowance, day, part, spent, changes)
    SELECT service_id, allowance, day, 0, spent, 0 FROM daily_counters;
