use app::fixtures::ids;
use domain::Channel;
use serde_json::{Value, json};

use crate::openapi::{
    error_examples,
    examples::{MOMENT, NOTIFICATION, ROOT, template},
    operation::Operation,
    requests::id,
};
use crate::{problem, v2::bodies::statuses};

pub(crate) fn list_notifications() -> Operation {
    let link = format!("{ROOT}v2/notifications?status=delivered");
    let page = json!({
        "links": {
            "current": link,
            "next": format!("{link}&older_than={NOTIFICATION}"),
        },
        "notifications": [notification()],
    });
    let any_of = |items: Value| json!({"type": "array", "items": items});
    Operation::new("Notifications", "List notifications")
    .description(
        "Returns notifications that were sent with an API key of the same type, newest first, 250 a page. Filters are \
         combined; `status` and `template_type` can be repeated to match any of their values.",
    )
    .query("reference", "The reference that the request gave.", json!({"type": "string"}))
    .query(
        "status",
        "`failed` matches every failure, `accepted` matches `created` and `sending`, `received` matches `delivered`.",
        any_of(json!({"type": "string", "enum": statuses()})),
    )
    .query("template_type", "The channel.", any_of(json!({"type": "string", "enum": Channel::ALL})))
    .query(
        "include_jobs",
        "Include the notifications of jobs.",
        json!({"type": "string", "enum": ["true", "True"]}),
    )
    .query("older_than", "The id of the last notification on the previous page.", id())
    .responds(200, "A page of notifications", "Notifications", page)
    .fails_with(error_examples::query_errors("template_type fax is not one of [sms, email, letter]"))
    .fails_with(error_examples::service_errors())
}

pub(crate) fn get_notification() -> Operation {
    Operation::new("Notifications", "Get a notification")
        .description("Returns any notification of the service, whichever key, job or user sent it.")
        .path("id", "The id of the notification", id(), NOTIFICATION)
        .responds(200, "The notification", "Notification", notification())
        .fails_with(error_examples::id_errors("notification_id"))
        .fails_with(error_examples::service_errors())
}

pub(crate) fn get_pdf() -> Operation {
    let range = json!({
        "name": "Range", "in": "header", "description": "A single range of bytes; the whole file if it is missing.",
        "schema": {"type": "string"}, "example": "bytes=0-1023",
    });
    let pages = || json!({"type": "string", "contentMediaType": "application/pdf"});
    let content_range = json!({"type": "string"});
    Operation::new("Notifications", "Get the PDF of a letter")
        .path("id", "The id of the letter", id(), NOTIFICATION)
        .parameter(range)
        .responds_with(200, "The PDF", "application/pdf", pages(), None)
        .responds_with(
            206,
            "The requested part of the PDF",
            "application/pdf",
            pages(),
            None,
        )
        .with_header(
            206,
            "Content-Range",
            "The range and the length of the file",
            content_range.clone(),
        )
        .fails_with([
            ("not_a_letter", problem::not_a_letter()),
            ("not_ready", problem::pdf_not_ready()),
            ("virus", problem::pdf_with_virus()),
            ("failed", problem::pdf_of_failed_letter()),
            ("no_such_range", problem::range_not_satisfiable()),
        ])
        .with_header(
            416,
            "Content-Range",
            "The length of the file",
            content_range,
        )
        .fails_with(error_examples::id_errors("notification_id"))
        .fails_with(error_examples::service_errors())
}

fn send_path(title: &'static str, id: &'static str) -> Operation {
    Operation::new("Notifications", title)
        .id(id)
        .description(
            "The path exists for `POST` only; `GET` reads its last part as the id of a notification, which it is not.",
        )
        .fails_with([("not_an_id", crate::v2::invalid_id("notification_id"))])
        .fails_with(error_examples::service_errors())
}

pub(crate) fn get_sms_path() -> Operation {
    send_path(
        "Reject GET on the path for text messages",
        "get_send_path_sms",
    )
}

pub(crate) fn get_email_path() -> Operation {
    send_path("Reject GET on the path for emails", "get_send_path_email")
}

pub(crate) fn get_letter_path() -> Operation {
    send_path("Reject GET on the path for letters", "get_send_path_letter")
}

fn notification() -> Value {
    let mut example = json!({
        "body": "Hello Ada\n\nFunctional Tests make our world a better place",
        "completed_at": MOMENT,
        "cost_details": {
            "billable_sms_fragments": 1, "international_rate_multiplier": 1.0, "sms_rate": 0.0233,
        },
        "cost_in_pounds": 0.0233,
        "created_at": MOMENT,
        "created_by_name": null,
        "email_address": null,
        "id": NOTIFICATION,
        "is_cost_data_ready": true,
        "one_click_unsubscribe_url": null,
        "phone_number": "07700 900123",
        "postage": null,
        "postcode": null,
        "reference": "order 1234",
        "scheduled_for": null,
        "sent_at": MOMENT,
        "status": "delivered",
        "subject": null,
        "template": template(ids::SMS_TEMPLATE),
        "type": "sms",
    });
    for line in 1..=6 {
        example[format!("line_{line}")] = Value::Null;
    }
    example.sort_all_objects();
    example
}
