use serde_json::json;

use super::{examples::MOMENT, operation::Operation, refusals, shapes::reference};
use crate::problem::auth;

const TAG: &str = "Running it";

pub(super) fn operations() -> Vec<Operation> {
    vec![list_rates(), report_returned()]
}

/// What an internal client may be told whose endpoint has the shape of v2.
fn internal(operation: Operation) -> Operation {
    let stranger = auth(
        http::StatusCode::UNAUTHORIZED,
        "Unauthorized: not allowed to perform this action",
    );
    operation
        .refuses([("stranger", stranger)])
        .refuses(refusals::of_services())
}

fn list_rates() -> Operation {
    let rate = json!({
        "post_class": "second", "rate": "0.68", "sheet_count": 1, "start_date": MOMENT,
    });
    internal(
        Operation::new(
            "GET",
            "/letter-rates/",
            "list_rates",
            TAG,
            "List what letters cost",
        )
        .about("The rates that hold now, by sheets of paper, then rate, then class.")
        .answers(200, "The rates", "LetterRates", json!([rate])),
    )
}

fn report_returned() -> Operation {
    let references = json!({"references": ["AAAABBBBCCCC0003"]});
    internal(
        Operation::new(
            "POST",
            "/letters/returned",
            "report_returned",
            TAG,
            "Tell which letters the post has brought back",
        )
        .body(
            reference("ReturnedLetters"),
            &[(
                "returned",
                "One letter, by the reference it was printed with",
                references.clone(),
            )],
        )
        .answers(200, "They will be marked", "ReturnedLetters", references)
        .refuses([(
            "bad_reference",
            refusals::validation("references abc does not match ^[0-9A-Z]{16}$"),
        )])
        .refuses(refusals::of_bodies()),
    )
}
