//! People: team members of services.

use domain::{Timestamp, UserId};

use crate::{Error, Session, Tx, db::args};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// What they are called.
    pub name: String,
    /// Unique among all.
    pub email_address: String,
    /// As it was given.
    pub mobile_number: Option<String>,
    /// When they joined.
    pub created_at: Timestamp,
}

/// Keeps a new person.
pub async fn insert(tx: &mut Tx, user: &User) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO users (id, name, email_address, mobile_number, created_at) VALUES ($1, $2, $3, $4, $5)",
        args![user.id, &*user.name, &*user.email_address, user.mobile_number.as_deref(), user.created_at],
    )
    .await?;
    Ok(())
}

/// The person with this id.
pub async fn find(session: &mut Session, id: UserId) -> Result<Option<User>, Error> {
    let row = session
        .fetch_optional(
            "SELECT id, name, email_address, mobile_number, created_at FROM users WHERE id = $1",
            args![id],
        )
        .await?;
    row.map(|row| {
        Ok(User {
            id: row.get("id")?,
            name: row.get("name")?,
            email_address: row.get("email_address")?,
            mobile_number: row.get("mobile_number")?,
            created_at: row.get("created_at")?,
        })
    })
    .transpose()
}
