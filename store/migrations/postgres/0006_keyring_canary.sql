-- A sealed value with known contents: a process whose keyring does not open it refuses to start.
-- Its twin is migrations/sqlite/0006_keyring_canary.sql: a test proves that both describe the same tables.

CREATE TABLE keyring_canary (
    id uuid NOT NULL PRIMARY KEY,
    sealed bytea NOT NULL
);
