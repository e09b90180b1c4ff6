use http::StatusCode;

use super::Problem;

/// Returns the 400 of a PDF that is asked for of another channel (`docs/spec/public-api.md` §15).
pub(crate) fn not_a_letter() -> Problem {
    Problem::bad_request("Notification is not a letter")
}

/// Returns the 400 of a letter that failed the virus scan (`docs/spec/public-api.md` §15).
pub(crate) fn pdf_with_virus() -> Problem {
    Problem::bad_request("File did not pass the virus scan")
}

/// Returns the 400 of a letter in `technical-failure`, which may have no pages (`docs/spec/public-api.md` §15).
pub(crate) fn pdf_of_failed_letter() -> Problem {
    Problem::bad_request("PDF not available for letters in status technical-failure")
}

/// Returns the 400 of a letter whose pages are not made yet (`docs/spec/public-api.md` §15).
pub(crate) fn pdf_not_ready() -> Problem {
    Problem::v2(
        StatusCode::BAD_REQUEST,
        "PDFNotReadyError",
        "PDF not available yet, try again later",
    )
}

/// Returns the 416 of a range that the file does not have.
pub(crate) fn range_not_satisfiable() -> Problem {
    Problem::v2(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "RequestedRangeNotSatisfiable",
        "The requested range not satisfiable",
    )
}
