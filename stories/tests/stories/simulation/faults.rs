//! What the store refuses while it is broken: a statement in the middle of a transaction, or its end.

use std::fmt::Write as _;

/// By what is done to which table; at an end, what must have happened before.
pub(super) const FAULTS: [&str; 9] = [
    "INSERT ON notifications",
    "UPDATE ON notifications",
    "INSERT ON tasks",
    "UPDATE ON tasks",
    "DELETE ON tasks",
    "UPDATE ON jobs",
    "INSERT ON idempotency_keys",
    "COMMIT after INSERT ON tasks",
    "COMMIT after UPDATE ON notifications",
];

/// Tables and triggers of the storm's own: what is named in `refused` is refused, once so many were spared. A commit fails
/// by a reference to nothing, which `SQLite` looks at in the end.
pub(super) fn triggers() -> String {
    let mut made = "
        CREATE TABLE refused (what TEXT NOT NULL, spared INTEGER NOT NULL);
        CREATE TABLE nobody (id INTEGER PRIMARY KEY);
        CREATE TABLE dangling (id INTEGER REFERENCES nobody (id) DEFERRABLE INITIALLY DEFERRED);"
        .to_owned();
    for (number, fault) in FAULTS.iter().enumerate() {
        let refused =
            format!("EXISTS (SELECT 1 FROM refused WHERE what = '{fault}' AND spared = 0)");
        let (event, refusal) = match fault.strip_prefix("COMMIT after ") {
            Some(event) => (
                event,
                format!("INSERT INTO dangling SELECT 1 WHERE {refused}"),
            ),
            None => (
                *fault,
                format!("SELECT RAISE(ABORT, 'refused by the storm') WHERE {refused}"),
            ),
        };
        write!(
            made,
            "CREATE TRIGGER refuse_{number} BEFORE {event}
             WHEN EXISTS (SELECT 1 FROM refused WHERE what = '{fault}')
             BEGIN
                 {refusal};
                 UPDATE refused SET spared = spared - 1 WHERE what = '{fault}' AND spared > 0;
             END;"
        )
        .expect("a string takes all");
    }
    made
}
