use app::jobs::contact_lists::{self, ContactList, NewContactList};
use axum::{
    body::Body,
    extract::{Query, State},
    response::Response,
};
use domain::{Channel, ContactListId, ServiceId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    created,
    ids::{Id, Ids},
    listed, missing, no_content, ok, spreadsheets,
};
use crate::{Api, problem::Problem};

fn contact_list_view(list: &ContactList) -> Value {
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
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = contact_lists::list(&api.app, service).await;
    Ok(listed(&found?, contact_list_view))
}

#[derive(Debug, Deserialize)]
pub(crate) struct UploadQuery {
    template_type: Option<Channel>,
    file_name: Option<String>,
    encoding: Option<String>,
    created_by: Option<UserId>,
}

/// `POST /service/<id>/contact-list?template_type=…&file_name=…`: checks the recipients in the file in the body,
/// of any supported format, and stores it if they are valid.
pub(crate) async fn create_contact_list(
    State(api): State<Api>,
    Query(query): Query<UploadQuery>,
    Id(service): Id<ServiceId>,
    body: Body,
) -> Result<Response, Problem> {
    spreadsheets::check_storage(&api, service).await?;
    let new = NewContactList {
        service,
        template_type: query
            .template_type
            .ok_or_else(|| missing("template_type"))?,
        file_name: query
            .file_name
            .unwrap_or_else(|| "contact-list.csv".to_owned()),
        encoding: spreadsheets::encoding_named(query.encoding.as_deref())?,
        created_by: query.created_by,
    };
    let app = api.app.clone();
    let uploaded = spreadsheets::check_apart(&api, service, async move {
        Ok(contact_lists::upload(&app, new, spreadsheets::pieces(body)).await?)
    });
    let uploaded = uploaded.await?;
    let mut data = spreadsheets::report(&uploaded.report, &uploaded.problems());
    data["valid"] = json!(uploaded.list.is_some());
    // Not stored, because recipients are wrong. The response is a 200 with the report, as when a spreadsheet is
    // checked.
    let Some(list) = &uploaded.list else {
        return Ok(ok(&data));
    };
    if let (Value::Object(data), Value::Object(list)) = (&mut data, contact_list_view(list)) {
        // One object with the list and the report of its check.
        data.extend(list);
    }
    Ok(created(&data))
}

/// `GET /service/<id>/contact-list/<list>`
pub(crate) async fn get_contact_list(
    State(api): State<Api>,
    Ids(service, list): Ids<ServiceId, ContactListId>,
) -> Result<Response, Problem> {
    let found = contact_lists::find(&api.app, service, list).await;
    match found {
        Ok(list) => Ok(ok(&contact_list_view(&list))),
        // An archived list is treated as if it did not exist.
        Err(contact_lists::ContactListError::Archived) => Err(Problem::legacy_not_found()),
        Err(error) => Err(error.into()),
    }
}

/// `DELETE /service/<id>/contact-list/<list>`: deletes its file. Jobs that were created from it have copies.
pub(crate) async fn archive_contact_list(
    State(api): State<Api>,
    Ids(service, list): Ids<ServiceId, ContactListId>,
) -> Result<Response, Problem> {
    contact_lists::archive(&api.app, service, list).await?;
    Ok(no_content())
}
