use app::fixtures::ids;
use domain::Channel;
use serde_json::{Value, json};

use crate::openapi::{
    error_examples,
    examples::MOMENT,
    operation::Operation,
    requests::{id, reference},
};
use crate::problem::{self, Problem};

pub(crate) fn list_templates() -> Operation {
    Operation::new("Templates", "List templates")
        .description("Returns all templates that are not archived, by name.")
        .query(
            "type",
            "The channel.",
            json!({"type": "string", "enum": Channel::ALL}),
        )
        .responds(
            200,
            "The templates",
            "Templates",
            json!({"templates": [template_example()]}),
        )
        .fails_with(error_examples::query_errors(
            "type fax is not one of [sms, email, letter]",
        ))
        .fails_with(error_examples::service_errors())
}

pub(crate) fn get_template() -> Operation {
    Operation::new("Templates", "Get a template")
        .description("Returns the latest version, also of an archived template.")
        .path(
            "id",
            "The id of the template",
            id(),
            ids::EMAIL_TEMPLATE.to_string(),
        )
        .responds(200, "The template", "Template", template_example())
        .fails_with(error_examples::id_errors("id"))
        .fails_with(error_examples::service_errors())
}

pub(crate) fn get_template_version() -> Operation {
    let version = json!({"type": "integer", "minimum": 0});
    Operation::new("Templates", "Get a version of a template")
        .path(
            "id",
            "The id of the template",
            id(),
            ids::EMAIL_TEMPLATE.to_string(),
        )
        .path("version", "The version; 0 is the latest", version, 2)
        .responds(200, "The version", "Template", template_example())
        .fails_with(error_examples::id_errors("id"))
        .fails_with([("not_a_version", problem::unknown_route())])
        .fails_with(error_examples::service_errors())
}

pub(crate) fn preview_template() -> Operation {
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
    Operation::new("Templates", "Preview a template")
        .description(
            "Renders the template with the given values. Nothing is sent, counted or stored.",
        )
        .path(
            "id",
            "The id of the template",
            id(),
            ids::EMAIL_TEMPLATE.to_string(),
        )
        .body(
            reference("Preview"),
            &[("preview", "With a value for one placeholder", body)],
        )
        .body_is_optional()
        .responds(200, "The rendered message", "PreviewedTemplate", preview)
        .fails_with([(
            "missing_personalisation",
            problem::missing_personalisation(&["name".to_owned()]),
        )])
        .fails_with(error_examples::id_errors("id"))
        .fails_with(error_examples::body_errors())
        .fails_with([("too_large", Problem::too_large())])
        .fails_with(error_examples::service_errors())
}

fn template_example() -> Value {
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
