use app::manage::{
    members,
    users::{self, NewUser, User, UserChange},
};
use axum::{extract::State, response::Response};
use domain::{MemberPermission, ServiceId, UserId, UserState};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use super::{created, fields::Fields, ids::Id, listed, ok};
use crate::{Api, problem::Problem};

pub(super) fn user_view(user: &User) -> Value {
    json!({
        "id": user.id,
        "name": user.name,
        "email_address": user.email_address,
        "mobile_number": user.mobile_number,
        "state": user.state,
        "platform_admin": user.platform_admin,
        "created_at": user.created_at,
    })
}

/// Adds the services and permissions of a user.
fn user_with_memberships_view(
    user: &User,
    memberships: &BTreeMap<ServiceId, BTreeSet<MemberPermission>>,
) -> Value {
    let mut value = user_view(user);
    let services: Vec<&ServiceId> = memberships.keys().collect();
    let permissions: BTreeMap<String, &BTreeSet<MemberPermission>> = memberships
        .iter()
        .map(|(service, permissions)| (service.to_string(), permissions))
        .collect();
    value["services"] = json!(services);
    value["permissions"] = json!(permissions);
    value
}

/// `GET /user`
pub(crate) async fn list_users(State(api): State<Api>) -> Result<Response, Problem> {
    let found = users::list(&api.app).await?;
    Ok(listed(&found, user_view))
}

/// `POST /user`
pub(crate) async fn create_user(
    State(api): State<Api>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let new = NewUser {
        name: fields.or_default("name"),
        email_address: fields.or_default("email_address"),
        mobile_number: fields.optional("mobile_number"),
        state: fields.optional("state").unwrap_or(UserState::Pending),
        platform_admin: fields.optional("platform_admin").unwrap_or(false),
    };
    fields.finish()?;
    let made = users::create(&api.app, new).await?;
    Ok(created(&user_with_memberships_view(
        &made,
        &BTreeMap::new(),
    )))
}

/// `GET /user/<id>`
pub(crate) async fn get_user(
    State(api): State<Api>,
    Id(user): Id<UserId>,
) -> Result<Response, Problem> {
    let found = users::find(&api.app, user).await?;
    with_memberships(&api, &found).await
}

/// `POST /user/email`: finds the user of an address, `{"email": …}`. It is not in the path because paths are logged.
pub(crate) async fn find_user_by_email(
    State(api): State<Api>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let email: String = fields.or_default("email");
    fields.finish()?;
    let found = users::find_by_email(&api.app, &email).await?;
    with_memberships(&api, &found).await
}

/// `POST /user/<id>`
pub(crate) async fn update_user(
    State(api): State<Api>,
    Id(user): Id<UserId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let change = UserChange {
        name: fields.optional("name"),
        email_address: fields.optional("email_address"),
        mobile_number: fields.patch("mobile_number"),
        state: fields.optional("state"),
        platform_admin: fields.optional("platform_admin"),
    };
    fields.finish()?;
    let after = users::update(&api.app, user, change).await?;
    with_memberships(&api, &after).await
}

async fn with_memberships(api: &Api, user: &User) -> Result<Response, Problem> {
    let memberships = members::list_memberships(&api.app, user.id).await?;
    Ok(ok(&user_with_memberships_view(user, &memberships)))
}
