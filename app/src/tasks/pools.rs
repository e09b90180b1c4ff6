//! The worker pools, and the names that tasks give them.

use queue::{LeasedTask, Pool};

use super::Step;

pub(crate) const SEND_EMAIL: &str = "send-email-tasks";
pub(crate) const SEND_SMS: &str = "send-sms-tasks";
pub(crate) const SEND_LETTER: &str = "send-letter-tasks";
/// Making the pages of letters from their templates.
pub(crate) const CREATE_LETTERS_PDF: &str = "create-letters-pdf-tasks";
/// Scanning supplied PDFs for viruses.
pub(crate) const ANTIVIRUS: &str = "antivirus-tasks";
/// Checking supplied PDFs.
pub(crate) const SANITISE_LETTERS: &str = "sanitise-letter-tasks";
/// Rows of jobs.
pub(crate) const JOBS: &str = "job-tasks";
/// Receipts of text messages.
pub(crate) const SMS_CALLBACKS: &str = "sms-callbacks";
/// Receipts of e-mails, from whichever provider.
pub(crate) const SES_CALLBACKS: &str = "ses-callbacks";
/// Receipts of letters.
pub(crate) const LETTER_CALLBACKS: &str = "letter-callbacks";
/// First attempts of callbacks to services.
pub(crate) const SERVICE_CALLBACKS: &str = "service-callbacks";
/// Their retries, so that endpoints that fail delay none that work.
pub(crate) const SERVICE_CALLBACKS_RETRY: &str = "service-callbacks-retry";
/// What stores rows that others have listed: returned letters.
pub(crate) const DATABASE: &str = "database-tasks";
/// Zips of letters.
pub(crate) const PROCESS_FTP: &str = "process-ftp-tasks";
/// What the platform tells print providers, and what they tell it in files.
pub(crate) const NOTIFY_INTERNAL: &str = "notify-internal-tasks";
pub(crate) const RESEARCH_MODE: &str = "research-mode-tasks";
/// Scheduled tasks, and the platform's own.
pub(crate) const PERIODIC: &str = "periodic-tasks";

/// The worker pools, named as the queues of `docs/spec/workers.md` §2, with the number of tasks that each runs at the
/// same time.
pub const POOLS: &[Pool] = &[
    Pool {
        name: SEND_EMAIL,
        workers: 4,
    },
    Pool {
        name: SEND_SMS,
        workers: 4,
    },
    Pool {
        name: SEND_LETTER,
        workers: 2,
    },
    Pool {
        name: CREATE_LETTERS_PDF,
        workers: 2,
    },
    Pool {
        name: ANTIVIRUS,
        workers: 2,
    },
    Pool {
        name: SANITISE_LETTERS,
        workers: 2,
    },
    Pool {
        name: JOBS,
        workers: 4,
    },
    Pool {
        name: SMS_CALLBACKS,
        workers: 2,
    },
    Pool {
        name: SES_CALLBACKS,
        workers: 2,
    },
    Pool {
        name: LETTER_CALLBACKS,
        workers: 2,
    },
    Pool {
        name: SERVICE_CALLBACKS,
        workers: 32,
    },
    Pool {
        name: SERVICE_CALLBACKS_RETRY,
        workers: 32,
    },
    Pool {
        name: DATABASE,
        workers: 2,
    },
    Pool {
        // No service has them, so one of them runs at a time: each holds a zip in memory.
        name: PROCESS_FTP,
        workers: 2,
    },
    Pool {
        name: NOTIFY_INTERNAL,
        workers: 2,
    },
    Pool {
        name: RESEARCH_MODE,
        workers: 2,
    },
    Pool {
        name: PERIODIC,
        workers: 2,
    },
];

/// Returns the pool of the tasks that continue a delivery task: its own.
pub(crate) fn delivery_pool_of(task: &LeasedTask, step: Step) -> &'static str {
    if task.pool == RESEARCH_MODE {
        RESEARCH_MODE
    } else {
        step.pool()
    }
}
