-- What taking back the tasks of dead workers needs.
-- Its twin is migrations/postgres/0004_tasks_of_the_dead.sql: a test proves that both describe the same tables.

-- In how many dead workers' hands the task was since it last got on.
ALTER TABLE tasks ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
