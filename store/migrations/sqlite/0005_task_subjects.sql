-- The ids that a task names in its payload, as a range: tasks are found by the job or notification that they are about.
-- Its twin is migrations/postgres/0005_task_subjects.sql: a test proves that both describe the same tables.

-- The lowest and the highest of them; both null if the task names none.
ALTER TABLE tasks ADD COLUMN first_subject BLOB;
ALTER TABLE tasks ADD COLUMN last_subject BLOB;
-- Kept so that a replayed task is found again.
ALTER TABLE dead_letters ADD COLUMN first_subject BLOB;
ALTER TABLE dead_letters ADD COLUMN last_subject BLOB;

-- The tasks that wait, by the two forms of payload that name ids: {"ids":["…","…"]} and {"job":"…"}.
UPDATE tasks SET
    first_subject = unhex(replace((SELECT min(value) FROM json_each(payload, '$.ids')), '-', '')),
    last_subject = unhex(replace((SELECT max(value) FROM json_each(payload, '$.ids')), '-', ''))
WHERE payload LIKE '{"ids":["%' AND json_valid(payload);
UPDATE tasks SET
    first_subject = unhex(replace(json_extract(payload, '$.job'), '-', '')),
    last_subject = unhex(replace(json_extract(payload, '$.job'), '-', ''))
WHERE payload LIKE '{"job":"%' AND json_valid(payload);
UPDATE dead_letters SET
    first_subject = unhex(replace((SELECT min(value) FROM json_each(payload, '$.ids')), '-', '')),
    last_subject = unhex(replace((SELECT max(value) FROM json_each(payload, '$.ids')), '-', ''))
WHERE payload LIKE '{"ids":["%' AND json_valid(payload);
UPDATE dead_letters SET
    first_subject = unhex(replace(json_extract(payload, '$.job'), '-', '')),
    last_subject = unhex(replace(json_extract(payload, '$.job'), '-', ''))
WHERE payload LIKE '{"job":"%' AND json_valid(payload);

-- Cancelling and erasing: the tasks of a service whose range holds an id.
CREATE INDEX tasks_by_subject ON tasks (service_id, last_subject, first_subject);
