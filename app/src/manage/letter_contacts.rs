//! The contact blocks of a service's letters. If a service has any, exactly one is the default.

use domain::{LetterContactId, ServiceId};
pub use store::letter_contacts::LetterContact;
use text::describe_characters;

use crate::{
    AdminError, App,
    manage::{defaults, services},
};

/// A change to a contact block. Absent fields are left as they are.
#[derive(Debug, Clone, Default)]
pub struct ContactChange {
    /// The lines of the block.
    pub contact_block: Option<String>,
    /// Whether it is used for templates that name no contact block.
    pub is_default: Option<bool>,
}

const DEFAULT_REQUIRED: &str = "You must have at least one letter contact as the default.";
const NOT_FOUND: AdminError = AdminError::NoSuch("contact block");

/// Lists the contact blocks of a service, oldest first.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<LetterContact>, AdminError> {
    let mut session = services::read_existing(app, service).await?;
    Ok(store::letter_contacts::list(&mut session, service).await?)
}

/// Finds a contact block of a service.
pub async fn find(
    app: &App,
    service: ServiceId,
    id: LetterContactId,
) -> Result<LetterContact, AdminError> {
    store::letter_contacts::find(&mut app.read().await?, service, id)
        .await?
        .ok_or(NOT_FOUND)
}

/// Adds a contact block. If `is_default` is absent, it becomes the default only if there is none.
pub async fn create(
    app: &App,
    service: ServiceId,
    contact_block: &str,
    is_default: Option<bool>,
) -> Result<LetterContact, AdminError> {
    let contact_block = valid_block(contact_block)?;
    let now = app.clock.now();
    let mut tx = services::lock(app, service).await?;
    let before = store::letter_contacts::list(&mut tx, service).await?;
    let has_default = before.iter().any(|one| one.is_default);
    let is_default = defaults::for_new(has_default, is_default, DEFAULT_REQUIRED)?;
    let contact = LetterContact {
        id: LetterContactId::generate(now, app.random()),
        contact_block,
        is_default,
    };
    store::letter_contacts::insert(&mut tx, service, &contact, now).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(contact)
}

/// Changes a contact block. The default can only be changed by making another block the default.
pub async fn update(
    app: &App,
    service: ServiceId,
    id: LetterContactId,
    change: ContactChange,
) -> Result<LetterContact, AdminError> {
    let contact_block = change
        .contact_block
        .as_deref()
        .map(valid_block)
        .transpose()?;
    let mut tx = services::lock(app, service).await?;
    let before = store::letter_contacts::find(&mut tx, service, id)
        .await?
        .ok_or(NOT_FOUND)?;
    let is_default = defaults::for_change(before.is_default, change.is_default, DEFAULT_REQUIRED)?;
    let after = LetterContact {
        id,
        contact_block: contact_block.unwrap_or(before.contact_block),
        is_default,
    };
    store::letter_contacts::update(&mut tx, service, &after).await?;
    services::commit_and_invalidate(app, tx, service).await?;
    // Cached templates hold the text of their block, and the cache has no index by block.
    app.caches.templates.invalidate_all();
    Ok(after)
}

/// Archives a contact block that is not the default. Templates that used it then have none.
pub async fn archive(
    app: &App,
    service: ServiceId,
    id: LetterContactId,
) -> Result<LetterContact, AdminError> {
    let mut tx = services::lock(app, service).await?;
    let contact = store::letter_contacts::find(&mut tx, service, id)
        .await?
        .ok_or(NOT_FOUND)?;
    if !store::letter_contacts::archive(&mut tx, service, id).await? {
        return Err(AdminError::rejected(
            "You cannot delete a default letter contact",
        ));
    }
    services::commit_and_invalidate(app, tx, service).await?;
    // Cached templates hold the text of their block, and the cache has no index by block.
    app.caches.templates.invalidate_all();
    Ok(contact)
}

/// Checks the lines of a contact block.
fn valid_block(text: &str) -> Result<String, AdminError> {
    // More would reach into the recipient's address.
    const MAX_LINES: usize = 10;
    const MAX_CHARACTERS: usize = 1000;
    let block = text.trim();
    if block.is_empty() {
        return Err(AdminError::field("contact_block", "Cannot be blank."));
    }
    if block.lines().count() > MAX_LINES {
        return Err(AdminError::field(
            "contact_block",
            format!("Cannot have more than {MAX_LINES} lines."),
        ));
    }
    if block.chars().count() > MAX_CHARACTERS {
        return Err(AdminError::field(
            "contact_block",
            format!("Cannot be longer than {MAX_CHARACTERS} characters."),
        ));
    }
    // Otherwise every letter with this block would be refused, each time for its sender to find out.
    let unprintable = typesetting::unprintable_characters(block);
    if !unprintable.is_empty() {
        let named = describe_characters(&unprintable);
        return Err(AdminError::field(
            "contact_block",
            format!("Has characters that cannot be printed: {named}."),
        ));
    }
    Ok(block.to_owned())
}
