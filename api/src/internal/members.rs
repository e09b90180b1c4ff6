use std::collections::BTreeSet;

use app::manage::members::{self, Member};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::MemberPermission;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use super::{created, fields::Fields, id, listed, no_content, ok, problem, users};
use crate::{Api, callers::Internal, problem::Problem};

fn shown(member: &Member) -> Value {
    let mut value = users::shown(&member.user);
    value["permissions"] = json!(member.permissions);
    value
}

/// `GET /service/<id>/users`: with what they may do in this service.
pub(crate) async fn list_members(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let found = members::list(&api.app, id(&service)?)
        .await
        .map_err(problem)?;
    Ok(listed(&found, shown))
}

/// A permission, as a word or as `{"permission": word}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Written {
    Word(MemberPermission),
    Inside { permission: MemberPermission },
}

fn permissions(fields: &mut Fields) -> BTreeSet<MemberPermission> {
    fields
        .need::<Vec<Written>>("permissions")
        .into_iter()
        .map(|written| match written {
            Written::Word(permission) | Written::Inside { permission } => permission,
        })
        .collect()
}

/// `POST /service/<id>/users/<user>`: `{"permissions": […]}`; answers the team.
pub(crate) async fn add_member(
    State(api): State<Api>,
    _: Internal,
    Path((service, user)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (service, user) = (id(&service)?, id(&user)?);
    let mut fields = Fields::read(body).await?;
    let permissions = permissions(&mut fields);
    fields.finish()?;
    members::add(&api.app, service, user, &permissions)
        .await
        .map_err(problem)?;
    let team = members::list(&api.app, service).await.map_err(problem)?;
    Ok(created(&team.iter().map(shown).collect()))
}

/// `DELETE /service/<id>/users/<user>`
pub(crate) async fn remove_member(
    State(api): State<Api>,
    _: Internal,
    Path((service, user)): Path<(String, String)>,
) -> Result<Response, Problem> {
    members::remove(&api.app, id(&service)?, id(&user)?)
        .await
        .map_err(problem)?;
    Ok(no_content())
}

/// `POST /user/<id>/service/<service>/permission`: `{"permissions": […]}` are all that the member may do from now on.
pub(crate) async fn set_member_permissions(
    State(api): State<Api>,
    _: Internal,
    Path((user, service)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (service, user) = (id(&service)?, id(&user)?);
    let mut fields = Fields::read(body).await?;
    let permissions = permissions(&mut fields);
    fields.finish()?;
    members::set_permissions(&api.app, service, user, &permissions)
        .await
        .map_err(problem)?;
    Ok(ok(&json!({"permissions": permissions})))
}
