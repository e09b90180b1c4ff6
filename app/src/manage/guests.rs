//! Guest lists: the recipients outside the team that a service can send to in trial mode or with a team key.

use domain::ServiceId;
use recipients::{email_addresses::EmailAddress, phone_numbers::PhoneNumber};
pub use store::guests::Guests;

use crate::{AdminError, App, manage::services};

/// A guest list is meant for trials, not as an audience.
const MAX_GUESTS: usize = 1000;

/// Lists the guests of a service.
pub async fn list(app: &App, service: ServiceId) -> Result<Guests, AdminError> {
    let mut session = services::read_existing(app, service).await?;
    Ok(store::guests::list(&mut session, service).await?)
}

/// Replaces the guest list of a service.
pub async fn replace(app: &App, service: ServiceId, guests: &Guests) -> Result<(), AdminError> {
    if guests.email_addresses.len() + guests.phone_numbers.len() > MAX_GUESTS {
        return Err(AdminError::rejected(format!(
            "A guest list can have at most {MAX_GUESTS} recipients"
        )));
    }
    let mut invalid = Vec::new();
    let describe = |text: &str| format!("\"{text}\" is not a valid email address or phone number");
    for address in &guests.email_addresses {
        if EmailAddress::parse(address).is_err() {
            invalid.push(("email_addresses", describe(address)));
        }
    }
    for number in &guests.phone_numbers {
        if PhoneNumber::parse(number).is_err() {
            invalid.push(("phone_numbers", describe(number)));
        }
    }
    if !invalid.is_empty() {
        // Report all invalid recipients at once, not only the first.
        return Err(AdminError::Fields(invalid));
    }
    let mut tx = services::lock(app, service).await?;
    store::guests::replace(&mut tx, service, guests).await?;
    services::commit_and_invalidate(app, tx, service).await
}

/// Adds a recipient to the guest list of a service.
pub async fn add(app: &App, service: ServiceId, recipient: &str) -> Result<(), AdminError> {
    // No text is both: a phone number has no `@`.
    let kind = if EmailAddress::parse(recipient).is_ok() {
        "email"
    } else if PhoneNumber::parse(recipient).is_ok() {
        "mobile"
    } else {
        return Err(AdminError::field(
            "recipient",
            "Not a valid email address or phone number.",
        ));
    };
    let mut tx = services::lock(app, service).await?;
    store::services::add_guest(&mut tx, service, kind, recipient).await?;
    services::commit_and_invalidate(app, tx, service).await
}
