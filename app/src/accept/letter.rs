//! Accepting a letter from a template (`docs/spec/public-api.md` §6, §10).

use std::sync::Arc;

use domain::{Channel, KeyType, NotificationId, Permission, TemplateId};
use recipients::postal_addresses::PostalAddress;
use serde_json::{Map, Value};
use templates::placeholders::{Values, name_key};

use super::{
    AcceptError, check_channel, commit, drop_unused_values, find_template, generate_id, is_file,
};
use crate::{
    App, Caller, ParsedTemplate,
    accept::idempotency::IdempotentRequest,
    cache::templates::Text,
    compose::{MessageDraft, ResolvedRecipient, letter::first_status},
};

/// The names of the values that make the address: only these spellings count, unlike those of other values
/// (`docs/spec/public-api.md` §10.1).
const ADDRESS: [&str; 8] = [
    "address_line_1",
    "address_line_2",
    "address_line_3",
    "address_line_4",
    "address_line_5",
    "address_line_6",
    "address_line_7",
    "postcode",
];

/// A request to send a letter, whose shape the API has checked.
#[derive(Debug)]
pub struct LetterRequest {
    /// The template.
    pub template_id: TemplateId,
    /// The values for its placeholders, and the address.
    pub personalisation: Map<String, Value>,
    /// The service's own reference.
    pub reference: Option<String>,
}

/// A letter that was accepted.
#[derive(Debug)]
pub struct AcceptedLetter {
    /// The id of the notification.
    pub id: NotificationId,
    /// The service's own reference.
    pub reference: Option<String>,
    /// The template that it is made from.
    pub template: Arc<ParsedTemplate>,
    /// The rendered subject.
    pub subject: String,
    /// The source with its values, trimmed.
    pub body: String,
}

/// Accepts a letter. With `once`, a repeated request does not accept it again.
pub async fn letter(
    app: &App,
    caller: &Caller,
    mut request: LetterRequest,
    once: Option<IdempotentRequest<'_, AcceptedLetter>>,
) -> Result<AcceptedLetter, AcceptError> {
    check_channel(caller, Channel::Letter)?;
    let parsed = find_template(app, caller, request.template_id, Channel::Letter).await?;
    let (subject, body) = render(&parsed, &request.personalisation)?;
    if request.personalisation.values().any(is_file) {
        return Err(AcceptError::FileOutsideEmail);
    }
    check_may_send_letters(caller)?;
    let address = find_address(caller, &request.personalisation)?;
    check_printable(&parsed, &request.personalisation)?;
    drop_unused_values(&parsed, &mut request.personalisation);
    let (id, at) = generate_id(app);
    let accepted = AcceptedLetter {
        id,
        reference: request.reference,
        template: parsed,
        subject,
        body,
    };
    let key = once.map(|once| once.answered(app.store.keyring(), &accepted));
    let template = &accepted.template.template;
    let draft = MessageDraft {
        id,
        created_at: at,
        template,
        recipient: ResolvedRecipient::letter(&address, template.postage),
        status: first_status(app, caller.key_type),
        personalisation: request.personalisation,
        unsubscribe_url: None,
        client_reference: accepted.reference.clone(),
        reply_to_text: template.letter_contact_block.clone(),
        documents: 0,
        problem: None,
    };
    commit(app, caller, draft, key).await?;
    Ok(accepted)
}

/// Renders subject and body as the response shows them (`docs/spec/public-api.md` §6, step 7).
fn render(
    parsed: &ParsedTemplate,
    personalisation: &Map<String, Value>,
) -> Result<(String, String), AcceptError> {
    let Text::Letter(text) = &parsed.text else {
        unreachable!("find_template compares the type");
    };
    let values = Values::from_json(personalisation);
    parsed.check_filled_size(&values)?;
    let letter = text.fill(&values);
    // First: in the contract this hides missing values (`docs/spec/public-api.md` §6, step 7).
    if let Some(code) = letter.qr_code_error() {
        return Err(AcceptError::QrCodeTooLarge(code));
    }
    // The contract does not require values that only the Welsh half shows.
    let missing = text.missing_outside_welsh(&values);
    if !missing.is_empty() {
        return Err(AcceptError::MissingPersonalisation(missing));
    }
    if letter.is_message_empty() {
        return Err(AcceptError::Empty);
    }
    Ok((letter.subject(), letter.content()))
}

/// Rejects letters with a team key, and in trial mode without a test key (`docs/spec/public-api.md` §10.1).
pub(crate) fn check_may_send_letters(caller: &Caller) -> Result<(), AcceptError> {
    match caller.key_type {
        KeyType::Team => Err(AcceptError::LetterWithTeamKey),
        KeyType::Normal if caller.tenant.service.restricted => Err(AcceptError::LetterInTrial),
        KeyType::Normal | KeyType::Test => Ok(()),
    }
}

/// Rejects a letter with characters that cannot be printed. This check is the last, because the contract fixes the
/// order of the others.
fn check_printable(
    prepared: &ParsedTemplate,
    personalisation: &Map<String, Value>,
) -> Result<(), AcceptError> {
    let Text::Letter(text) = &prepared.text else {
        unreachable!("find_template compares the type");
    };
    let values = Values::from_json(personalisation);
    let unprintable = typesetting::unprintable_in_letter(text, &values);
    if unprintable.is_empty() {
        Ok(())
    } else {
        Err(AcceptError::Unprintable(unprintable))
    }
}

/// Returns whether a value is shown as a line of the address, which may be spelt more loosely than where the letter goes
/// (`docs/spec/public-api.md` §14).
pub(super) fn is_of_address(name: &str) -> bool {
    let key = name_key(name);
    ADDRESS.iter().any(|line| name_key(line) == key)
}

fn find_address(
    caller: &Caller,
    personalisation: &Map<String, Value>,
) -> Result<PostalAddress, AcceptError> {
    let lines: Map<String, Value> = ADDRESS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), personalisation.get(*name)?.clone())))
        .collect();
    let abroad = caller
        .tenant
        .has_permission(Permission::InternationalLetters);
    let address = PostalAddress::from_personalisation(&lines, abroad);
    match address.error() {
        Some(error) => Err(AcceptError::Address(error)),
        None => Ok(address),
    }
}
