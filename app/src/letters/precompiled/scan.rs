//! The virus scan of a supplied PDF (`docs/spec/letters.md` §5.2).

use bytes::Bytes;
use domain::NotificationStatus;
use files::Key;
use providers::ScanResult;
use store::notifications::Notification;
use tracing::error;

use crate::letters::{StepFailure, pages::count_bytes};
use crate::{App, tasks};

/// Scans a supplied PDF. Without a scanner nothing is looked at.
pub(crate) async fn scan(app: &App, letter: &Notification, pdf: &Bytes) -> Result<(), StepFailure> {
    // First, because the pages stay whatever is found.
    count_bytes(app, letter, pdf.len()).await?;
    match app.providers.scan(pdf).await {
        Ok(None | Some(ScanResult::Clean)) => Ok(()),
        Ok(Some(ScanResult::Virus)) => {
            let file = Key::letter_pdf(letter.service_id.as_uuid(), letter.id.as_uuid());
            error!(
                notification.id = %letter.id, service.id = %letter.service_id,
                "notification id {} Virus scan failed: {file}", letter.id
            );
            let why = "the virus scanner found a virus".to_owned();
            Err(StepFailure::Permanent(
                NotificationStatus::VirusScanFailed,
                why,
            ))
        }
        Err(fault) => Err(StepFailure::Retry {
            policy: tasks::LETTER_SCAN,
            why: fault.to_string(),
        }),
    }
}
