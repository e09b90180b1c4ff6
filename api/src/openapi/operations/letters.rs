use serde_json::json;

use crate::openapi::{error_examples, examples::MOMENT, operation::Operation, requests::reference};
use crate::problem::auth;

const TAG: &str = "Letters";

/// Adds the errors of an internal endpoint whose errors have the v2 shape.
fn internal(operation: Operation) -> Operation {
    let unauthorized = auth(
        http::StatusCode::UNAUTHORIZED,
        "Unauthorized: not allowed to perform this action",
    );
    operation
        .fails_with([("unauthorized", unauthorized)])
        .fails_with(error_examples::service_errors())
}

pub(crate) fn list_rates() -> Operation {
    let rate = json!({
        "post_class": "second", "rate": "0.68", "sheet_count": 1, "start_date": MOMENT,
    });
    internal(
        Operation::new(TAG, "List letter rates")
            .description(
                "Returns the current rates, by sheets of paper, then rate, then postage class.",
            )
            .responds(200, "The rates", "LetterRates", json!([rate])),
    )
}

pub(crate) fn report_returned() -> Operation {
    let references = json!({"references": ["AAAABBBBCCCC0003"]});
    internal(
        Operation::new(TAG, "Report returned letters")
            .body(
                reference("ReturnedLetters"),
                &[(
                    "returned",
                    "One letter, by its printed reference",
                    references.clone(),
                )],
            )
            .responds(
                200,
                "The letters will be marked as returned",
                "ReturnedLetters",
                references,
            )
            .fails_with([(
                "bad_reference",
                error_examples::validation("references abc does not match ^[0-9A-Z]{16}$"),
            )])
            .fails_with(error_examples::body_errors()),
    )
}
