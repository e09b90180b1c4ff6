//! The sizes of the worker pools.

use schemars::JsonSchema;
use serde::Deserialize;

/// Number of tasks that each worker pool runs at the same time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Workers {
    /// Delivery of e-mails, up to a hundred in a task.
    #[schemars(range(min = 1, max = 10_000))]
    pub send_email_tasks: u32,
    /// Delivery of text messages, up to a hundred in a task.
    #[schemars(range(min = 1, max = 10_000))]
    pub send_sms_tasks: u32,
    /// Handing letters to their print provider, once a print run has claimed them.
    #[schemars(range(min = 1, max = 10_000))]
    pub send_letter_tasks: u32,
    /// Making the pages of letters from their templates.
    #[schemars(range(min = 1, max = 10_000))]
    pub create_letters_pdf_tasks: u32,
    /// Scanning letters that are supplied as PDF for viruses.
    #[schemars(range(min = 1, max = 10_000))]
    pub antivirus_tasks: u32,
    /// Checking letters that are supplied as PDF.
    #[schemars(range(min = 1, max = 10_000))]
    pub sanitise_letter_tasks: u32,
    /// Jobs whose rows are being stored. Raise it if many services send large jobs at the same time.
    #[schemars(range(min = 1, max = 10_000))]
    pub job_tasks: u32,
    /// Delivery receipts of text messages. A task is a batch of up to a hundred.
    #[schemars(range(min = 1, max = 10_000))]
    pub sms_callbacks: u32,
    /// Receipts of e-mails: deliveries, bounces, complaints. A task is a batch of up to a hundred.
    #[schemars(range(min = 1, max = 10_000))]
    pub ses_callbacks: u32,
    /// Delivery receipts of letters.
    #[schemars(range(min = 1, max = 10_000))]
    pub letter_callbacks: u32,
    /// First attempts of callbacks to services, up to a hundred in a task. Few of them, if many services have endpoints
    /// that do not answer, are left for the others.
    #[schemars(range(min = 1, max = 10_000))]
    pub service_callbacks: u32,
    /// Retries of callbacks.
    #[schemars(range(min = 1, max = 10_000))]
    pub service_callbacks_retry: u32,
    /// Zips of letters, each handed to a file drop. A zip is in memory, up to 40 MiB.
    #[schemars(range(min = 1, max = 10_000))]
    pub process_ftp_tasks: u32,
    /// Lists of returned letters.
    #[schemars(range(min = 1, max = 10_000))]
    pub database_tasks: u32,
    /// What the platform does for itself: response files of print providers.
    #[schemars(range(min = 1, max = 10_000))]
    pub notify_internal_tasks: u32,
    /// Simulated receipts, for test keys and simulated recipients.
    #[schemars(range(min = 1, max = 10_000))]
    pub research_mode_tasks: u32,
    /// Scheduled tasks.
    #[schemars(range(min = 1, max = 10_000))]
    pub periodic_tasks: u32,
}

impl Default for Workers {
    fn default() -> Self {
        Self {
            send_email_tasks: 4,
            send_sms_tasks: 4,
            send_letter_tasks: 2,
            create_letters_pdf_tasks: 2,
            antivirus_tasks: 2,
            sanitise_letter_tasks: 2,
            job_tasks: 4,
            sms_callbacks: 2,
            ses_callbacks: 2,
            letter_callbacks: 2,
            service_callbacks: 32,
            service_callbacks_retry: 32,
            process_ftp_tasks: 2,
            database_tasks: 2,
            notify_internal_tasks: 2,
            research_mode_tasks: 2,
            periodic_tasks: 2,
        }
    }
}

impl Workers {
    /// Returns the worker pools of the platform with the sizes from these settings.
    pub fn pools(&self) -> Vec<queue::Pool> {
        app::tasks::POOLS
            .iter()
            .map(|pool| queue::Pool {
                workers: self.size_of(pool),
                ..pool.clone()
            })
            .collect()
    }

    fn size_of(&self, pool: &queue::Pool) -> u32 {
        let workers = match pool.name {
            "send-email-tasks" => self.send_email_tasks,
            "send-sms-tasks" => self.send_sms_tasks,
            "send-letter-tasks" => self.send_letter_tasks,
            "create-letters-pdf-tasks" => self.create_letters_pdf_tasks,
            "antivirus-tasks" => self.antivirus_tasks,
            "sanitise-letter-tasks" => self.sanitise_letter_tasks,
            "job-tasks" => self.job_tasks,
            "sms-callbacks" => self.sms_callbacks,
            "ses-callbacks" => self.ses_callbacks,
            "letter-callbacks" => self.letter_callbacks,
            "service-callbacks" => self.service_callbacks,
            "service-callbacks-retry" => self.service_callbacks_retry,
            "process-ftp-tasks" => self.process_ftp_tasks,
            "database-tasks" => self.database_tasks,
            "notify-internal-tasks" => self.notify_internal_tasks,
            "research-mode-tasks" => self.research_mode_tasks,
            "periodic-tasks" => self.periodic_tasks,
            _ => pool.workers,
        };
        // The tasks of a pool without workers would never run. Settings that are loaded have no 0.
        workers.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_sizes_default_to_those_of_the_program() {
        assert_eq!(Workers::default().pools(), app::tasks::POOLS);
    }

    #[test]
    fn every_pool_size_can_be_set() {
        let workers = Workers {
            send_email_tasks: 91,
            send_sms_tasks: 92,
            send_letter_tasks: 93,
            create_letters_pdf_tasks: 102,
            antivirus_tasks: 103,
            sanitise_letter_tasks: 104,
            job_tasks: 94,
            notify_internal_tasks: 95,
            research_mode_tasks: 96,
            periodic_tasks: 96,
            sms_callbacks: 97,
            ses_callbacks: 100,
            letter_callbacks: 98,
            process_ftp_tasks: 105,
            database_tasks: 99,
            service_callbacks: 100,
            service_callbacks_retry: 101,
        };
        assert!(
            workers.pools().iter().all(|pool| pool.workers > 90),
            "{:?}",
            workers.pools()
        );
    }
}
