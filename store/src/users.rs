//! People: team members of services, and those who run the platform.

use domain::{Timestamp, UserId, UserState};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// What they are called.
    pub name: String,
    /// Unique among all; in lower case, as it is compared.
    pub email_address: String,
    /// As it was given.
    pub mobile_number: Option<String>,
    /// Whether they can sign in.
    pub state: UserState,
    /// Runs the platform itself.
    pub platform_admin: bool,
    /// When they joined.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, name, email_address, mobile_number, state, platform_admin, created_at";

/// Keeps a new person; `Exists` if another has the address.
pub async fn insert(tx: &mut Tx, user: &User) -> Result<(), Error> {
    tx.execute(
        format!("INSERT INTO users ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"),
        args![
            user.id,
            &*user.name,
            &*user.email_address,
            user.mobile_number.as_deref(),
            user.state,
            user.platform_admin,
            user.created_at
        ],
    )
    .await?;
    Ok(())
}

/// Writes what is known of a person; `Exists` if another has the address.
pub async fn update(tx: &mut Tx, user: &User) -> Result<(), Error> {
    tx.execute(
        "UPDATE users SET name = $2, email_address = $3, mobile_number = $4, state = $5, platform_admin = $6 \
         WHERE id = $1",
        args![
            user.id,
            &*user.name,
            &*user.email_address,
            user.mobile_number.as_deref(),
            user.state,
            user.platform_admin
        ],
    )
    .await?;
    Ok(())
}

/// The person with this id.
pub async fn find(session: &mut Session, id: UserId) -> Result<Option<User>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM users WHERE id = $1"),
            args![id],
        )
        .await?;
    row.as_ref().map(user).transpose()
}

/// The person with this id, whom nobody else changes until the transaction ends.
pub async fn lock(tx: &mut Tx, id: UserId) -> Result<Option<User>, Error> {
    let for_update = tx.kind().for_update();
    let row = tx
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM users WHERE id = $1 {for_update}"),
            args![id],
        )
        .await?;
    row.as_ref().map(user).transpose()
}

/// The person with this address, which is given in lower case.
pub async fn find_by_email(
    session: &mut Session,
    email_address: &str,
) -> Result<Option<User>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM users WHERE email_address = $1"),
            args![email_address],
        )
        .await?;
    row.as_ref().map(user).transpose()
}

/// Everybody, by name.
pub async fn list(session: &mut Session) -> Result<Vec<User>, Error> {
    session
        .fetch_all(
            format!("SELECT {COLUMNS} FROM users ORDER BY name, id"),
            args![],
        )
        .await?
        .iter()
        .map(user)
        .collect()
}

pub(crate) fn user(row: &Row) -> Result<User, Error> {
    Ok(User {
        id: row.get("id")?,
        name: row.get("name")?,
        email_address: row.get("email_address")?,
        mobile_number: row.get("mobile_number")?,
        state: row.word("users", "state")?,
        platform_admin: row.get("platform_admin")?,
        created_at: row.get("created_at")?,
    })
}
