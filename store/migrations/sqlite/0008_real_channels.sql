-- The channels whose messages this installation has sent through a real provider: without settings they must not go to the
-- development sink, as those of a new installation do.
-- Its twin is migrations/postgres/0008_real_channels.sql: a test proves that both describe the same tables.

CREATE TABLE real_channels (
    channel TEXT NOT NULL PRIMARY KEY
);
