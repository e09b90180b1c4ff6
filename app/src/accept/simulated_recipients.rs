//! Recipients that are never sent to, with any key: all checks run and the response is a normal one, but nothing is
//! stored, counted or sent (`docs/spec/public-api.md` §12.3).

/// The recipients in normalised form: digits without a plus, lower case.
const SIMULATED: [&str; 6] = [
    "447700900000",
    "447700900111",
    "447700900222",
    "simulate-delivered@notifications.service.gov.uk",
    "simulate-delivered-2@notifications.service.gov.uk",
    "simulate-delivered-3@notifications.service.gov.uk",
];

/// Returns whether a normalised recipient is one of them.
pub(crate) fn is_simulated(normalised: &str) -> bool {
    SIMULATED.contains(&normalised)
}
