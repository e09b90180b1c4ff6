use app::manage::organisations::{self, Organisation, OrganisationChange};
use axum::{extract::State, response::Response};
use domain::OrganisationId;
use serde_json::{Value, json};

use super::{created, fields::Fields, ids::Id, listed, no_content, ok, services};
use crate::{Api, problem::Problem};

fn organisation_view(organisation: &Organisation) -> Value {
    json!({
        "id": organisation.id,
        "name": organisation.name,
        "active": organisation.active,
        "created_at": organisation.created_at,
    })
}

/// `GET /organisations`
pub(crate) async fn list_organisations(State(api): State<Api>) -> Result<Response, Problem> {
    let found = organisations::list(&api.app).await?;
    Ok(listed(&found, organisation_view))
}

/// `POST /organisations`
pub(crate) async fn create_organisation(
    State(api): State<Api>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let name: String = fields.or_default("name");
    fields.finish()?;
    let made = organisations::create(&api.app, &name).await?;
    Ok(created(&organisation_view(&made)))
}

/// `GET /organisations/<id>`
pub(crate) async fn get_organisation(
    State(api): State<Api>,
    Id(organisation): Id<OrganisationId>,
) -> Result<Response, Problem> {
    let found = organisations::find(&api.app, organisation).await?;
    Ok(ok(&organisation_view(&found)))
}

/// `POST /organisations/<id>`
pub(crate) async fn update_organisation(
    State(api): State<Api>,
    Id(organisation): Id<OrganisationId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let change = OrganisationChange {
        name: fields.optional("name"),
        active: fields.optional("active"),
    };
    fields.finish()?;
    let after = organisations::update(&api.app, organisation, change).await?;
    Ok(ok(&organisation_view(&after)))
}

/// `GET /organisations/<id>/services`
pub(crate) async fn list_organisation_services(
    State(api): State<Api>,
    Id(organisation): Id<OrganisationId>,
) -> Result<Response, Problem> {
    let found = organisations::list_services(&api.app, organisation).await?;
    Ok(listed(&found, services::service_view))
}

/// `POST /organisations/<id>/service`: `{"service_id": …}`
pub(crate) async fn adopt_service(
    State(api): State<Api>,
    Id(organisation): Id<OrganisationId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let service = fields.required("service_id")?;
    organisations::add_service(&api.app, organisation, service).await?;
    Ok(no_content())
}
