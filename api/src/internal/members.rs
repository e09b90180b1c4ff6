use app::manage::members::{self, Member};
use axum::{extract::State, response::Response};
use domain::{MemberPermission, ServiceId, UserId};
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

use super::{
    created,
    fields::Fields,
    ids::{Id, Ids},
    listed, no_content, ok, users,
};
use crate::{Api, problem::Problem};

fn member_view(member: &Member) -> Value {
    let mut value = users::user_view(&member.user);
    value["permissions"] = json!(member.permissions);
    value
}

/// `GET /service/<id>/users`: team members with their permissions.
pub(crate) async fn list_members(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = members::list(&api.app, service).await?;
    Ok(listed(&found, member_view))
}

/// A permission, written as a word or as `{"permission": word}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Written {
    Word(MemberPermission),
    // The form in which the reference's administration site sends it.
    Inside { permission: MemberPermission },
}

fn permissions(fields: &mut Fields) -> BTreeSet<MemberPermission> {
    fields
        .or_default::<Vec<Written>>("permissions")
        .into_iter()
        .map(|written| match written {
            Written::Word(permission) | Written::Inside { permission } => permission,
        })
        .collect()
}

/// `POST /service/<id>/users/<user>`: `{"permissions": […]}`; returns the team.
pub(crate) async fn add_member(
    State(api): State<Api>,
    Ids(service, user): Ids<ServiceId, UserId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let permissions = permissions(&mut fields);
    fields.finish()?;
    members::add(&api.app, service, user, &permissions).await?;
    let team = members::list(&api.app, service).await?;
    Ok(created(&team.iter().map(member_view).collect()))
}

/// `DELETE /service/<id>/users/<user>`
pub(crate) async fn remove_member(
    State(api): State<Api>,
    Ids(service, user): Ids<ServiceId, UserId>,
) -> Result<Response, Problem> {
    members::remove(&api.app, service, user).await?;
    Ok(no_content())
}

/// `POST /user/<id>/service/<service>/permission`: replaces the permissions by
/// `{"permissions": […]}`.
pub(crate) async fn set_member_permissions(
    State(api): State<Api>,
    Ids(user, service): Ids<UserId, ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let permissions = permissions(&mut fields);
    fields.finish()?;
    members::set_permissions(&api.app, service, user, &permissions).await?;
    Ok(ok(&json!({"permissions": permissions})))
}
