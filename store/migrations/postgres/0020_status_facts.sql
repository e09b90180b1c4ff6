-- How many notifications of a local day have which status, so that nobody counts rows (docs/spec/workers.md §15.2). Its twin is
-- migrations/sqlite/0020_status_facts.sql: a test proves that both describe the same tables.

CREATE TABLE ft_notification_status (
    -- Local day of created_at, counted from 1 January 1970.
    local_day bigint NOT NULL,
    service_id uuid NOT NULL,
    template_id uuid NOT NULL,
    -- Zeros for a notification without a job.
    job_id uuid NOT NULL,
    notification_type text NOT NULL,
    key_type text NOT NULL,
    status text NOT NULL,
    notification_count bigint NOT NULL,
    PRIMARY KEY (service_id, local_day, template_id, job_id, notification_type, key_type, status)
);

-- The figures of the whole platform, by day.
CREATE INDEX ft_notification_status_by_day ON ft_notification_status (local_day);

-- What has changed and is not in the table above yet. A task moves it there every minute; reading adds up both. Rows are only
-- appended, without an index: commits that count the same thing at the same time do not wait for each other, and a
-- transaction that is held open slows nothing.
CREATE TABLE ft_notification_status_changes (
    -- created_at in quarters of an hour since 1970: in every time zone a local day begins with one, and zones are the program's.
    quarter_hour bigint NOT NULL,
    service_id uuid NOT NULL,
    template_id uuid NOT NULL,
    job_id uuid NOT NULL,
    notification_type text NOT NULL,
    key_type text NOT NULL,
    status text NOT NULL,
    change bigint NOT NULL
);

-- Everything in it is deleted within a minute or two.
ALTER TABLE ft_notification_status_changes
    SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000);

-- Triggers, because notifications change their status in a dozen places, and a place that forgot to count would not be noticed.
-- One call for each statement: a commit of five hundred notifications appends a row for each template and status. Deleting
-- changes nothing: retention does not change what has happened.
CREATE FUNCTION count_new_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ft_notification_status_changes
    SELECT floor(extract(epoch FROM created_at) / 900)::bigint, service_id, template_id,
        COALESCE(job_id, '00000000-0000-0000-0000-000000000000'), notification_type, key_type, status, count(*)
    FROM added GROUP BY 1, 2, 3, 4, 5, 6, 7;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_changed_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ft_notification_status_changes
    SELECT floor(extract(epoch FROM created_at) / 900)::bigint, service_id, template_id,
        COALESCE(job_id, '00000000-0000-0000-0000-000000000000'), notification_type, key_type, status, sum(change)::bigint
    FROM (
        SELECT created_at, service_id, template_id, job_id, notification_type, key_type, status, 1 AS change FROM after_it
        UNION ALL
        SELECT created_at, service_id, template_id, job_id, notification_type, key_type, status, -1 AS change FROM before_it
    ) AS changed
    GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(change) <> 0;
    RETURN NULL;
END
$$;

CREATE TRIGGER notifications_status_counted AFTER INSERT ON notifications
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_new_status();

CREATE TRIGGER notifications_status_changed AFTER UPDATE ON notifications
    REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it FOR EACH STATEMENT EXECUTE FUNCTION count_changed_status();

-- Receipts and returned letters that come after the notification was archived.
CREATE TRIGGER notification_history_status_changed AFTER UPDATE ON notification_history
    REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it FOR EACH STATEMENT EXECUTE FUNCTION count_changed_status();

-- What there is already, live and archived.
INSERT INTO ft_notification_status_changes
SELECT floor(extract(epoch FROM created_at) / 900)::bigint, service_id, template_id,
    COALESCE(job_id, '00000000-0000-0000-0000-000000000000'), notification_type, key_type, status, count(*)
FROM (
    SELECT created_at, service_id, template_id, job_id, notification_type, key_type, status FROM notifications
    UNION ALL
    SELECT created_at, service_id, template_id, job_id, notification_type, key_type, status FROM notification_history
) AS existing
GROUP BY 1, 2, 3, 4, 5, 6, 7;
