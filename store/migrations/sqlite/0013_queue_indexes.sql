-- Indexes of the queue that the planner can use for nothing but what they are for. While old entries cannot be vacuumed,
-- a claim that walks the wrong index reads the tasks of all lanes, and ending a task reads everything that is claimed.
-- Its twin is migrations/postgres/0013_queue_indexes.sql: a test proves that both describe the same tables.

-- Looking for services with ready tasks goes in the order of the services too, and must use tasks_by_turn.
DROP INDEX tasks_by_subject;
-- Cancelling and erasing: the tasks of a service whose range holds an id.
CREATE INDEX tasks_by_subject ON tasks (service_id, last_subject, first_subject) WHERE last_subject IS NOT NULL;
-- The same, for tasks that have no range.
CREATE INDEX tasks_without_subject ON tasks (service_id) WHERE last_subject IS NULL;

-- Not `WHERE lease IS NOT NULL`: `id = … AND lease = …` implies it, and must use the primary key.
DROP INDEX tasks_in_hand;
-- Taking back what a dead worker has claimed.
CREATE INDEX tasks_in_hand ON tasks (worker) WHERE worker IS NOT NULL;
