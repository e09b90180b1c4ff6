-- A sealed value with known contents: a process whose keyring does not open it refuses to start.
-- Its twin is migrations/postgres/0006_keyring_canary.sql: a test proves that both describe the same tables.

CREATE TABLE keyring_canary (
    id BLOB NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
);
