//! Delivery status notifications that a mail server has put into a maildir.

use std::{io, time::Duration};

use domain::EmailReceiptSource;
use providers::email::{
    dsn::{self, Dsn, DsnOutcome},
    maildir::{Maildir, NewMail},
};
use queue::catch_panic;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{email, receipt_writer::ReceiptError};
use crate::{
    App,
    tasks::{EmailEvent, EmailReceipt, MessageKey},
};

/// Reports take seconds to minutes to arrive, so looking more often has no use.
const INTERVAL: Duration = Duration::from_secs(10);

/// Why a sweep stopped. The next one continues.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The maildir cannot be read or changed.
    #[error("the maildir cannot be read or changed")]
    Maildir(#[from] io::Error),
    /// A receipt cannot be stored.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

/// Reads the reports in a maildir every few seconds, until `stop`.
pub async fn watch_bounces(app: &App, maildir: &Maildir, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = sweep_bounces(app, maildir).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot read bounces, will try again"
            );
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// Stores the reports in a maildir as receipts, and removes them. Returns how many there were. Other messages are moved
/// aside, for people to look at.
pub async fn sweep_bounces(app: &App, maildir: &Maildir) -> Result<usize, SweepError> {
    let mails = maildir.read_new(dsn::MAX_BYTES).await?;
    // Together, so that they share commits.
    let storing = mails.iter().map(|mail| store(app, maildir, mail));
    let stored = futures::future::join_all(storing).await;
    let mut count = 0;
    for outcome in stored {
        count += usize::from(outcome?);
    }
    if count > 0 {
        info!("read {count} delivery status notifications");
    }
    Ok(count)
}

/// Returns whether the message was a report.
async fn store(app: &App, maildir: &Maildir, mail: &NewMail) -> Result<bool, SweepError> {
    let Some(contents) = &mail.contents else {
        maildir.keep(mail).await?;
        return Ok(false);
    };
    // A stranger can write to this address: what the parser fails on must not keep the others from being read.
    let parsed = catch_panic(async { dsn::parse(contents) }).await.flatten();
    let Some(report) = parsed else {
        maildir.keep(mail).await?;
        return Ok(false);
    };
    if let Some(event) = event(&report) {
        let receipt = EmailReceipt {
            by: EmailReceiptSource::Dsn,
            of: MessageKey::Id(report.id.into()),
            event,
            mailed_at: None,
            at: app.clock.now(),
        };
        email::accept(app, receipt).await?;
    }
    // After the commit: a crash in between stores the report twice, which is harmless.
    mail.remove().await?;
    Ok(true)
}

fn event(report: &Dsn) -> Option<EmailEvent> {
    let detail = report.status.clone();
    Some(match report.outcome {
        DsnOutcome::Delivered => EmailEvent::Delivered,
        DsnOutcome::HardBounce => EmailEvent::HardBounce { detail },
        DsnOutcome::Rejected => EmailEvent::Rejected { detail },
        DsnOutcome::SoftBounce => EmailEvent::SoftBounce { detail },
        DsnOutcome::Delayed => return None,
    })
}
