-- The ids that a task names in its payload, as a range: tasks are found by the job or notification that they are about.
-- Its twin is migrations/sqlite/0005_task_subjects.sql: a test proves that both describe the same tables.

-- The lowest and the highest of them; both null if the task names none.
ALTER TABLE tasks ADD COLUMN first_subject uuid;
ALTER TABLE tasks ADD COLUMN last_subject uuid;
-- Kept so that a replayed task is found again.
ALTER TABLE dead_letters ADD COLUMN first_subject uuid;
ALTER TABLE dead_letters ADD COLUMN last_subject uuid;

-- The tasks that wait, by the two forms of payload that name ids: {"ids":["…","…"]} and {"job":"…"}.
UPDATE tasks SET first_subject = named.first_id, last_subject = named.last_id
FROM (
    SELECT named.id, min(ids.id[1] COLLATE "C")::uuid AS first_id, max(ids.id[1] COLLATE "C")::uuid AS last_id
    FROM tasks AS named,
        regexp_matches(named.payload, '"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"', 'g') AS ids (id)
    WHERE named.payload LIKE '{"ids":["%' OR named.payload LIKE '{"job":"%'
    GROUP BY named.id
) AS named
WHERE named.id = tasks.id;
UPDATE dead_letters SET first_subject = named.first_id, last_subject = named.last_id
FROM (
    SELECT named.id, min(ids.id[1] COLLATE "C")::uuid AS first_id, max(ids.id[1] COLLATE "C")::uuid AS last_id
    FROM dead_letters AS named,
        regexp_matches(named.payload, '"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"', 'g') AS ids (id)
    WHERE named.payload LIKE '{"ids":["%' OR named.payload LIKE '{"job":"%'
    GROUP BY named.id
) AS named
WHERE named.id = dead_letters.id;

-- Cancelling and erasing: the tasks of a service whose range holds an id.
CREATE INDEX tasks_by_subject ON tasks (service_id, last_subject, first_subject);
