//! Accepting a text message (`docs/spec/public-api.md` §6, §7, §12).

use std::sync::Arc;

use domain::{Allowance, Channel, NotificationId, Permission, SmsSenderId, TemplateId};
use recipients::phone_numbers::{Permissions, PhoneError, PhoneNumber};
use serde_json::{Map, Value};
use templates::placeholders::Values;
use text::trim;

use super::{
    AcceptError, MessageDraft, PhoneDetails, check_channel, check_recipient_allowed, commit,
    find_template, generate_id, is_file,
};
use crate::{
    App, Caller, ParsedTemplate, Tenant,
    accept::{idempotency::IdempotentRequest, limits},
    cache::templates::Text,
    compose,
};

/// A text message as it was asked for; the shape was checked by the API.
#[derive(Debug)]
pub struct SmsRequest {
    /// The recipient as given.
    pub as_given: String,
    /// The recipient as a number.
    pub phone_number: PhoneNumber,
    /// What to send.
    pub template_id: TemplateId,
    /// With which values.
    pub personalisation: Map<String, Value>,
    /// The service's own reference.
    pub reference: Option<String>,
    /// From whom, if not from the default sender; with the text it was given as.
    pub sms_sender_id: Option<(SmsSenderId, String)>,
}

/// A text message that was accepted.
#[derive(Debug)]
pub struct AcceptedSms {
    /// Its id.
    pub id: NotificationId,
    /// The service's own reference.
    pub reference: Option<String>,
    /// The template it was made from.
    pub template: Arc<ParsedTemplate>,
    /// Whom it is from, as the answer shows it.
    pub from_number: Option<String>,
    /// The text without the service's name in front.
    pub body: String,
}

/// Accepts a text message; once, if its request says so.
pub async fn sms(
    app: &App,
    caller: &Caller,
    order: SmsRequest,
    once: Option<IdempotentRequest<'_, AcceptedSms>>,
) -> Result<AcceptedSms, AcceptError> {
    check_channel(caller, Channel::Sms)?;
    let prepared = find_template(app, caller, order.template_id, Channel::Sms).await?;
    let Text::Sms(text) = &prepared.text else {
        unreachable!("find_template compares the type");
    };
    let values = Values::from_json(&order.personalisation);
    let missing = text.missing(&values);
    if !missing.is_empty() {
        return Err(AcceptError::MissingPersonalisation(missing));
    }
    let message = compose::sms::fill(&caller.tenant, text, &values, None);
    if message.is_empty() {
        return Err(AcceptError::Empty);
    }
    if order.personalisation.values().any(is_file) {
        return Err(AcceptError::FileOutsideEmail);
    }
    let sender = find_sender(&caller.tenant, order.sms_sender_id)?;
    let phone = &order.phone_number;
    check_recipient(app, caller, phone, &order.as_given).await?;
    if message.is_too_long() {
        return Err(AcceptError::TextTooLong {
            characters: message.content_count(),
        });
    }
    let (id, at) = generate_id(app);
    let accepted = AcceptedSms {
        id,
        reference: order.reference,
        from_number: sender,
        body: message.into_text(),
        template: prepared,
    };
    let key = once.map(|once| once.answered(app.store.keyring(), &accepted));
    let kept = MessageDraft {
        id,
        at,
        channel: Channel::Sms,
        prepared: accepted.template.clone(),
        recipient: trim(&order.as_given).into(),
        normalised: phone.normalised(),
        personalisation: order.personalisation,
        unsubscribe_url: None,
        reference: accepted.reference.clone(),
        reply_to_text: accepted.from_number.clone(),
        documents: 0,
        letter: None,
        phone: Some(PhoneDetails {
            international: phone.is_international(),
            prefix: phone.country_prefix(),
            rate_multiplier: phone.rate_multiplier(),
            abroad: !phone.is_uk(),
        }),
    };
    commit(app, caller, kept, key).await?;
    Ok(accepted)
}

/// Step 9. A sender that reads as a number is shown, and used, in its normalised form (`docs/spec/public-api.md` §7).
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
    Ok(sender.map(|sender| shown_sender(&sender.sms_sender)))
}

pub(crate) fn shown_sender(sender: &str) -> String {
    PhoneNumber::parse(sender).map_or_else(|_| sender.to_owned(), |number| number.normalised())
}

/// Step 10: whom this caller may reach, then what this service may send to (`docs/spec/public-api.md` §12.1, §12.2).
async fn check_recipient(
    app: &App,
    caller: &Caller,
    phone: &PhoneNumber,
    as_given: &str,
) -> Result<(), AcceptError> {
    check_recipient_allowed(caller, as_given)?;
    let tenant = &caller.tenant;
    let permissions = Permissions {
        international: tenant.may(Permission::InternationalSms),
        uk_landline: tenant.may(Permission::SmsToUkLandlines),
    };
    phone.check(permissions).map_err(|error| match error {
        PhoneError::NotAUkMobile if !phone.is_uk() => AcceptError::InternationalNotAllowed,
        error => AcceptError::Phone(error),
    })?;
    if !phone.is_uk() {
        limits::check_daily_quota(app, caller, Allowance::InternationalSms).await?;
    }
    Ok(())
}
