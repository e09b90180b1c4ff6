//! Accepting an e-mail (`docs/spec/public-api.md` §6, §8, §12).

use std::sync::Arc;

use domain::{Channel, NotificationId, NotificationStatus, ReplyToId, TemplateId};
use recipients::email_addresses::EmailAddress;
use serde_json::{Map, Value};
use templates::{
    placeholders::{NameSet, Values},
    sanitise::{Sanitised, sanitise_content_for},
};
use text::trim;

use super::{
    AcceptError, check_channel, check_recipient_allowed, commit, drop_unused_values, files,
    find_template, generate_id,
};
use crate::{
    App, Caller, ParsedTemplate, Tenant,
    accept::idempotency::IdempotentRequest,
    cache::templates::Text,
    compose::{MessageDraft, ResolvedRecipient},
    documents,
};

/// The most bytes of an e-mail's body (`docs/spec/public-api.md` §13.3).
const MAX_BODY_BYTES: usize = 2_000_000;

/// A request to send an e-mail, whose shape the API has checked.
#[derive(Debug)]
pub struct EmailRequest {
    /// The recipient as given.
    pub as_given: String,
    /// The recipient as an address.
    pub email_address: EmailAddress,
    /// The template.
    pub template_id: TemplateId,
    /// The values for its placeholders.
    pub personalisation: Map<String, Value>,
    /// The service's own reference.
    pub reference: Option<String>,
    /// The reply-to address, if it is not the default, with the id as given.
    pub email_reply_to_id: Option<(ReplyToId, String)>,
    /// The URL with which one click unsubscribes.
    pub one_click_unsubscribe_url: Option<String>,
    /// The names of the values that members of the public wrote, as given (`docs/spec/public-api.md` §8.2).
    pub sanitise_content_for: Vec<Value>,
}

/// An e-mail that was accepted.
#[derive(Debug)]
pub struct AcceptedEmail {
    /// The id of the notification.
    pub id: NotificationId,
    /// The service's own reference.
    pub reference: Option<String>,
    /// The template that it is made from.
    pub template: Arc<ParsedTemplate>,
    /// The sender address.
    pub from_email: String,
    /// The rendered subject.
    pub subject: String,
    /// The source with its values, trimmed.
    pub body: String,
    /// The URL as given.
    pub one_click_unsubscribe_url: Option<String>,
    /// The values that were changed.
    pub sanitised: Vec<Sanitised>,
}

/// Accepts an e-mail. With `once`, a repeated request does not accept it again.
pub async fn email(
    app: &App,
    caller: &Caller,
    mut request: EmailRequest,
    once: Option<IdempotentRequest<'_, AcceptedEmail>>,
) -> Result<AcceptedEmail, AcceptError> {
    check_channel(caller, Channel::Email)?;
    let sanitised = sanitise(&mut request)?;
    let parsed = find_template(app, caller, request.template_id, Channel::Email).await?;
    let Text::Email(text) = &parsed.text else {
        unreachable!("find_template compares the type");
    };
    drop_unused_values(&parsed, &mut request.personalisation);
    files::insert_placeholder_links(&mut request.personalisation, &parsed.files);
    let mut values = Values::from_json(&request.personalisation);
    let missing = text.missing(&values);
    if !missing.is_empty() {
        return Err(AcceptError::MissingPersonalisation(missing));
    }
    parsed.check_filled_size(&values)?;
    if text.is_message_empty(&values) || text.fill(&values).vanishes() {
        return Err(AcceptError::Empty);
    }
    let reply_to = find_reply_to(&caller.tenant, request.email_reply_to_id)?;
    // From here on in the order of step 10: recipient, files, length.
    check_recipient_allowed(caller, &request.as_given)?;
    let normalised = request.email_address.normalised();
    let personalisation = &mut request.personalisation;
    let processed = files::process_files(app, caller, &parsed.files, personalisation, &normalised);
    let files = match processed.await? {
        Some(files) => {
            // Read again, because the links count towards the length (`docs/spec/public-api.md` §9.2).
            values = Values::from_json(&request.personalisation);
            files
        }
        None => Vec::new(),
    };
    let body = text.content(&values);
    if body.len() > MAX_BODY_BYTES {
        return Err(AcceptError::EmailTooLong { bytes: body.len() });
    }
    let subject = text.subject(&values);
    // Before the row, so that no link leads to a file that does not exist; removed again if the message is rejected.
    documents::store(app, &files)
        .await
        .map_err(AcceptError::Files)?;
    let (id, at) = generate_id(app);
    let accepted = AcceptedEmail {
        id,
        reference: request.reference,
        from_email: format!(
            "{}@{}",
            caller.tenant.service.email_sender_local_part, app.settings.email_domain
        ),
        subject,
        body,
        one_click_unsubscribe_url: request.one_click_unsubscribe_url,
        sanitised,
        template: parsed,
    };
    let key = once.map(|once| once.answered(app.store.keyring(), &accepted));
    let draft = MessageDraft {
        id,
        created_at: at,
        template: &accepted.template.template,
        recipient: ResolvedRecipient::email(&trim(&request.as_given), normalised),
        status: NotificationStatus::Created,
        personalisation: request.personalisation,
        unsubscribe_url: accepted.one_click_unsubscribe_url.clone(),
        client_reference: accepted.reference.clone(),
        reply_to_text: reply_to,
        documents: u32::try_from(files.len()).unwrap_or(u32::MAX),
        problem: None,
    };
    if let Err(rejected) = commit(app, caller, draft, key).await {
        documents::remove(app, &files).await;
        return Err(rejected);
    }
    Ok(accepted)
}

/// Sanitises the values that the request names (`docs/spec/public-api.md` §6, step 5).
fn sanitise(request: &mut EmailRequest) -> Result<Vec<Sanitised>, AcceptError> {
    if request.sanitise_content_for.is_empty() {
        return Ok(Vec::new());
    }
    let mut names = NameSet::new();
    for name in &request.sanitise_content_for {
        match name {
            Value::String(name) => names.insert(name),
            Value::Null => {}
            _ => return Err(AcceptError::NoNameToSanitise),
        }
    }
    sanitise_content_for(&mut request.personalisation, &names)
        .map_err(|_| AcceptError::NothingToSanitise)
}

/// Returns the reply-to address (`docs/spec/public-api.md` §6, step 9).
fn find_reply_to(
    tenant: &Tenant,
    id: Option<(ReplyToId, String)>,
) -> Result<Option<String>, AcceptError> {
    let reply_to = match id {
        Some((id, as_given)) => Some(
            tenant
                .reply_to(id)
                .ok_or(AcceptError::NoSuchReplyTo(as_given))?,
        ),
        None => tenant.default_reply_to(),
    };
    Ok(reply_to.map(|reply_to| reply_to.email_address.clone()))
}
