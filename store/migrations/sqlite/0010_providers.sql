-- Providers as an operator manages them: who sends which share, with the history of every change; counts of their errors and
-- of what was sent through them on a day; and what became of every attempt to send a message.
-- Its twin is migrations/postgres/0010_providers.sql: a test proves that both describe the same tables.

CREATE TABLE provider_details (
    id BLOB NOT NULL PRIMARY KEY,
    notification_type TEXT NOT NULL,
    identifier TEXT NOT NULL,
    priority INTEGER NOT NULL,
    -- Where the priority returns to after automatic changes: that of the settings, or the last that an operator set.
    resting_priority INTEGER NOT NULL,
    -- The priority in the settings when they were last applied: another one there is a change of the settings.
    configured_priority INTEGER NOT NULL,
    active INTEGER NOT NULL,
    supports_international INTEGER NOT NULL,
    version INTEGER NOT NULL,
    -- Null until the first change.
    updated_at INTEGER,
    -- Null for changes by the platform itself and by the settings.
    created_by BLOB REFERENCES users (id),
    reason TEXT,
    UNIQUE (notification_type, identifier)
);

CREATE TABLE provider_details_history (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    notification_type TEXT NOT NULL,
    identifier TEXT NOT NULL,
    priority INTEGER NOT NULL,
    resting_priority INTEGER NOT NULL,
    configured_priority INTEGER NOT NULL,
    active INTEGER NOT NULL,
    supports_international INTEGER NOT NULL,
    updated_at INTEGER,
    created_by BLOB REFERENCES users (id),
    reason TEXT,
    PRIMARY KEY (id, version)
);

-- Small numbers that all processes add to: errors by a few seconds, messages by day, slow runs in a row.
CREATE TABLE provider_counters (
    notification_type TEXT NOT NULL,
    identifier TEXT NOT NULL,
    counter TEXT NOT NULL,
    period INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (notification_type, identifier, counter, period)
);

CREATE TABLE attempts (
    notification_id BLOB NOT NULL,
    -- Counts from 1.
    number INTEGER NOT NULL,
    -- Null until the call begins, if several providers can be chosen.
    provider TEXT,
    started_at INTEGER NOT NULL,
    -- Null while the outcome is not recorded.
    ended_at INTEGER,
    outcome TEXT,
    detail TEXT,
    PRIMARY KEY (notification_id, number)
) WITHOUT ROWID;
