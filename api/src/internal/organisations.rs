use app::manage::organisations::{self, Organisation, OrganisationChange};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::OrganisationId;
use serde_json::{Value, json};

use super::{created, fields::Fields, id, listed, no_content, ok, problem, services};
use crate::{Api, callers::Internal, problem::Problem};

fn shown(organisation: &Organisation) -> Value {
    json!({
        "id": organisation.id,
        "name": organisation.name,
        "active": organisation.active,
        "created_at": organisation.created_at,
    })
}

/// `GET /organisations`
pub(crate) async fn list_organisations(
    State(api): State<Api>,
    _: Internal,
) -> Result<Response, Problem> {
    let found = organisations::list(&api.app).await.map_err(problem)?;
    Ok(listed(&found, shown))
}

/// `POST /organisations`
pub(crate) async fn create_organisation(
    State(api): State<Api>,
    _: Internal,
    body: Body,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(body).await?;
    let name: String = fields.need("name");
    fields.finish()?;
    let made = organisations::create(&api.app, &name)
        .await
        .map_err(problem)?;
    Ok(created(&shown(&made)))
}

/// `GET /organisations/<id>`
pub(crate) async fn get_organisation(
    State(api): State<Api>,
    _: Internal,
    Path(organisation): Path<String>,
) -> Result<Response, Problem> {
    let found = organisations::find(&api.app, id(&organisation)?)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(&found)))
}

/// `POST /organisations/<id>`
pub(crate) async fn update_organisation(
    State(api): State<Api>,
    _: Internal,
    Path(organisation): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let organisation: OrganisationId = id(&organisation)?;
    let mut fields = Fields::read(body).await?;
    let change = OrganisationChange {
        name: fields.may("name"),
        active: fields.may("active"),
    };
    fields.finish()?;
    let after = organisations::update(&api.app, organisation, change)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(&after)))
}

/// `GET /organisations/<id>/services`
pub(crate) async fn list_organisation_services(
    State(api): State<Api>,
    _: Internal,
    Path(organisation): Path<String>,
) -> Result<Response, Problem> {
    let found = organisations::list_services(&api.app, id(&organisation)?)
        .await
        .map_err(problem)?;
    Ok(listed(&found, services::shown))
}

/// `POST /organisations/<id>/service`: `{"service_id": …}`
pub(crate) async fn adopt_service(
    State(api): State<Api>,
    _: Internal,
    Path(organisation): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let organisation: OrganisationId = id(&organisation)?;
    let service = Fields::read(body).await?.must("service_id")?;
    organisations::adopt(&api.app, organisation, service)
        .await
        .map_err(problem)?;
    Ok(no_content())
}
