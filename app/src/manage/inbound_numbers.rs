//! Numbers that receive text messages. A service has at most one; it is also one of the service's text message
//! senders, so that recipients can reply.

use domain::{InboundNumberId, ServiceId, SmsSenderId};
use recipients::phone_numbers::PhoneNumber;
use store::Tx;
pub use store::inbound_numbers::InboundNumber;
use store::senders::SmsSender;

use crate::{AdminError, App, manage::services};

const NO_SUCH: AdminError = AdminError::NoSuch("inbound number");

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
        number: number_of(number)?,
        provider: provider.to_owned(),
        service_id: None,
        active: true,
    };
    let is_there = || AdminError::field("number", "Inbound number already exists.");
    let mut tx = app.write().await?;
    store::inbound_numbers::insert(&mut tx, &number, now)
        .await
        .map_err(AdminError::if_taken(is_there))?;
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
        return Err(AdminError::Taken(format!(
            "The service has an inbound number already: {}",
            has.number
        )));
    }
    let number = choose(&mut tx, wanted).await?;
    if !store::inbound_numbers::assign(&mut tx, service, number.id, now).await? {
        return Err(AdminError::Taken(format!(
            "Inbound number {} is not free",
            number.number
        )));
    }
    let senders = store::senders::list_sms_senders(&mut tx, service).await?;
    let is_lonely = !senders.iter().any(|one| one.is_default);
    let sender = SmsSender {
        id: SmsSenderId::generate(now, app.random()),
        sms_sender: number.number.clone(),
        is_default: is_lonely || is_default.unwrap_or(false),
        inbound_number_id: Some(number.id),
    };
    store::senders::insert_sms_sender(&mut tx, service, &sender, now).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(InboundNumber {
        service_id: Some(service),
        ..number
    })
}

async fn choose(tx: &mut Tx, wanted: Option<InboundNumberId>) -> Result<InboundNumber, AdminError> {
    match wanted {
        Some(id) => store::inbound_numbers::find(tx, id).await?.ok_or(NO_SUCH),
        None => store::inbound_numbers::find_free(tx)
            .await?
            .ok_or_else(|| AdminError::Taken("No inbound number is free: add one".to_owned())),
    }
}

/// Removes the number of a service. The number becomes free for another service, unless it is retired.
pub async fn free(app: &App, service: ServiceId, use_no_more: bool) -> Result<(), AdminError> {
    let mut tx = services::lock(app, service).await?;
    let number = store::inbound_numbers::find_by_service(&mut tx, service)
        .await?
        .ok_or(NO_SUCH)?;
    let senders = store::senders::list_sms_senders(&mut tx, service).await?;
    let its_sender = senders
        .iter()
        .find(|one| one.inbound_number_id == Some(number.id));
    if let Some(sender) = its_sender
        && !store::senders::archive_sms_sender(&mut tx, service, sender.id).await?
    {
        return Err(AdminError::rejected(
            "The inbound number is the default SMS sender: make another the default first",
        ));
    }
    store::inbound_numbers::release(&mut tx, service, !use_no_more, app.clock.now()).await?;
    services::commit_and_invalidate(app, tx, service).await
}

/// Normalises a number to the form in which dialled numbers are compared (`docs/spec/public-api.md` §22.2): British
/// numbers with a leading zero, short codes as they are.
fn number_of(text: &str) -> Result<String, AdminError> {
    let bare: String = text.chars().filter(|one| !one.is_whitespace()).collect();
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
