use app::fixtures::ids;
use domain::Channel;
use serde_json::{Value, json};

use super::{
    examples::{MOMENT, NOTIFICATION, ROOT, template},
    operation::Operation,
    refusals,
    shapes::{id, reference},
};
use crate::{
    problem::{self, Problem},
    v2::bodies::statuses,
};

pub(super) fn operations() -> Vec<Operation> {
    let mut operations = vec![
        list_notifications(),
        get_notification(),
        get_pdf(),
        list_templates(),
        get_template(),
        get_template_version(),
        preview_template(),
        list_received_texts(),
    ];
    operations.extend(on_sending_paths());
    operations
}

fn channels() -> Value {
    json!({"type": "string", "enum": Channel::ALL})
}

fn list_notifications() -> Operation {
    let link = format!("{ROOT}v2/notifications?status=delivered");
    let page = json!({
        "links": {
            "current": link,
            "next": format!("{link}&older_than={NOTIFICATION}"),
        },
        "notifications": [notification()],
    });
    let any_of = |items: Value| json!({"type": "array", "items": items});
    Operation::new(
        "GET",
        "/v2/notifications",
        "list_notifications",
        "Messages",
        "List messages",
    )
    .about(
        "Newest first, 250 a page: those sent with a key of the same type as yours. Filters are combined; `status` and \
         `template_type` may be given several times, for any of them.",
    )
    .query("reference", "Your own name for the message.", json!({"type": "string"}))
    .query(
        "status",
        "`failed` is any failure; `accepted` is created or sending, `received` is delivered.",
        any_of(json!({"type": "string", "enum": statuses()})),
    )
    .query("template_type", "The channel.", any_of(channels()))
    .query(
        "include_jobs",
        "The messages of jobs too.",
        json!({"type": "string", "enum": ["true", "True"]}),
    )
    .query("older_than", "The last message of the page before.", id())
    .answers(200, "A page", "Notifications", page)
    .refuses(refusals::of_queries("template_type fax is not one of [sms, email, letter]"))
    .refuses(refusals::of_services())
}

fn get_notification() -> Operation {
    Operation::new(
        "GET",
        "/v2/notifications/{id}",
        "get_notification",
        "Messages",
        "See what became of a message",
    )
    .about("Any of the service's, whatever key, job or person sent it.")
    .path("id", "The message", id(), NOTIFICATION)
    .answers(200, "The message", "Notification", notification())
    .refuses(refusals::of_ids("notification_id"))
    .refuses(refusals::of_services())
}

fn get_pdf() -> Operation {
    let range = json!({
        "name": "Range", "in": "header", "description": "One range of bytes, if not all are wanted.",
        "schema": {"type": "string"}, "example": "bytes=0-1023",
    });
    let pages = || json!({"type": "string", "contentMediaType": "application/pdf"});
    let content_range = json!({"type": "string"});
    Operation::new(
        "GET",
        "/v2/notifications/{id}/pdf",
        "get_pdf",
        "Messages",
        "Read the pages of a letter",
    )
    .path("id", "The letter", id(), NOTIFICATION)
    .parameter(range)
    .answers_of(200, "The pages", "application/pdf", pages(), None)
    .answers_of(206, "A part of the pages", "application/pdf", pages(), None)
    .with_header(
        206,
        "Content-Range",
        "Which bytes these are",
        content_range.clone(),
    )
    .refuses([
        ("not_a_letter", problem::not_a_letter()),
        ("not_ready", problem::pdf_not_ready()),
        ("virus", problem::pdf_with_virus()),
        ("failed", problem::pdf_of_failed_letter()),
        ("no_such_range", problem::no_such_range()),
    ])
    .with_header(
        416,
        "Content-Range",
        "How many bytes there are",
        content_range,
    )
    .refuses(refusals::of_ids("notification_id"))
    .refuses(refusals::of_services())
}

/// Paths that are there for sending alone: asked otherwise they are those of a message whose id is no id.
fn on_sending_paths() -> Vec<Operation> {
    let of = |path, id, summary| {
        Operation::new("GET", path, id, "Messages", summary)
            .about(
                "The path is there for sending alone: asked for, it is a message whose id is none.",
            )
            .refuses([("not_an_id", crate::v2::not_an_id("notification_id"))])
            .refuses(refusals::of_services())
    };
    vec![
        of(
            "/v2/notifications/sms",
            "get_on_sending_path_sms",
            "No message: where texts are sent",
        ),
        of(
            "/v2/notifications/email",
            "get_on_sending_path_email",
            "No message: where e-mails are sent",
        ),
        of(
            "/v2/notifications/letter",
            "get_on_sending_path_letter",
            "No message: where letters are sent",
        ),
    ]
}

fn list_templates() -> Operation {
    Operation::new(
        "GET",
        "/v2/templates",
        "list_templates",
        "Templates",
        "List templates",
    )
    .about("All that are not archived, by name.")
    .query("type", "The channel.", channels())
    .answers(
        200,
        "The templates",
        "Templates",
        json!({"templates": [shown_template()]}),
    )
    .refuses(refusals::of_queries(
        "type fax is not one of [sms, email, letter]",
    ))
    .refuses(refusals::of_services())
}

fn get_template() -> Operation {
    Operation::new(
        "GET",
        "/v2/template/{id}",
        "get_template",
        "Templates",
        "See a template",
    )
    .about("Its latest version; archived ones too.")
    .path("id", "The template", id(), ids::EMAIL_TEMPLATE.to_string())
    .answers(200, "The template", "Template", shown_template())
    .refuses(refusals::of_ids("id"))
    .refuses(refusals::of_services())
}

fn get_template_version() -> Operation {
    let version = json!({"type": "integer", "minimum": 0});
    Operation::new(
        "GET",
        "/v2/template/{id}/version/{version}",
        "get_template_version",
        "Templates",
        "See a version of a template",
    )
    .path("id", "The template", id(), ids::EMAIL_TEMPLATE.to_string())
    .path("version", "The version; 0 is the latest", version, 2)
    .answers(200, "The version", "Template", shown_template())
    .refuses(refusals::of_ids("id"))
    .refuses([("not_a_version", problem::unknown_path())])
    .refuses(refusals::of_services())
}

fn preview_template() -> Operation {
    let preview = json!({
        "body": "Hello Ada\r\n\r\nFunctional test help make our world a better place",
        "html": "<p style=\"Margin: 0 0 20px 0;\">Hello Ada</p>",
        "id": ids::EMAIL_TEMPLATE,
        "postage": null,
        "subject": "Functional Tests are good",
        "type": "email",
        "version": 2,
    });
    let body = json!({"personalisation": {"name": "Ada"}});
    Operation::new(
        "POST",
        "/v2/template/{id}/preview",
        "preview_template",
        "Templates",
        "See how a message would look",
    )
    .about("Nothing is sent, counted or kept.")
    .path("id", "The template", id(), ids::EMAIL_TEMPLATE.to_string())
    .body(reference("Preview"), &[("preview", "With a name", body)])
    .body_is_optional()
    .answers(200, "The message", "PreviewedTemplate", preview)
    .refuses([(
        "missing_personalisation",
        problem::missing_personalisation(&["name".to_owned()]),
    )])
    .refuses(refusals::of_ids("id"))
    .refuses(refusals::of_bodies())
    .refuses([("too_large", Problem::too_large())])
    .refuses(refusals::of_services())
}

fn list_received_texts() -> Operation {
    let link = format!("{ROOT}v2/received-text-messages");
    let text = ids::RECEIVED_TEXT;
    let page = json!({
        "links": {"current": link, "next": format!("{link}?older_than={text}")},
        "received_text_messages": [{
            "content": "Is the library open on Sunday?",
            "created_at": MOMENT,
            "id": text,
            "notify_number": "07700900581",
            "service_id": ids::CLIENTS_SERVICE,
            "user_number": "447700900582",
        }],
    });
    Operation::new(
        "GET",
        "/v2/received-text-messages",
        "list_received_texts",
        "Received texts",
        "List received texts",
    )
    .about("Newest first, 250 a page.")
    .query("older_than", "The last text of the page before.", id())
    .answers(200, "A page", "ReceivedTexts", page)
    .refuses(refusals::of_queries("older_than is not a valid UUID"))
    .refuses(refusals::of_services())
}

fn shown_template() -> Value {
    json!({
        "body": "Hello ((name))\r\n\r\nFunctional test help make our world a better place",
        "created_at": MOMENT,
        "created_by": "client.tests@example.gov.uk",
        "id": ids::EMAIL_TEMPLATE,
        "letter_contact_block": null,
        "name": "Client Functional test email template",
        "personalisation": {"name": {"required": true}},
        "postage": null,
        "subject": "Functional Tests are good",
        "type": "email",
        "updated_at": MOMENT,
        "version": 2,
    })
}

fn notification() -> Value {
    let mut shown = json!({
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
        shown[format!("line_{line}")] = Value::Null;
    }
    shown.sort_all_objects();
    shown
}
