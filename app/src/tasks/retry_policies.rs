//! The retry policy of every kind of task (`docs/spec/workers.md` §20, `docs/spec/letters.md` §17).

use std::{fmt, time::Duration};

use domain::RandomSource;
use queue::{Delay, RetryPolicy, TaskContext, TaskOutcome};

use super::{
    ARCHIVE_UNSUBSCRIBE_REQUESTS, AUDIT_STORAGE, CHANGE_PRINT_API_KEY, CHANGE_PRINT_PASSWORD,
    CHECK_FOR_MISSING_ROWS, CHECK_FOR_RESPONSE_FILES, CHECK_JOB_STATUS, CHECK_SENDERS,
    CHECK_TIME_TO_COLLATE, COLLATE_LETTERS, DELETE_CALLBACK_ATTEMPTS, DELETE_INBOUND_SMS,
    DELETE_NOTIFICATIONS, DELETE_OLD_NOTIFICATIONS, DELIVER_EMAIL, DELIVER_LETTER, DELIVER_SMS,
    EMAIL_RECEIPTS, FOLD_STATUS_CHANGES, GENERATE_SMS_DELIVERY_STATS, LETTER_RECEIPT,
    LETTERS_IN_TECHNICAL_FAILURE, LETTERS_STILL_CREATED, LETTERS_STILL_SENDING,
    LETTERS_STILL_UNSCANNED, LETTERS_STILL_UNSCANNED_NIGHTLY, MAKE_LETTER_PDF,
    MISSING_ACKNOWLEDGEMENTS, MISSING_SORTED_COUNTS, NIGHTLY_STATUS_FACTS, PREPARE_PARTITIONS,
    PROBE_PAUSED_CALLBACKS, PROCESS_INCOMPLETE_JOB, PROCESS_JOB, PROCESS_MISSING_ROWS,
    RECORD_SORTED_COUNTS, REDUCE_SLOW_PROVIDERS, REMOVE_EXPIRED_DOCUMENTS, REMOVE_IDEMPOTENCY_KEYS,
    REMOVE_JOB_FILES, REPLAY_CALLBACKS, REPLAY_CREATED_NOTIFICATIONS, REPLAY_CREATED_THIS_WEEK,
    REPORT_OVERDUE_JOBS, RETURNED_LETTERS, RETURNED_LETTERS_BEFORE, RUN_SCHEDULED_JOBS,
    SANITISE_LETTER, SCAN_FILE, SEND_COMPLAINT, SEND_DELIVERY_STATUS, SEND_INBOUND_SMS,
    SEND_LETTER_VOLUMES, SEND_RETURNED_LETTER, SEND_UNSUBSCRIBE_REQUEST, SIMULATED_RECEIPTS,
    SMS_RECEIPTS, TELL_OF_PAUSED_CALLBACK, TEND_PROVIDERS, TIMEOUT_SENDING, UPDATE_LETTER_STATUSES,
    UPDATE_STATUS_OF_FULLY_PROCESSED_JOBS, ZIP_AND_SEND_LETTERS,
};

/// Sending a text message or an e-mail: four hours in total.
const SEND: RetryPolicy = RetryPolicy::fixed(48, Duration::from_mins(5));

/// Sending a letter to its print provider: two and three quarter hours in total.
const PRINT: RetryPolicy = RetryPolicy::fixed(55, Duration::from_mins(3));

/// Sending again a text message or an e-mail that a provider may have taken without saying so: it did not answer, or the
/// connection broke after it had the message. Each retry may deliver a second copy, so they are few and far apart. Counted
/// in [`Delivery`](super::Delivery), not in the attempts of the task.
pub(crate) const UNKNOWN_OUTCOME: RetryPolicy = RetryPolicy::fixed(3, Duration::from_hours(1));

/// Changing the password or the API key at a print provider. It is due again the next day.
const CHANGE_CREDENTIALS: RetryPolicy = RetryPolicy::fixed(3, Duration::from_mins(1));

/// Making and checking the PDF of a letter.
pub(crate) const LETTER_PDF: RetryPolicy = RetryPolicy::fixed(15, Duration::from_mins(5));

/// Scanning a supplied PDF for viruses.
pub(crate) const LETTER_SCAN: RetryPolicy = RetryPolicy::fixed(5, Duration::from_mins(5));

/// Storing the rows of a job, and other work of the platform's own that a short failure may hold up.
const ROWS: RetryPolicy = RetryPolicy::fixed(5, Duration::from_mins(5));

/// Applying a delivery receipt after an error.
const RECEIPT: RetryPolicy = RetryPolicy::fixed(5, Duration::from_mins(5));

/// Looking again for the notification of a receipt that came before it was committed.
pub(crate) const EARLY_RECEIPT: RetryPolicy = RetryPolicy::fixed(5, Duration::from_mins(1));

/// Calling a service back: six attempts over 25 minutes (`docs/spec/public-api.md` §24.1).
const CALLBACK: RetryPolicy = RetryPolicy::fixed(5, Duration::from_mins(5));

/// Looking again for the e-mail that a complaint is about (`docs/spec/workers.md` §9.2).
pub(crate) const COMPLAINT: RetryPolicy = RetryPolicy::fixed(5, Duration::from_mins(5));

/// Recording what is stored nowhere else, such as returned letters: without end.
const RECORD: RetryPolicy = RetryPolicy::fixed(u32::MAX, Duration::from_secs(5));

/// Reading a response file from a place that does not answer: without end, because nobody sends it again.
const RESPONSE_FILE: RetryPolicy = RetryPolicy::fixed(u32::MAX, Duration::from_mins(1));

/// Pause before a response file that was announced is looked for again.
pub(crate) const RESPONSE_FILE_LOOK: Duration = Duration::from_mins(5);

/// Starting scheduled jobs. The next scheduled run is a minute later, so only an earlier retry is useful.
const SCHEDULED_JOBS: RetryPolicy = RetryPolicy::fixed(u32::MAX, Duration::from_secs(10));

/// Scheduled tasks. They never become dead letters: each run does everything that is due.
const PERIODIC: RetryPolicy = RetryPolicy::fixed(u32::MAX, Duration::from_mins(1));

/// Removing what has expired. It is not urgent, and most of its failures are those of an overloaded storage.
const CLEANUP: RetryPolicy = RetryPolicy::fixed(u32::MAX, Duration::from_mins(5));

/// Pause of a task whose database or file storage does not answer now. It is a snooze, not an attempt: the failure says
/// nothing about the task.
pub(crate) const STORAGE_PAUSE: Duration = Duration::from_secs(5);

/// The policy of each kind of task.
const POLICIES: &[(&str, RetryPolicy)] = &[
    (DELIVER_EMAIL, SEND),
    (DELIVER_SMS, SEND),
    (DELIVER_LETTER, PRINT),
    (MAKE_LETTER_PDF, LETTER_PDF),
    (SCAN_FILE, LETTER_SCAN),
    (SANITISE_LETTER, LETTER_PDF),
    (COLLATE_LETTERS, PERIODIC),
    (CHECK_TIME_TO_COLLATE, PERIODIC),
    (PROCESS_JOB, ROWS),
    (PROCESS_INCOMPLETE_JOB, ROWS),
    (PROCESS_MISSING_ROWS, ROWS),
    (SMS_RECEIPTS, RECEIPT),
    (EMAIL_RECEIPTS, RECEIPT),
    (LETTER_RECEIPT, RECEIPT),
    (SIMULATED_RECEIPTS, RECORD),
    (SEND_DELIVERY_STATUS, CALLBACK),
    (SEND_INBOUND_SMS, CALLBACK),
    (SEND_RETURNED_LETTER, CALLBACK),
    (SEND_COMPLAINT, CALLBACK),
    (SEND_UNSUBSCRIBE_REQUEST, CALLBACK),
    (REPLAY_CALLBACKS, RECORD),
    (TELL_OF_PAUSED_CALLBACK, PERIODIC),
    (PROBE_PAUSED_CALLBACKS, PERIODIC),
    (DELETE_CALLBACK_ATTEMPTS, CLEANUP),
    (UPDATE_LETTER_STATUSES, RESPONSE_FILE),
    (RECORD_SORTED_COUNTS, RESPONSE_FILE),
    (CHECK_FOR_RESPONSE_FILES, PERIODIC),
    (CHANGE_PRINT_API_KEY, CHANGE_CREDENTIALS),
    (CHANGE_PRINT_PASSWORD, CHANGE_CREDENTIALS),
    (LETTERS_STILL_CREATED, PERIODIC),
    (LETTERS_IN_TECHNICAL_FAILURE, PERIODIC),
    (LETTERS_STILL_UNSCANNED, PERIODIC),
    (LETTERS_STILL_UNSCANNED_NIGHTLY, PERIODIC),
    (LETTERS_STILL_SENDING, PERIODIC),
    (MISSING_ACKNOWLEDGEMENTS, PERIODIC),
    (MISSING_SORTED_COUNTS, PERIODIC),
    (ZIP_AND_SEND_LETTERS, PRINT),
    (SEND_LETTER_VOLUMES, ROWS),
    (RETURNED_LETTERS, RECORD),
    (RETURNED_LETTERS_BEFORE, RECORD),
    (RUN_SCHEDULED_JOBS, SCHEDULED_JOBS),
    (CHECK_JOB_STATUS, PERIODIC),
    (REPORT_OVERDUE_JOBS, PERIODIC),
    (CHECK_FOR_MISSING_ROWS, PERIODIC),
    (UPDATE_STATUS_OF_FULLY_PROCESSED_JOBS, PERIODIC),
    (REPLAY_CREATED_NOTIFICATIONS, PERIODIC),
    (REPLAY_CREATED_THIS_WEEK, PERIODIC),
    (TIMEOUT_SENDING, PERIODIC),
    (PREPARE_PARTITIONS, PERIODIC),
    (REDUCE_SLOW_PROVIDERS, PERIODIC),
    (GENERATE_SMS_DELIVERY_STATS, PERIODIC),
    (TEND_PROVIDERS, PERIODIC),
    (REMOVE_EXPIRED_DOCUMENTS, PERIODIC),
    (REMOVE_IDEMPOTENCY_KEYS, PERIODIC),
    (CHECK_SENDERS, PERIODIC),
    (DELETE_OLD_NOTIFICATIONS, CLEANUP),
    (DELETE_NOTIFICATIONS, CLEANUP),
    (REMOVE_JOB_FILES, CLEANUP),
    (AUDIT_STORAGE, CLEANUP),
    (FOLD_STATUS_CHANGES, PERIODIC),
    (NIGHTLY_STATUS_FACTS, CLEANUP),
    (DELETE_INBOUND_SMS, CLEANUP),
    (ARCHIVE_UNSUBSCRIBE_REQUESTS, CLEANUP),
];

/// Returns the retry policy of a kind of task.
pub(crate) fn retry_policy(kind: &str) -> RetryPolicy {
    let found = POLICIES.iter().find(|(name, _)| *name == kind);
    // A task of an unknown kind is discarded before this is called.
    found.map_or(PERIODIC, |(_, policy)| *policy)
}

/// Returns the outcome of a failed attempt by the policy of the task's kind: a retry, or a dead letter once the retries
/// are used up.
pub(crate) fn retry(
    task: &TaskContext,
    random: &dyn RandomSource,
    why: &dyn fmt::Display,
) -> TaskOutcome {
    let leased = task.leased();
    match retry_policy(&leased.kind).next(leased.attempt, random) {
        Some(delay) => TaskOutcome::Retry(delay),
        None => TaskOutcome::Discard(why.to_string()),
    }
}

/// Returns the retry of a scheduled task. It has no last attempt.
pub(crate) fn retry_periodic(kind: &str) -> TaskOutcome {
    TaskOutcome::Retry(match retry_policy(kind).delay {
        Delay::Fixed(delay) => delay,
        Delay::Exponential { max, .. } => max,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_policy() {
        let mut kinds: Vec<_> = POLICIES.iter().map(|(kind, _)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), POLICIES.len());
        // The kinds are counted in the source, so that a new kind cannot be forgotten here.
        let declared = include_str!("kinds.rs")
            .split("pub(crate) const ")
            .filter(|item| item.split(';').next().unwrap().contains(".v1\""))
            .count();
        assert_eq!(kinds.len(), declared);
    }

    #[test]
    fn the_numbers_are_those_of_the_specification() {
        let numbers = |policy: RetryPolicy| match policy.delay {
            Delay::Fixed(delay) => (policy.max_retries, delay.as_secs()),
            Delay::Exponential { .. } => panic!("no policy has a backoff"),
        };
        assert_eq!(numbers(retry_policy(DELIVER_SMS)), (48, 300));
        assert_eq!(numbers(retry_policy(DELIVER_EMAIL)), (48, 300));
        assert_eq!(numbers(retry_policy(DELIVER_LETTER)), (55, 180));
        assert_eq!(numbers(UNKNOWN_OUTCOME), (3, 3600));
        assert_eq!(numbers(LETTER_PDF), (15, 300));
        assert_eq!(numbers(LETTER_SCAN), (5, 300));
        assert_eq!(numbers(retry_policy(PROCESS_JOB)), (5, 300));
        assert_eq!(numbers(retry_policy(SMS_RECEIPTS)), (5, 300));
        assert_eq!(numbers(retry_policy(SEND_DELIVERY_STATUS)), (5, 300));
    }
}
