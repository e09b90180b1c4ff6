//! The names of the kinds of tasks. Stored tasks carry them, so a kind is versioned and never renamed.

pub(crate) const DELIVER_EMAIL: &str = "deliver_email.v1";
pub(crate) const DELIVER_SMS: &str = "deliver_sms.v1";
pub(crate) const DELIVER_LETTER: &str = "deliver_letter.v1";
pub(crate) const MAKE_LETTER_PDF: &str = "get-pdf-for-templated-letter.v1";
pub(crate) const SCAN_FILE: &str = "scan-file.v1";
pub(crate) const SANITISE_LETTER: &str = "sanitise-letter.v1";
pub(crate) const COLLATE_LETTERS: &str = "collate-letter-pdfs-to-be-sent.v1";
pub(crate) const PROCESS_JOB: &str = "process-job.v1";
pub(crate) const PROCESS_INCOMPLETE_JOB: &str = "process-incomplete-jobs.v1";
pub(crate) const PROCESS_MISSING_ROWS: &str = "process-missing-rows.v1";
pub(crate) const SMS_RECEIPTS: &str = "process-sms-client-response.v1";
pub(crate) const EMAIL_RECEIPTS: &str = "process-ses-result.v1";
pub(crate) const LETTER_RECEIPT: &str = "process-letter-callback.v1";
pub(crate) const SIMULATED_RECEIPTS: &str = "made-up-receipts.v1";
pub(crate) const SEND_DELIVERY_STATUS: &str = "send-delivery-status.v1";
pub(crate) const SEND_INBOUND_SMS: &str = "send-inbound-sms.v1";
pub(crate) const SEND_RETURNED_LETTER: &str = "send-returned-letter.v1";
pub(crate) const SEND_COMPLAINT: &str = "send-complaint.v1";
pub(crate) const SEND_UNSUBSCRIBE_REQUEST: &str = "send-unsubscribe-request.v1";
pub(crate) const TELL_OF_PAUSED_CALLBACK: &str = "tell-of-paused-callback.v1";
pub(crate) const REPLAY_CALLBACKS: &str = "replay-callbacks.v1";
pub(crate) const RETURNED_LETTERS: &str = "process-returned-letters-list.v1";
/// The same, as versions before this one enqueued it.
pub(crate) const RETURNED_LETTERS_BEFORE: &str = "process-returned-letters.v1";
pub(crate) const UPDATE_LETTER_STATUSES: &str = "update-letter-notifications-statuses.v1";
pub(crate) const RECORD_SORTED_COUNTS: &str = "record-daily-sorted-counts.v1";
pub(crate) const ZIP_AND_SEND_LETTERS: &str = "zip-and-send-letter-pdfs.v1";
pub(crate) const SEND_LETTER_VOLUMES: &str = "send-letter-volumes.v1";
// The kinds from here on are enqueued by the schedule.
pub(crate) const LETTERS_STILL_CREATED: &str = "check-if-letters-still-in-created.v1";
pub(crate) const LETTERS_IN_TECHNICAL_FAILURE: &str = "check-if-letters-in-technical-failure.v1";
pub(crate) const LETTERS_STILL_UNSCANNED: &str = "check-if-letters-still-pending-virus-check.v1";
pub(crate) const LETTERS_STILL_UNSCANNED_NIGHTLY: &str =
    "check-if-letters-still-pending-virus-check-nightly.v1";
pub(crate) const LETTERS_STILL_SENDING: &str =
    "raise-alert-if-letter-notifications-still-sending.v1";
pub(crate) const MISSING_ACKNOWLEDGEMENTS: &str = "raise-alert-if-no-letter-ack-file.v1";
pub(crate) const MISSING_SORTED_COUNTS: &str = "raise-alert-if-no-sorted-counts.v1";
pub(crate) const CHANGE_PRINT_API_KEY: &str = "change-dvla-api-key.v1";
pub(crate) const CHANGE_PRINT_PASSWORD: &str = "change-dvla-password.v1";
pub(crate) const CHECK_FOR_RESPONSE_FILES: &str = "check-for-response-files.v1";
pub(crate) const RUN_SCHEDULED_JOBS: &str = "run-scheduled-jobs.v1";
pub(crate) const CHECK_JOB_STATUS: &str = "check-job-status.v1";
pub(crate) const REPORT_OVERDUE_JOBS: &str = "tell-of-overdue-jobs.v1";
pub(crate) const CHECK_FOR_MISSING_ROWS: &str = "check-for-missing-rows-in-completed-jobs.v1";
pub(crate) const UPDATE_STATUS_OF_FULLY_PROCESSED_JOBS: &str =
    "update-status-of-fully-processed-jobs.v1";
pub(crate) const REPLAY_CREATED_NOTIFICATIONS: &str = "replay-created-notifications.v1";
pub(crate) const REPLAY_CREATED_THIS_WEEK: &str = "replay-created-notifications-this-week.v1";
pub(crate) const TIMEOUT_SENDING: &str = "timeout-sending-notifications.v1";
pub(crate) const DELETE_OLD_NOTIFICATIONS: &str = "delete-notifications-older-than-retention.v1";
// Enqueued by the kind above, for each service and channel.
pub(crate) const DELETE_NOTIFICATIONS: &str = "delete-notifications-for-service-and-type.v1";
pub(crate) const REMOVE_JOB_FILES: &str = "remove_sms_email_jobs.v1";
pub(crate) const DELETE_INBOUND_SMS: &str = "delete-inbound-sms.v1";
pub(crate) const ARCHIVE_UNSUBSCRIBE_REQUESTS: &str = "archive-unsubscribe-requests.v1";
pub(crate) const AUDIT_STORAGE: &str = "audit-storage.v1";
pub(crate) const FOLD_STATUS_CHANGES: &str = "fold-status-changes.v1";
pub(crate) const NIGHTLY_STATUS_FACTS: &str = "create-nightly-notification-status.v1";
pub(crate) const PREPARE_PARTITIONS: &str = "prepare-partitions.v1";
pub(crate) const PROBE_PAUSED_CALLBACKS: &str = "probe-paused-callbacks.v1";
pub(crate) const DELETE_CALLBACK_ATTEMPTS: &str = "delete-callback-attempts.v1";
pub(crate) const REMOVE_EXPIRED_DOCUMENTS: &str = "remove-expired-documents.v1";
pub(crate) const REDUCE_SLOW_PROVIDERS: &str = "switch-current-sms-provider-on-slow-delivery.v1";
pub(crate) const GENERATE_SMS_DELIVERY_STATS: &str = "generate-sms-delivery-stats.v1";
pub(crate) const TEND_PROVIDERS: &str = "tend-providers-back-to-middle.v1";
pub(crate) const CHECK_SENDERS: &str =
    "check-for-services-with-high-failure-rates-or-sending-to-tv-numbers.v1";
pub(crate) const CHECK_TIME_TO_COLLATE: &str = "check-time-to-collate-letters.v1";
pub(crate) const REMOVE_IDEMPOTENCY_KEYS: &str = "remove-idempotency-keys.v1";
