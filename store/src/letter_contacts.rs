//! The contact blocks of services: the lines at the head of their letters.

use domain::{LetterContactId, ServiceId, Timestamp};

use crate::{Error, Tx, db::args};

/// A contact block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterContact {
    /// Which.
    pub id: LetterContactId,
    /// Its lines; they may hold placeholders.
    pub contact_block: String,
    /// Taken by new templates.
    pub is_default: bool,
}

/// Keeps a new contact block. A default one takes the place of the default before it.
pub async fn insert(
    tx: &mut Tx,
    service: ServiceId,
    contact: &LetterContact,
    at: Timestamp,
) -> Result<(), Error> {
    if contact.is_default {
        tx.execute(
            "UPDATE letter_contacts SET is_default = $2 WHERE service_id = $1 AND is_default",
            args![service, false],
        )
        .await?;
    }
    tx.execute(
        "INSERT INTO letter_contacts (id, service_id, contact_block, is_default, archived, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![contact.id, service, &*contact.contact_block, contact.is_default, false, at],
    )
    .await?;
    Ok(())
}
