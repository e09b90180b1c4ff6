//! The bodies of all requests behind one function, for [`crate::fuzzing`].

use domain::Timestamp;

use super::{
    bodies::{EmailBody, JobBody, LetterBody, PrecompiledLetterBody, PreviewBody, SmsBody},
    bulk_body::BulkBody,
};
use crate::{json, problem::Problem};

/// Parses the body of one kind of request.
pub(crate) fn parse_any_body(choice: u8, body: &[u8], now: Timestamp) -> Result<(), Problem> {
    if choice.is_multiple_of(6) {
        let bulk = BulkBody::read(&json::without_nul(body))?;
        return JobBody::parse(bulk.members.into(), now).map(drop);
    }
    let body = json::parse_v2(body)?;
    match choice % 6 {
        1 => SmsBody::parse(body, now).map(drop),
        2 => EmailBody::parse(body, now).map(drop),
        3 => LetterBody::parse(body, now).map(drop),
        4 => PrecompiledLetterBody::parse(body, now).map(drop),
        _ => PreviewBody::parse(body, now).map(drop),
    }
}
