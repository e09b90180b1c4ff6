//! Accepting a letter that is given as PDF (`docs/spec/public-api.md` §11). Its pages are in the file storage before
//! its row is committed, so that no letter is without them.

use domain::{Channel, NotificationId, NotificationStatus, Postage};
use serde_json::{Map, Value};
use tracing::error;

use super::{
    AcceptError, check_channel, commit, generate_id, lenient_base64, letter::check_may_send_letters,
};
use crate::{
    App, Caller,
    accept::idempotency::IdempotentRequest,
    compose::{MessageDraft, ResolvedRecipient},
    letters,
};

/// What stands for the recipient until the address is read from the pages, and in what the API shows for good.
const RECIPIENT: &str = "Provided as PDF";

/// A letter as PDF; the shape was checked by the API.
pub struct PrecompiledLetterRequest {
    /// The service's own reference.
    pub reference: String,
    /// The PDF as base64.
    pub content: String,
    /// How it is to travel.
    pub postage: Option<Postage>,
}

impl std::fmt::Debug for PrecompiledLetterRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrecompiledLetterRequest")
            .field("postage", &self.postage)
            .finish_non_exhaustive()
    }
}

/// A letter that was accepted.
#[derive(Debug)]
pub struct AcceptedPrecompiledLetter {
    /// Its id.
    pub id: NotificationId,
    /// The service's own reference.
    pub reference: String,
    /// How it travels.
    pub postage: Postage,
}

/// Accepts a letter as PDF; once, if its request says so.
pub async fn precompiled(
    app: &App,
    caller: &Caller,
    request: PrecompiledLetterRequest,
    once: Option<IdempotentRequest<'_, AcceptedPrecompiledLetter>>,
) -> Result<AcceptedPrecompiledLetter, AcceptError> {
    check_channel(caller, Channel::Letter)?;
    check_may_send_letters(caller)?;
    let pdf = lenient_base64::decode(&request.content).ok_or(AcceptError::NotBase64)?;
    drop(request.content);
    let service = caller.tenant.service.id;
    let template = letters::precompiled_template(app, service).await?;
    let postage = request.postage.unwrap_or(Postage::Second);

    let (id, at) = generate_id(app);
    letters::store_pages(app, service, id, &pdf)
        .await
        .map_err(AcceptError::Pages)?;
    let accepted = AcceptedPrecompiledLetter {
        id,
        reference: request.reference,
        postage,
    };
    let key = once.map(|once| once.answered(app.store.keyring(), &accepted));
    let draft = MessageDraft {
        id,
        created_at: at,
        template: &template.template,
        recipient: ResolvedRecipient::postal(RECIPIENT.to_owned(), postage),
        status: NotificationStatus::PendingVirusCheck,
        personalisation: Map::from_iter([("address_line_1".to_owned(), Value::from(RECIPIENT))]),
        unsubscribe_url: None,
        client_reference: Some(accepted.reference.clone()),
        reply_to_text: None,
        documents: 0,
        problem: None,
    };
    if let Err(rejection) = commit(app, caller, draft, key).await {
        remove_pages(app, caller, id, &rejection).await;
        return Err(rejection);
    }
    Ok(accepted)
}

/// The pages of a letter that was refused go. Where the store failed nobody knows whether the row was kept: pages without
/// a row harm nobody, a row without pages would.
async fn remove_pages(app: &App, caller: &Caller, id: NotificationId, rejection: &AcceptError) {
    match rejection {
        AcceptError::Store(_) => error!(
            notification.id = %id,
            "letter {id} could not be kept for certain: its pages stay in the file storage"
        ),
        _ => letters::delete_pages(app, caller.tenant.service.id, id).await,
    }
}
