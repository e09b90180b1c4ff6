-- A daily counter is a row that every commit changes. On PostgreSQL, where old versions of a row can stay for long, it moves
-- to a new row after some hundred changes.
-- Its twin is migrations/postgres/0007_counter_parts.sql: a test proves that both describe the same tables.

CREATE TABLE daily_counter_parts (
    service_id BLOB NOT NULL,
    allowance TEXT NOT NULL,
    day INTEGER NOT NULL,
    -- The value is in the row with the highest part.
    part INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    PRIMARY KEY (service_id, allowance, day, part)
);

INSERT INTO daily_counter_parts (service_id, allowance, day, part, spent, changes)
    SELECT service_id, allowance, day, 0, spent, 0 FROM daily_counters;
