//! Sends a letter that was uploaded as PDF (`docs/spec/letters.md` §5.1). The letter gets the id of the upload, so sending it twice
//! is sending it once.

use std::sync::Arc;

use domain::{
    Allowance, Channel, KeyType, NotificationId, NotificationStatus, Postage, ServiceId, UserId,
};
use serde_json::{Map, Value};
use tracing::warn;

use super::{AcceptError, QuotaExceeded};
use crate::{
    App, OpenError,
    accept::limits::seconds_left_today,
    cache::tenants::{self, Tenant},
    compose::{MessageDraft, Origin},
    letters::{self, UploadedLetter},
};

/// An upload to send.
#[derive(Debug, Clone)]
pub struct SendUpload {
    /// The id of the upload.
    pub file_id: NotificationId,
    /// The name of the file, if not that of the upload: it becomes the reference of the letter.
    pub file_name: Option<String>,
    /// The class of postage, unless the address decides it.
    pub postage: Postage,
    /// The address as the sender has seen it.
    pub recipient_address: Option<String>,
    /// The user who sends it.
    pub created_by: Option<UserId>,
}

/// Why an upload is not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendUploadError {
    /// There is no such service.
    #[error("there is no such service")]
    NoService,
    /// The service is inactive.
    #[error("the service is inactive")]
    ServiceInactive,
    /// The service has no such upload, or it is older than a day.
    #[error("there is no such uploaded letter: upload it again if that was more than a day ago")]
    NoUpload,
    /// There is no such user.
    #[error("there is no such user")]
    NoUser,
    /// The sender has seen another address than the one that is printed.
    #[error("recipient_address is not the address in the letter")]
    OtherAddress,
    /// The service may not send letters abroad.
    #[error("the service may not send letters to other countries")]
    International,
    /// As for other messages.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// The file storage failed, or the upload is damaged.
    #[error(transparent)]
    File(#[from] OpenError),
}

impl From<store::Error> for SendUploadError {
    fn from(error: store::Error) -> Self {
        Self::Accept(error.into())
    }
}

impl From<Arc<store::Error>> for SendUploadError {
    fn from(error: Arc<store::Error>) -> Self {
        Self::Accept(error.into())
    }
}

/// Sends an upload. The letter waits for the print run when this returns.
pub async fn send_upload(
    app: &App,
    service: ServiceId,
    send: SendUpload,
) -> Result<NotificationId, SendUploadError> {
    let id = send.file_id;
    let tenant = tenants::find(app, service).await?;
    let tenant = tenant.ok_or(SendUploadError::NoService)?;
    check_may_send(&tenant)?;
    if letters::uploads::was_sent(app, service, id).await? {
        return Ok(id);
    }
    let Some((upload, pages)) = letters::uploads::find(app, service, id).await? else {
        // A concurrent request may have sent it meanwhile, and removed the upload.
        let was_sent = letters::uploads::was_sent(app, service, id).await?;
        return was_sent.then_some(id).ok_or(SendUploadError::NoUpload);
    };
    check_address(&tenant, &upload, send.recipient_address.as_deref())?;
    check_user(app, send.created_by).await?;
    // Before the row: a letter that waits for the print run is never without the pages to print. If the row is refused they
    // stay, because a concurrent request may have stored the same ones; they are removed with the upload.
    letters::store_pages(app, service, id, &pages)
        .await
        .map_err(AcceptError::Pages)?;
    insert(app, &tenant, &upload, send, pages.len()).await?;
    if let Err(fault) = letters::uploads::remove(app, service, id).await {
        // It is removed with the others of its day.
        warn!(
            error = &fault as &dyn std::error::Error,
            "the upload of letter {id} could not be removed yet"
        );
    }
    metrics::counter!("pillarbox_notifications_accepted_total", "channel" => "letter").increment(1);
    Ok(id)
}

fn check_may_send(tenant: &Tenant) -> Result<(), SendUploadError> {
    if !tenant.service.active {
        return Err(SendUploadError::ServiceInactive);
    }
    if !tenant.has_permission(Channel::Letter.into()) {
        return Err(AcceptError::ChannelNotAllowed(Channel::Letter).into());
    }
    if tenant.service.restricted {
        return Err(AcceptError::LetterInTrial.into());
    }
    Ok(())
}

fn check_address(
    tenant: &Tenant,
    upload: &UploadedLetter,
    seen: Option<&str>,
) -> Result<(), SendUploadError> {
    let needed = upload.needed_permission();
    if needed.is_some_and(|permission| !tenant.has_permission(permission)) {
        return Err(SendUploadError::International);
    }
    // However its lines are spaced.
    let letters_of = |text: &str| -> String {
        let visible = text.chars().filter(|one| !one.is_whitespace());
        visible.flat_map(char::to_lowercase).collect()
    };
    match seen {
        Some(seen) if letters_of(seen) != letters_of(&upload.recipient_address) => {
            Err(SendUploadError::OtherAddress)
        }
        _ => Ok(()),
    }
}

async fn check_user(app: &App, user: Option<UserId>) -> Result<(), SendUploadError> {
    let Some(user) = user else { return Ok(()) };
    match store::users::find(&mut app.read().await?, user).await? {
        Some(_) => Ok(()),
        None => Err(SendUploadError::NoUser),
    }
}

/// Inserts the letter and spends the daily quota.
async fn insert(
    app: &App,
    tenant: &Tenant,
    upload: &UploadedLetter,
    send: SendUpload,
    bytes: usize,
) -> Result<(), SendUploadError> {
    let (service, id, now) = (tenant.service.id, send.file_id, app.clock.now());
    let template = letters::precompiled_template(app, service).await?;
    let draft = MessageDraft {
        id,
        created_at: now,
        template: &template.template,
        recipient: upload.recipient(Some(send.postage)),
        status: NotificationStatus::Created,
        personalisation: Map::from_iter([(
            "address_line_1".to_owned(),
            Value::from("Provided as PDF"),
        )]),
        unsubscribe_url: None,
        client_reference: Some(send.file_name.unwrap_or_else(|| upload.file_name.clone())),
        reply_to_text: None,
        documents: 0,
        problem: None,
    };
    let origin = Origin {
        service_id: service,
        api_key_id: None,
        key_type: KeyType::Normal,
        job_row: None,
        created_by: send.created_by,
    };
    let sealed = draft
        .into_notification(&origin, app.random())
        .seal(app.store.keyring());
    let mut tx = app.write().await?;
    match store::notifications::insert_many(&mut tx, &[sealed]).await {
        Ok(1) => {}
        // A concurrent request has sent it.
        Ok(_) | Err(store::Error::Exists) => {
            tx.roll_back().await?;
            return if letters::uploads::was_sent(app, service, id).await? {
                Ok(())
            } else {
                Err(store::Error::Exists.into())
            };
        }
        Err(fault) => return Err(fault.into()),
    }
    let limit = tenant.service.daily_limit(Allowance::Letter);
    let day = now.utc_day();
    if !store::counters::spend_all(&mut tx, service, Allowance::Letter, day, 1, limit).await? {
        tx.roll_back().await?;
        return Err(AcceptError::DailyQuota(QuotaExceeded {
            allowance: Allowance::Letter,
            limit,
            remaining: 0,
            wait_seconds: seconds_left_today(now),
        })
        .into());
    }
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    store::notifications::set_file_bytes(&mut tx, service, id, bytes).await?;
    store::print_runs::set_printable(&mut tx, service, id, upload.sheets(), now).await?;
    tx.commit().await?;
    Ok(())
}
