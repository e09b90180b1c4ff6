//! Contact blocks: the sender's address on a letter.

use domain::{LetterContactId, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
    defaults::{self, List},
};

/// Contact block of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterContact {
    /// Primary key.
    pub id: LetterContactId,
    /// Lines of text, which may contain placeholders.
    pub contact_block: String,
    /// Whether it is used for templates that name none.
    pub is_default: bool,
}

/// Inserts a contact block. A default one replaces the previous default.
pub async fn insert(
    tx: &mut Tx,
    service: ServiceId,
    contact: &LetterContact,
    at: Timestamp,
) -> Result<(), Error> {
    if contact.is_default {
        defaults::clear(tx, List::LetterContacts, service).await?;
    }
    tx.execute(
        "INSERT INTO letter_contacts (id, service_id, contact_block, is_default, archived, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![contact.id, service, &*contact.contact_block, contact.is_default, false, at],
    )
    .await?;
    Ok(())
}

/// Updates a contact block. A default one replaces the previous default.
pub async fn update(tx: &mut Tx, service: ServiceId, contact: &LetterContact) -> Result<(), Error> {
    if contact.is_default {
        defaults::clear(tx, List::LetterContacts, service).await?;
    }
    tx.execute(
        "UPDATE letter_contacts SET contact_block = $3, is_default = $4 WHERE service_id = $1 AND id = $2",
        args![service, contact.id, &*contact.contact_block, contact.is_default],
    )
    .await?;
    Ok(())
}

/// Archives a contact block unless it is the default, and removes it from the current versions of templates. Returns
/// whether it was archived.
pub async fn archive(tx: &mut Tx, service: ServiceId, id: LetterContactId) -> Result<bool, Error> {
    if !defaults::archive(tx, List::LetterContacts, service, id.as_uuid()).await? {
        return Ok(false);
    }
    tx.execute(
        // Only the current versions: a letter that was sent keeps the sender's address it was printed with.
        "UPDATE template_versions SET letter_contact_id = NULL WHERE letter_contact_id = $2 AND EXISTS \
         (SELECT t.id FROM templates t WHERE t.id = template_versions.template_id \
          AND t.version = template_versions.version AND t.service_id = $1)",
        args![service, id],
    )
    .await?;
    Ok(true)
}

/// Returns a contact block of a service unless it is archived.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    id: LetterContactId,
) -> Result<Option<LetterContact>, Error> {
    let row = session
        .fetch_optional(
            "SELECT id, contact_block, is_default FROM letter_contacts \
             WHERE service_id = $1 AND id = $2 AND NOT archived",
            args![service, id],
        )
        .await?;
    row.as_ref().map(parse_letter_contact).transpose()
}

/// Returns the contact blocks of a service that are not archived, oldest first.
pub async fn list(session: &mut Session, service: ServiceId) -> Result<Vec<LetterContact>, Error> {
    session
        .fetch_all(
            "SELECT id, contact_block, is_default FROM letter_contacts \
             WHERE service_id = $1 AND NOT archived ORDER BY created_at, id",
            args![service],
        )
        .await?
        .iter()
        .map(parse_letter_contact)
        .collect()
}

fn parse_letter_contact(row: &Row) -> Result<LetterContact, Error> {
    Ok(LetterContact {
        id: row.get("id")?,
        contact_block: row.get("contact_block")?,
        is_default: row.get("is_default")?,
    })
}
