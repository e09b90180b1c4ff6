//! Faults of the store: a statement that fails in the middle of a transaction, or its commit.

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

/// Returns tables and triggers that reject the events named in `refused`, after a number of them. A commit fails by a
/// foreign key that `SQLite` checks at its end.
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
