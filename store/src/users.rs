//! Users: team members of services, and platform administrators.

use domain::{Timestamp, UserId, UserState};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// Person who can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Primary key.
    pub id: UserId,
    /// Full name.
    pub name: String,
    /// E-mail address in lower case; unique.
    pub email_address: String,
    /// Mobile number as entered.
    pub mobile_number: Option<String>,
    /// Whether they can sign in.
    pub state: UserState,
    /// Whether they administer the platform.
    pub platform_admin: bool,
    /// When they joined.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, name, email_address, mobile_number, state, platform_admin, created_at";

/// Inserts a user. Fails with [`Error::Exists`] if the address is taken.
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

/// Updates a user. Fails with [`Error::Exists`] if the address is taken.
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

/// Returns a user.
pub async fn find(session: &mut Session, id: UserId) -> Result<Option<User>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM users WHERE id = $1"),
            args![id],
        )
        .await?;
    row.as_ref().map(parse_user).transpose()
}

/// Returns a user and locks the row until the transaction ends.
pub async fn lock(tx: &mut Tx, id: UserId) -> Result<Option<User>, Error> {
    let for_update = tx.kind().for_update();
    let row = tx
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM users WHERE id = $1 {for_update}"),
            args![id],
        )
        .await?;
    row.as_ref().map(parse_user).transpose()
}

/// Returns the user with this address, which is given in lower case.
pub async fn find_by_email(
    session: &mut Session,
    email_address: &str,
) -> Result<Option<User>, Error> {
    let row = session
        .fetch_optional(
            // Addresses are stored in lower case, so this look-up uses the unique index.
            format!("SELECT {COLUMNS} FROM users WHERE email_address = $1"),
            args![email_address],
        )
        .await?;
    row.as_ref().map(parse_user).transpose()
}

/// Returns all users by name.
pub async fn list(session: &mut Session) -> Result<Vec<User>, Error> {
    session
        .fetch_all(
            format!("SELECT {COLUMNS} FROM users ORDER BY name, id"),
            args![],
        )
        .await?
        .iter()
        .map(parse_user)
        .collect()
}

pub(crate) fn parse_user(row: &Row) -> Result<User, Error> {
    Ok(User {
        id: row.get("id")?,
        name: row.get("name")?,
        email_address: row.get("email_address")?,
        mobile_number: row.get("mobile_number")?,
        state: row.parse("users", "state")?,
        platform_admin: row.get("platform_admin")?,
        created_at: row.get("created_at")?,
    })
}
