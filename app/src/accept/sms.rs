//! Accepting a text message (`docs/spec/public-api.md` §6, §7, §12).

use std::sync::Arc;

use domain::{
    Allowance, Channel, NotificationId, NotificationStatus, Permission, SmsSenderId, TemplateId,
};
use recipients::phone_numbers::{Permissions, PhoneError, PhoneNumber};
use serde_json::{Map, Value};
use templates::placeholders::Values;
use text::trim;

use super::{
    AcceptError, check_channel, check_recipient_allowed, commit, drop_unused_values, find_template,
    generate_id, is_file,
};
use crate::{
    App, Caller, ParsedTemplate, Tenant,
    accept::{idempotency::IdempotentRequest, limits},
    cache::templates::Text,
    compose::{self, MessageDraft, ResolvedRecipient, sms::display_sender},
};

/// A request to send a text message, whose shape the API has checked.
#[derive(Debug)]
pub struct SmsRequest {
    /// The recipient as given.
    pub as_given: String,
    /// The recipient as a number.
    pub phone_number: PhoneNumber,
    /// The template.
    pub template_id: TemplateId,
    /// The values for its placeholders.
    pub personalisation: Map<String, Value>,
    /// The service's own reference.
    pub reference: Option<String>,
    /// The sender, if it is not the default, with the id as given.
    pub sms_sender_id: Option<(SmsSenderId, String)>,
}

/// A text message that was accepted.
#[derive(Debug)]
pub struct AcceptedSms {
    /// The id of the notification.
    pub id: NotificationId,
    /// The service's own reference.
    pub reference: Option<String>,
    /// The template that it is made from.
    pub template: Arc<ParsedTemplate>,
    /// The sender, as the response shows it.
    pub from_number: Option<String>,
    /// The text without the name of the service in front.
    pub body: String,
}

/// Accepts a text message. With `once`, a repeated request does not accept it again.
pub async fn sms(
    app: &App,
    caller: &Caller,
    mut request: SmsRequest,
    once: Option<IdempotentRequest<'_, AcceptedSms>>,
) -> Result<AcceptedSms, AcceptError> {
    check_channel(caller, Channel::Sms)?;
    let parsed = find_template(app, caller, request.template_id, Channel::Sms).await?;
    let Text::Sms(text) = &parsed.text else {
        unreachable!("find_template compares the type");
    };
    let values = Values::from_json(&request.personalisation);
    let missing = text.missing(&values);
    if !missing.is_empty() {
        return Err(AcceptError::MissingPersonalisation(missing));
    }
    parsed.check_filled_size(&values)?;
    let message = compose::sms::fill(&caller.tenant, text, &values, None);
    if message.is_empty() {
        return Err(AcceptError::Empty);
    }
    if request.personalisation.values().any(is_file) {
        return Err(AcceptError::FileOutsideEmail);
    }
    let sender = find_sender(&caller.tenant, request.sms_sender_id)?;
    let phone = &request.phone_number;
    check_recipient(app, caller, phone, &request.as_given).await?;
    // After the recipient (`docs/spec/public-api.md` §6, step 10).
    if message.is_too_long() {
        return Err(AcceptError::TextTooLong {
            characters: message.content_count(),
        });
    }
    drop_unused_values(&parsed, &mut request.personalisation);
    let (id, at) = generate_id(app);
    let accepted = AcceptedSms {
        id,
        reference: request.reference,
        from_number: sender,
        body: message.into_text(),
        template: parsed,
    };
    let key = once.map(|once| once.answered(app.store.keyring(), &accepted));
    let draft = MessageDraft {
        id,
        created_at: at,
        template: &accepted.template.template,
        recipient: ResolvedRecipient::phone(&trim(&request.as_given), phone),
        status: NotificationStatus::Created,
        personalisation: request.personalisation,
        unsubscribe_url: None,
        client_reference: accepted.reference.clone(),
        reply_to_text: accepted.from_number.clone(),
        documents: 0,
        problem: None,
    };
    commit(app, caller, draft, key).await?;
    Ok(accepted)
}

/// Returns the sender, as the response shows it (`docs/spec/public-api.md` §6, step 9).
fn find_sender(
    tenant: &Tenant,
    id: Option<(SmsSenderId, String)>,
) -> Result<Option<String>, AcceptError> {
    let sender = match id {
        Some((id, as_given)) => Some(
            tenant
                .sms_sender(id)
                .ok_or(AcceptError::NoSuchSmsSender(as_given))?,
        ),
        None => tenant.default_sms_sender(),
    };
    Ok(sender.map(|sender| display_sender(&sender.sms_sender)))
}

/// Fails unless the caller may send to this recipient, and the service to this kind of number
/// (`docs/spec/public-api.md` §12.1, §12.2).
async fn check_recipient(
    app: &App,
    caller: &Caller,
    phone: &PhoneNumber,
    as_given: &str,
) -> Result<(), AcceptError> {
    check_recipient_allowed(caller, as_given)?;
    let tenant = &caller.tenant;
    let permissions = Permissions {
        international: tenant.has_permission(Permission::InternationalSms),
        uk_landline: tenant.has_permission(Permission::SmsToUkLandlines),
    };
    phone.check(permissions).map_err(|error| match error {
        // The contract has another text and class for numbers abroad (`docs/spec/public-api.md` §12.2).
        PhoneError::NotAUkMobile if !phone.is_uk() => AcceptError::InternationalNotAllowed,
        error => AcceptError::Phone(error),
    })?;
    if !phone.is_uk() {
        limits::check_daily_quota(app, caller, Allowance::InternationalSms).await?;
    }
    Ok(())
}
