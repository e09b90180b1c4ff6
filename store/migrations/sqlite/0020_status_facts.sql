-- How many notifications of a local day have which status, so that nobody counts rows (docs/spec/workers.md §15.2). Its twin is
-- migrations/postgres/0020_status_facts.sql: a test proves that both describe the same tables.

CREATE TABLE ft_notification_status (
    -- Local day of created_at, counted from 1 January 1970.
    local_day INTEGER NOT NULL,
    service_id BLOB NOT NULL,
    template_id BLOB NOT NULL,
    -- Sixteen zero bytes for a notification without a job.
    job_id BLOB NOT NULL,
    notification_type TEXT NOT NULL,
    key_type TEXT NOT NULL,
    status TEXT NOT NULL,
    notification_count INTEGER NOT NULL,
    PRIMARY KEY (service_id, local_day, template_id, job_id, notification_type, key_type, status)
) WITHOUT ROWID;

-- The figures of the whole platform, by day.
CREATE INDEX ft_notification_status_by_day ON ft_notification_status (local_day);

-- What has changed and is not in the table above yet. A task moves it there every minute; reading adds up both.
CREATE TABLE ft_notification_status_changes (
    -- created_at in quarters of an hour since 1970: in every time zone a local day begins with one, and SQL knows no zones.
    quarter_hour INTEGER NOT NULL,
    service_id BLOB NOT NULL,
    template_id BLOB NOT NULL,
    job_id BLOB NOT NULL,
    notification_type TEXT NOT NULL,
    key_type TEXT NOT NULL,
    status TEXT NOT NULL,
    change INTEGER NOT NULL,
    -- PostgreSQL appends in place of adding up, and has no key.
    UNIQUE (quarter_hour, service_id, template_id, job_id, notification_type, key_type, status)
);

-- Triggers, because notifications change their status in a dozen places, and a place that forgot to count would not be noticed.
-- Deleting changes nothing: retention does not change what has happened.
CREATE TRIGGER notifications_status_counted AFTER INSERT ON notifications
BEGIN
    INSERT INTO ft_notification_status_changes
    VALUES (NEW.created_at / 900000000, NEW.service_id, NEW.template_id, COALESCE(NEW.job_id, zeroblob(16)),
        NEW.notification_type, NEW.key_type, NEW.status, 1)
    ON CONFLICT DO UPDATE SET change = change + 1;
END;

CREATE TRIGGER notifications_status_changed AFTER UPDATE OF status ON notifications WHEN NEW.status <> OLD.status
BEGIN
    INSERT INTO ft_notification_status_changes
    VALUES (NEW.created_at / 900000000, NEW.service_id, NEW.template_id, COALESCE(NEW.job_id, zeroblob(16)),
        NEW.notification_type, NEW.key_type, OLD.status, -1)
    ON CONFLICT DO UPDATE SET change = change - 1;
    INSERT INTO ft_notification_status_changes
    VALUES (NEW.created_at / 900000000, NEW.service_id, NEW.template_id, COALESCE(NEW.job_id, zeroblob(16)),
        NEW.notification_type, NEW.key_type, NEW.status, 1)
    ON CONFLICT DO UPDATE SET change = change + 1;
END;

-- Receipts and returned letters that come after the notification was archived.
CREATE TRIGGER notification_history_status_changed AFTER UPDATE OF status ON notification_history
WHEN NEW.status <> OLD.status
BEGIN
    INSERT INTO ft_notification_status_changes
    VALUES (NEW.created_at / 900000000, NEW.service_id, NEW.template_id, COALESCE(NEW.job_id, zeroblob(16)),
        NEW.notification_type, NEW.key_type, OLD.status, -1)
    ON CONFLICT DO UPDATE SET change = change - 1;
    INSERT INTO ft_notification_status_changes
    VALUES (NEW.created_at / 900000000, NEW.service_id, NEW.template_id, COALESCE(NEW.job_id, zeroblob(16)),
        NEW.notification_type, NEW.key_type, NEW.status, 1)
    ON CONFLICT DO UPDATE SET change = change + 1;
END;

-- What there is already, live and archived.
INSERT INTO ft_notification_status_changes
SELECT created_at / 900000000, service_id, template_id, COALESCE(job_id, zeroblob(16)), notification_type, key_type, status,
    count(*)
FROM (
    SELECT created_at, service_id, template_id, job_id, notification_type, key_type, status FROM notifications
    UNION ALL
    SELECT created_at, service_id, template_id, job_id, notification_type, key_type, status FROM notification_history
)
GROUP BY 1, 2, 3, 4, 5, 6, 7;
