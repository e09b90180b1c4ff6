use app::jobs::contact_lists::{self, ContactList, NewContactList};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    response::Response,
};
use domain::{Channel, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{created, id, listed, missing, no_content, ok, problem, spreadsheets};
use crate::{Api, callers::Internal, problem::Problem};

fn shown(list: &ContactList) -> Value {
    json!({
        "id": list.id,
        "service_id": list.service_id,
        "original_file_name": list.original_file_name,
        "template_type": list.template_type,
        "row_count": list.row_count,
        "created_by": list.created_by,
        "created_at": list.created_at,
    })
}

/// `GET /service/<id>/contact-list`: those that are not archived, newest first.
pub(crate) async fn list_contact_lists(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let found = contact_lists::list(&api.app, id(&service)?).await;
    Ok(listed(&found.map_err(problem)?, shown))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    template_type: Option<Channel>,
    file_name: Option<String>,
    created_by: Option<UserId>,
}

/// `POST /service/<id>/contact-list?template_type=…&file_name=…`: checks the recipients of the file in the body, of any
/// kind, and keeps it if nothing is wrong with them.
pub(crate) async fn create_contact_list(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    Query(asked): Query<Asked>,
    body: Body,
) -> Result<Response, Problem> {
    let new = NewContactList {
        service: id(&service)?,
        template_type: asked
            .template_type
            .ok_or_else(|| missing("template_type"))?,
        file_name: asked
            .file_name
            .unwrap_or_else(|| "contact-list.csv".to_owned()),
        created_by: asked.created_by,
    };
    let uploaded = contact_lists::upload(&api.app, new, spreadsheets::pieces(body))
        .await
        .map_err(spreadsheets::problem)?;
    let mut data = spreadsheets::report(&uploaded.report, &uploaded.problems());
    data["valid"] = json!(uploaded.list.is_some());
    let Some(list) = &uploaded.list else {
        return Ok(ok(&data));
    };
    if let (Value::Object(data), Value::Object(list)) = (&mut data, shown(list)) {
        data.extend(list);
    }
    Ok(created(&data))
}

/// `GET /service/<id>/contact-list/<list>`
pub(crate) async fn get_contact_list(
    State(api): State<Api>,
    _: Internal,
    Path((service, list)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let found = contact_lists::find(&api.app, id(&service)?, id(&list)?).await;
    match found {
        Ok(list) => Ok(ok(&shown(&list))),
        // It is shown to nobody any more.
        Err(contact_lists::ContactListError::Archived) => Err(Problem::old_not_found()),
        Err(error) => Err(spreadsheets::unusable(error)),
    }
}

/// `DELETE /service/<id>/contact-list/<list>`: its file goes; jobs that were made from it have their own.
pub(crate) async fn archive_contact_list(
    State(api): State<Api>,
    _: Internal,
    Path((service, list)): Path<(String, String)>,
) -> Result<Response, Problem> {
    contact_lists::archive(&api.app, id(&service)?, id(&list)?)
        .await
        .map_err(spreadsheets::unusable)?;
    Ok(no_content())
}
