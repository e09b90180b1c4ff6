//! Letter rates and returned letters, for internal clients. Errors have the v2 shape (`docs/spec/public-api.md` §3.4, §23).

mod list_rates;
mod report_returned;

pub(crate) use list_rates::list_rates;
pub(crate) use report_returned::report_returned;
