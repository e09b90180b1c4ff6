//! Numbers that receive text messages. A service has at most one; it is also one of the service's text message
//! senders, so that recipients can reply.

use domain::{InboundNumberId, ServiceId, SmsSenderId};
use recipients::phone_numbers::PhoneNumber;
use store::Tx;
pub use store::inbound_numbers::InboundNumber;
use store::senders::SmsSender;

use crate::{AdminError, App, manage::services};

const NOT_FOUND: AdminError = AdminError::NoSuch("inbound number");

/// Lists all inbound numbers.
pub async fn list(app: &App) -> Result<Vec<InboundNumber>, AdminError> {
    Ok(store::inbound_numbers::list(&mut app.read().await?).await?)
}

/// Finds the inbound number of a service.
pub async fn find_by_service(
    app: &App,
    service: ServiceId,
) -> Result<Option<InboundNumber>, AdminError> {
    let mut session = services::read_existing(app, service).await?;
    Ok(store::inbound_numbers::find_by_service(&mut session, service).await?)
}

/// Adds an unassigned number.
pub async fn create(app: &App, number: &str, provider: &str) -> Result<InboundNumber, AdminError> {
    const MOST_CHARACTERS: usize = 255;
    let provider = provider.trim();
    if provider.is_empty() {
        return Err(AdminError::field("provider", "Cannot be blank."));
    }
    if provider.chars().count() > MOST_CHARACTERS {
        return Err(AdminError::field(
            "provider",
            format!("Cannot be longer than {MOST_CHARACTERS} characters."),
        ));
    }
    let now = app.clock.now();
    let number = InboundNumber {
        id: InboundNumberId::generate(now, app.random()),
        number: normalise_number(number)?,
        provider: provider.to_owned(),
        service_id: None,
        active: true,
    };
    let exists = || AdminError::field("number", "Inbound number already exists.");
    let mut tx = app.write().await?;
    store::inbound_numbers::insert(&mut tx, &number, now)
        .await
        .map_err(AdminError::if_exists(exists))?;
    tx.commit().await?;
    Ok(number)
}

/// Assigns a number to a service, and adds it to its text message senders. Without `wanted`, any free number is
/// chosen.
pub async fn assign(
    app: &App,
    service: ServiceId,
    wanted: Option<InboundNumberId>,
    is_default: Option<bool>,
) -> Result<InboundNumber, AdminError> {
    let now = app.clock.now();
    let mut tx = services::lock(app, service).await?;
    if let Some(has) = store::inbound_numbers::find_by_service(&mut tx, service).await? {
        return Err(AdminError::Conflict(format!(
            "The service has an inbound number already: {}",
            has.number
        )));
    }
    let number = find_assignable(&mut tx, wanted).await?;
    // Conditional on the number being free: a concurrent request may have been given the same one.
    if !store::inbound_numbers::assign(&mut tx, service, number.id, now).await? {
        return Err(AdminError::Conflict(format!(
            "Inbound number {} is not free",
            number.number
        )));
    }
    let senders = store::senders::list_sms_senders(&mut tx, service).await?;
    let has_default = senders.iter().any(|one| one.is_default);
    let sender = SmsSender {
        id: SmsSenderId::generate(now, app.random()),
        sms_sender: number.number.clone(),
        // Unlike a sender that is added by itself, it becomes the first default even against the request, so that no number
        // is assigned that cannot be used.
        is_default: !has_default || is_default.unwrap_or(false),
        inbound_number_id: Some(number.id),
    };
    store::senders::insert_sms_sender(&mut tx, service, &sender, now).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(InboundNumber {
        service_id: Some(service),
        ..number
    })
}

async fn find_assignable(
    tx: &mut Tx,
    wanted: Option<InboundNumberId>,
) -> Result<InboundNumber, AdminError> {
    match wanted {
        Some(id) => store::inbound_numbers::find(tx, id).await?.ok_or(NOT_FOUND),
        None => store::inbound_numbers::find_free(tx)
            .await?
            .ok_or_else(|| AdminError::Conflict("No inbound number is free: add one".to_owned())),
    }
}

/// Removes the number of a service. The number becomes free for another service, unless it is retired.
pub async fn release(app: &App, service: ServiceId, retire: bool) -> Result<(), AdminError> {
    let mut tx = services::lock(app, service).await?;
    let number = store::inbound_numbers::find_by_service(&mut tx, service)
        .await?
        .ok_or(NOT_FOUND)?;
    let senders = store::senders::list_sms_senders(&mut tx, service).await?;
    // A sender that was the number would still be offered, although replies to it get lost.
    let number_sender = senders
        .iter()
        .find(|one| one.inbound_number_id == Some(number.id));
    if let Some(sender) = number_sender
        && !store::senders::archive_sms_sender(&mut tx, service, sender.id).await?
    {
        return Err(AdminError::rejected(
            "The inbound number is the default SMS sender: make another the default first",
        ));
    }
    store::inbound_numbers::release(&mut tx, service, !retire, app.clock.now()).await?;
    services::commit_and_invalidate(app, tx, service).await
}

/// Normalises a number to the form in which dialled numbers are compared (`docs/spec/public-api.md` §22.2): British
/// numbers with a leading zero, short codes as they are.
fn normalise_number(text: &str) -> Result<String, AdminError> {
    let bare: String = text.chars().filter(|one| !one.is_whitespace()).collect();
    // A short code is no phone number, and is dialled as it is.
    if (3..=6).contains(&bare.len()) && bare.bytes().all(|one| one.is_ascii_digit()) {
        return Ok(bare);
    }
    let number = PhoneNumber::parse(text)
        .map_err(|error| AdminError::field("number", error.to_string()))?
        .normalised();
    Ok(match number.strip_prefix("44") {
        Some(national) => format!("0{national}"),
        None => number,
    })
}
