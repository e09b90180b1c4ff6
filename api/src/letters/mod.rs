//! What internal clients say and ask about letters. The shape of errors is that of v2 (`docs/spec/public-api.md` §3.4,
//! §23).

mod list_rates;
mod report_returned;

pub(crate) use list_rates::list_rates;
pub(crate) use report_returned::report_returned;
