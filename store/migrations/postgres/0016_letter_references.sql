-- References of letters are unique among all letters there ever were, stored or archived: a response file names a letter by
-- nothing else. PostgreSQL divides notifications by time, and no index there is unique over all of them.
-- Its twin is migrations/sqlite/0016_letter_references.sql: a test proves that both describe the same tables.

CREATE TABLE letter_references (
    reference text NOT NULL PRIMARY KEY,
    notification_id uuid NOT NULL
);

-- Of letters that share one, which no version has made, one is as good as the other.
INSERT INTO letter_references (reference, notification_id)
SELECT reference, id FROM notifications WHERE notification_type = 'letter' AND reference IS NOT NULL
ON CONFLICT DO NOTHING;

INSERT INTO letter_references (reference, notification_id)
SELECT reference, id FROM notification_history WHERE notification_type = 'letter' AND reference IS NOT NULL
ON CONFLICT DO NOTHING;
