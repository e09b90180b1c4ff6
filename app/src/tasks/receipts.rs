//! Tasks that apply receipts of providers.

use domain::{Lane, TaskId, Timestamp};
use queue::NewTask;
use uuid::Uuid;

use super::{
    EMAIL_RECEIPTS, EmailReceipt, EmailReceipts, LETTER_CALLBACKS, LETTER_RECEIPT, LetterReceipt,
    SES_CALLBACKS, SMS_CALLBACKS, SMS_RECEIPTS, SmsReceipt, SmsReceipts, new,
};

/// Returns a task that applies these receipts of text messages. Their services are not known yet, so the task belongs
/// to none.
pub(crate) fn sms_receipts(id: TaskId, receipts: Vec<SmsReceipt>, now: Timestamp) -> NewTask {
    let no_service = Uuid::nil().into();
    let payload = SmsReceipts { receipts };
    new(
        id,
        SMS_CALLBACKS,
        Lane::Normal,
        no_service,
        SMS_RECEIPTS,
        &payload,
        now,
    )
}

/// Returns a task that applies these receipts of e-mails.
pub(crate) fn email_receipts(id: TaskId, receipts: Vec<EmailReceipt>, now: Timestamp) -> NewTask {
    let no_service = Uuid::nil().into();
    let payload = EmailReceipts { receipts };
    new(
        id,
        SES_CALLBACKS,
        Lane::Normal,
        no_service,
        EMAIL_RECEIPTS,
        &payload,
        now,
    )
}

/// Returns a task that applies a receipt of a letter.
pub(crate) fn letter_receipt(id: TaskId, receipt: &LetterReceipt, now: Timestamp) -> NewTask {
    let no_service = Uuid::nil().into();
    new(
        id,
        LETTER_CALLBACKS,
        Lane::Normal,
        no_service,
        LETTER_RECEIPT,
        receipt,
        now,
    )
}
