-- What taking back the tasks of a dead worker needs.
-- Its twin is migrations/postgres/0004_tasks_of_the_dead.sql: a test proves that both describe the same tables.

-- Who has the task, while there is a lease.
ALTER TABLE tasks ADD COLUMN worker BLOB;
-- In how many dead workers' hands the task was since it last got on.
ALTER TABLE tasks ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;

-- Taking back: what a worker has in hand.
CREATE INDEX tasks_in_hand ON tasks (worker) WHERE lease IS NOT NULL;
