use std::collections::{BTreeMap, BTreeSet};

use app::manage::{
    members,
    users::{self, NewUser, User, UserChange},
};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::{MemberPermission, ServiceId, UserId, UserState};
use serde_json::{Value, json};

use super::{created, fields::Fields, id, listed, ok, problem};
use crate::{Api, callers::Internal, problem::Problem};

pub(super) fn shown(user: &User) -> Value {
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

/// With the services to whose teams they belong.
fn shown_with(user: &User, memberships: &BTreeMap<ServiceId, BTreeSet<MemberPermission>>) -> Value {
    let mut value = shown(user);
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
pub(crate) async fn list_users(State(api): State<Api>, _: Internal) -> Result<Response, Problem> {
    let found = users::list(&api.app).await.map_err(problem)?;
    Ok(listed(&found, shown))
}

/// `POST /user`
pub(crate) async fn create_user(
    State(api): State<Api>,
    _: Internal,
    body: Body,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(body).await?;
    let new = NewUser {
        name: fields.need("name"),
        email_address: fields.need("email_address"),
        mobile_number: fields.may("mobile_number"),
        state: fields.may("state").unwrap_or(UserState::Pending),
        platform_admin: fields.may("platform_admin").unwrap_or(false),
    };
    fields.finish()?;
    let made = users::create(&api.app, new).await.map_err(problem)?;
    Ok(created(&shown_with(&made, &BTreeMap::new())))
}

/// `GET /user/<id>`
pub(crate) async fn get_user(
    State(api): State<Api>,
    _: Internal,
    Path(user): Path<String>,
) -> Result<Response, Problem> {
    let user: UserId = id(&user)?;
    let found = users::find(&api.app, user).await.map_err(problem)?;
    with_memberships(&api, &found).await
}

/// `POST /user/email`: the person with an address, `{"email": …}`. Addresses do not belong into paths, which are logged.
pub(crate) async fn find_user_by_email(
    State(api): State<Api>,
    _: Internal,
    body: Body,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(body).await?;
    let email: String = fields.need("email");
    fields.finish()?;
    let found = users::find_by_email(&api.app, &email)
        .await
        .map_err(problem)?;
    with_memberships(&api, &found).await
}

/// `POST /user/<id>`
pub(crate) async fn update_user(
    State(api): State<Api>,
    _: Internal,
    Path(user): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let user: UserId = id(&user)?;
    let mut fields = Fields::read(body).await?;
    let change = UserChange {
        name: fields.may("name"),
        email_address: fields.may("email_address"),
        mobile_number: fields.change("mobile_number"),
        state: fields.may("state"),
        platform_admin: fields.may("platform_admin"),
    };
    fields.finish()?;
    let after = users::update(&api.app, user, change)
        .await
        .map_err(problem)?;
    with_memberships(&api, &after).await
}

async fn with_memberships(api: &Api, user: &User) -> Result<Response, Problem> {
    let memberships = members::list_memberships(&api.app, user.id)
        .await
        .map_err(problem)?;
    Ok(ok(&shown_with(user, &memberships)))
}
