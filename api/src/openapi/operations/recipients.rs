use serde_json::{Value, json};

use crate::openapi::{
    error_examples,
    examples::{LINK_TOKEN, NOTIFICATION},
    operation::Operation,
    requests::id,
};
use crate::{
    problem::{self, Problem},
    unsubscribe,
};

const TAG: &str = "Recipients";
const HTML: &str = "text/html; charset=utf-8";

fn text() -> Value {
    json!({"type": "string"})
}

pub(crate) fn unsubscribe() -> Operation {
    let done = json!({"message": "Unsubscribe successful", "result": "success"});
    Operation::new(TAG, "Unsubscribe a recipient with one click")
    .description(
        "Mail programs send this request with the link in `List-Unsubscribe`. The body is ignored. A link is valid for 365 \
         days, and can be used more than once.",
    )
    .path("id", "The id of the email", id(), NOTIFICATION)
    .path("token", "The signed token", text(), LINK_TOKEN)
    .responds(200, "The recipient is unsubscribed", "Unsubscribed", done)
    .fails_with([
        ("not_a_link", unsubscribe::invalid_token()),
        ("expired", unsubscribe::invalid_or_expired()),
        ("unknown_path", problem::unknown_route()),
    ])
    .fails_with(error_examples::legacy_server_errors())
}

/// Adds what the pages of a file have in common.
fn document_page(operation: Operation) -> Operation {
    operation
        .path(
            "document",
            "The id of the file",
            text(),
            "AbCdEfGhIjKlMnOpQrStUv",
        )
        .path("key", "The key that decrypts it", text(), LINK_TOKEN)
        .responds_with(
            404,
            "A page that says that the file is not available: the link is invalid or has expired",
            HTML,
            text(),
            None,
        )
        .responds_with(
            500,
            "A page that says that there is a problem",
            HTML,
            text(),
            None,
        )
        .responds_with(
            503,
            "The same page, while the file storage or the database does not answer",
            HTML,
            text(),
            None,
        )
        .fails_with([("timeout", Problem::timeout().into_legacy())])
}

pub(crate) fn show_document() -> Operation {
    document_page(
        Operation::new(TAG, "Show the download page of a file")
        .responds_with(
            200,
            "The download page, or a form that asks for the email address if the sender requires that",
            HTML,
            text(),
            None,
        ),
    )
}

pub(crate) fn confirm_document() -> Operation {
    let form = json!({
        "type": "object",
        "properties": {"email_address": {"type": "string", "description": "The address that the email was sent to."}},
    });
    let example = json!({"email_address": "ada@example.com"});
    let operation = Operation::new(TAG, "Confirm the email address of the recipient of a file")
        .form(form, &[("address", "The form of the page", example)])
        .body_is_optional()
        .responds_empty(
            303,
            "Redirects to the download page and sets a cookie that gives access",
        )
        .with_header(303, "Location", "The download page", text())
        .with_header(303, "Set-Cookie", "A pass for the file", text());
    document_page(operation)
        .responds_with(400, "The address is missing", HTML, text(), None)
        .responds_with(
            403,
            "The address is not the one that the email was sent to",
            HTML,
            text(),
            None,
        )
        .responds_with(
            429,
            "Too many wrong addresses were entered",
            HTML,
            text(),
            None,
        )
        .with_header(
            429,
            "Retry-After",
            "Seconds until a retry can succeed",
            json!({"type": "integer"}),
        )
}

pub(crate) fn download_document() -> Operation {
    let operation = Operation::new(TAG, "Download a file")
        .responds_with(
            200,
            "The file, with its own media type",
            "application/octet-stream",
            text(),
            None,
        )
        .with_header(200, "Content-Disposition", "The name of the file", text())
        .responds_empty(303, "Redirects to the page that asks for the email address")
        .with_header(
            303,
            "Location",
            "The page that asks for the email address",
            text(),
        );
    document_page(operation)
}
