use serde_json::json;

use crate::{
    openapi::{
        error_examples,
        examples::{MOMENT, NOTIFICATION, ROOT},
        operation::Operation,
        requests::id,
    },
    v2,
};

const TAG: &str = "Suppression list";

pub(crate) fn list_suppressions() -> Operation {
    let link = format!("{ROOT}v2/suppressions");
    let page = json!({
        "links": {"current": link, "next": format!("{link}?older_than={NOTIFICATION}")},
        "suppressions": [{
            "created_at": MOMENT,
            "id": NOTIFICATION,
            "reason": "hard-bounce",
            "recipient": "ada@example.com",
            "type": "email",
        }],
    });
    Operation::new(TAG, "List suppressed recipients")
        .description(
            "Returns the recipients to whom the service sends nothing, newest first, 250 a page. The reason is \
             `hard-bounce`, `complaint`, `stop` or `manual`.",
        )
        .query("older_than", "The id of the last entry on the previous page.", id())
        .responds(200, "A page of entries", "Suppressions", page)
        .fails_with(error_examples::query_errors("older_than is not a valid UUID"))
        .fails_with(error_examples::service_errors())
}

pub(crate) fn add_suppression() -> Operation {
    let schema = json!({
        "type": "object",
        "properties": {
            "recipient": {"type": "string", "description": "An e-mail address or a phone number."},
        },
        "required": ["recipient"],
    });
    let example = json!({"recipient": "ada@example.com"});
    let added = json!({"id": NOTIFICATION});
    Operation::new(TAG, "Add a recipient to the suppression list")
        .description("Messages to the recipient become `permanent-failure` when they would be sent. Needs a live key.")
        .body(schema, &[("address", "An e-mail address", example)])
        .responds(201, "The recipient was added", "Suppressed", added.clone())
        .responds(200, "The recipient was on the list already", "Suppressed", added)
        .fails_with([
            ("invalid_recipient", v2::invalid_recipient()),
            ("not_with_this_key", v2::not_with_this_key()),
        ])
        .fails_with(error_examples::body_errors())
        .fails_with(error_examples::service_errors())
}

pub(crate) fn remove_suppression() -> Operation {
    Operation::new(TAG, "Remove an entry of the suppression list")
        .description("The recipient gets messages again. Needs a live key.")
        .path("id", "The entry", id(), NOTIFICATION)
        .responds_empty(204, "The entry was removed")
        .fails_with([
            ("not_found", crate::problem::Problem::not_found()),
            ("not_with_this_key", v2::not_with_this_key()),
        ])
        .fails_with(error_examples::service_errors())
}
