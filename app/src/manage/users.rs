//! Users. E-mail addresses are unique, ignoring case.

use domain::{UserId, UserState};
use recipients::{email_addresses::EmailAddress, phone_numbers::PhoneNumber};
pub use store::users::User;

use crate::{AdminError, App, manage::admin_error::valid_name};

/// A user to create.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name shown to people.
    pub name: String,
    /// The e-mail address, unique among all users.
    pub email_address: String,
    /// The mobile number.
    pub mobile_number: Option<String>,
    /// Whether the user can sign in.
    pub state: UserState,
    /// Whether the user administers the platform.
    pub platform_admin: bool,
}

/// A change to a user. Absent fields are left as they are.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// The new name.
    pub name: Option<String>,
    /// The new e-mail address.
    pub email_address: Option<String>,
    /// The new mobile number; `Some(None)` removes it.
    pub mobile_number: Option<Option<String>>,
    /// Whether the user can sign in.
    pub state: Option<UserState>,
    /// Whether the user administers the platform.
    pub platform_admin: Option<bool>,
}

/// Creates a user.
pub async fn create(app: &App, new: NewUser) -> Result<User, AdminError> {
    let now = app.clock.now();
    let user = User {
        id: UserId::generate(now, app.random()),
        name: valid_name(&new.name)?,
        email_address: valid_email_address(&new.email_address)?,
        mobile_number: new
            .mobile_number
            .as_deref()
            .map(valid_mobile_number)
            .transpose()?,
        state: new.state,
        platform_admin: new.platform_admin,
        created_at: now,
    };
    let mut tx = app.write().await?;
    store::users::insert(&mut tx, &user)
        .await
        .map_err(AdminError::if_exists(email_address_exists))?;
    tx.commit().await?;
    Ok(user)
}

/// Changes a user. Services that the user is a team member of can then send to the new address and number in trial
/// mode.
pub async fn update(app: &App, id: UserId, change: UserChange) -> Result<User, AdminError> {
    let name = change.name.as_deref().map(valid_name).transpose()?;
    let email_address = change
        .email_address
        .as_deref()
        .map(valid_email_address)
        .transpose()?;
    let mobile_number = match change.mobile_number {
        Some(Some(number)) => Some(Some(valid_mobile_number(&number)?)),
        Some(None) => Some(None),
        None => None,
    };
    let mut tx = app.write().await?;
    let before = store::users::lock(&mut tx, id)
        .await?
        .ok_or(AdminError::NoSuch("user"))?;
    let after = User {
        name: name.unwrap_or(before.name),
        email_address: email_address.unwrap_or(before.email_address),
        mobile_number: mobile_number.unwrap_or(before.mobile_number),
        state: change.state.unwrap_or(before.state),
        platform_admin: change.platform_admin.unwrap_or(before.platform_admin),
        ..before
    };
    store::users::update(&mut tx, &after)
        .await
        .map_err(AdminError::if_exists(email_address_exists))?;
    // Their cached guest lists hold the old address and number.
    let services = store::members::list_memberships(&mut tx, id).await?;
    tx.commit().await?;
    for service in services.into_keys() {
        app.caches.tenants.invalidate(service);
    }
    Ok(after)
}

/// Lists all users, ordered by name.
pub async fn list(app: &App) -> Result<Vec<User>, AdminError> {
    Ok(store::users::list(&mut app.read().await?).await?)
}

/// Finds a user by id.
pub async fn find(app: &App, id: UserId) -> Result<User, AdminError> {
    store::users::find(&mut app.read().await?, id)
        .await?
        .ok_or(AdminError::NoSuch("user"))
}

/// Finds a user by e-mail address, ignoring case.
pub async fn find_by_email(app: &App, email_address: &str) -> Result<User, AdminError> {
    let email_address = valid_email_address(email_address)?;
    store::users::find_by_email(&mut app.read().await?, &email_address)
        .await?
        .ok_or(AdminError::NoSuch("user"))
}

/// Fails if `id` is given and no such user exists; `field` names the field in the error.
pub(crate) async fn check_exists(
    session: &mut store::Session,
    field: &'static str,
    id: Option<UserId>,
) -> Result<(), AdminError> {
    match id {
        Some(id) if store::users::find(session, id).await?.is_none() => {
            Err(AdminError::field(field, "There is no such user."))
        }
        _ => Ok(()),
    }
}

fn email_address_exists() -> AdminError {
    AdminError::field("email_address", "Email address is already in use.")
}

fn valid_email_address(text: &str) -> Result<String, AdminError> {
    EmailAddress::parse(text)
        .map(|address| address.normalised())
        .map_err(|error| AdminError::field("email_address", error.to_string()))
}

fn valid_mobile_number(text: &str) -> Result<String, AdminError> {
    PhoneNumber::parse(text)
        // Kept as it was written: it is shown to people, and normalised where it is used.
        .map(|_| text.trim().to_owned())
        .map_err(|error| AdminError::field("mobile_number", error.to_string()))
}
