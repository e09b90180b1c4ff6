//! Accepts a letter that is supplied as PDF (`docs/spec/public-api.md` §11). Its pages are stored before its row is
//! committed, so that no letter is without pages.

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

/// The recipient until the address is read from the pages, and for good what the API shows as the first line.
const RECIPIENT: &str = "Provided as PDF";

/// A request to send a letter as PDF, whose shape the API has checked.
pub struct PrecompiledLetterRequest {
    /// The service's own reference.
    pub reference: String,
    /// The PDF as base64.
    pub content: String,
    /// The postage, if it is not second class.
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
    /// The id of the notification.
    pub id: NotificationId,
    /// The service's own reference.
    pub reference: String,
    /// The postage.
    pub postage: Postage,
}

/// Accepts a letter as PDF. With `once`, a repeated request does not accept it again.
pub async fn precompiled(
    app: &App,
    caller: &Caller,
    request: PrecompiledLetterRequest,
    once: Option<IdempotentRequest<'_, AcceptedPrecompiledLetter>>,
) -> Result<AcceptedPrecompiledLetter, AcceptError> {
    check_channel(caller, Channel::Letter)?;
    check_may_send_letters(caller)?;
    let pdf = lenient_base64::decode(&request.content).ok_or(AcceptError::NotBase64)?;
    // Base64 is a third larger than the pages; both together are not kept while the pages are stored.
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

/// Removes the pages of a letter that was rejected. If the store failed, the row may be stored, so the pages stay:
/// pages without a row are harmless, a row without pages is not.
async fn remove_pages(app: &App, caller: &Caller, id: NotificationId, rejection: &AcceptError) {
    match rejection {
        AcceptError::Store(_) => error!(
            notification.id = %id,
            "letter {id} could not be kept for certain: its pages stay in the file storage"
        ),
        _ => letters::delete_pages(app, caller.tenant.service.id, id).await,
    }
}
