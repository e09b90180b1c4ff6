-- Providers as an operator manages them: who sends which share, with the history of every change; counts of their errors and
-- of what was sent through them on a day; and what became of every attempt to send a message.
-- Its twin is migrations/sqlite/0010_providers.sql: a test proves that both describe the same tables.

CREATE TABLE provider_details (
    id uuid NOT NULL PRIMARY KEY,
    notification_type text NOT NULL,
    identifier text NOT NULL,
    priority bigint NOT NULL,
    -- Where the priority returns to after automatic changes: that of the settings, or the last that an operator set.
    resting_priority bigint NOT NULL,
    -- The priority in the settings when they were last applied: another one there is a change of the settings.
    configured_priority bigint NOT NULL,
    active boolean NOT NULL,
    supports_international boolean NOT NULL,
    version bigint NOT NULL,
    -- Null until the first change.
    updated_at timestamptz,
    -- Null for changes by the platform itself and by the settings.
    created_by uuid REFERENCES users (id),
    reason text,
    UNIQUE (notification_type, identifier)
);

CREATE TABLE provider_details_history (
    id uuid NOT NULL,
    version bigint NOT NULL,
    notification_type text NOT NULL,
    identifier text NOT NULL,
    priority bigint NOT NULL,
    resting_priority bigint NOT NULL,
    configured_priority bigint NOT NULL,
    active boolean NOT NULL,
    supports_international boolean NOT NULL,
    updated_at timestamptz,
    created_by uuid REFERENCES users (id),
    reason text,
    PRIMARY KEY (id, version)
);

-- Small numbers that all processes add to: errors by a few seconds, messages by day, slow runs in a row.
CREATE TABLE provider_counters (
    notification_type text NOT NULL,
    identifier text NOT NULL,
    counter text NOT NULL,
    period bigint NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (notification_type, identifier, counter, period)
    -- Few rows that change all the time: free space keeps the versions of a row on its page.
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE attempts (
    notification_id uuid NOT NULL,
    -- Counts from 1.
    number bigint NOT NULL,
    -- Null until the call begins, if several providers can be chosen.
    provider text,
    started_at timestamptz NOT NULL,
    -- Null while the outcome is not recorded.
    ended_at timestamptz,
    outcome text,
    detail text,
    PRIMARY KEY (notification_id, number)
) PARTITION BY RANGE (notification_id);

-- Partitioned by day as `notifications` is, so that the attempts of a day are dropped with its messages.
CREATE TABLE attempts_default PARTITION OF attempts DEFAULT;
