//! Recipients that are never sent to, whatever the key: all checks run and the answer is a normal one, but nothing is
//! kept, counted or sent (`docs/spec/public-api.md` §12.3).

/// In the form for comparing: digits without a plus, lower case.
const SIMULATED: [&str; 6] = [
    "447700900000",
    "447700900111",
    "447700900222",
    "simulate-delivered@notifications.service.gov.uk",
    "simulate-delivered-2@notifications.service.gov.uk",
    "simulate-delivered-3@notifications.service.gov.uk",
];

/// Whether this recipient, normalised, is one of them.
pub(crate) fn is_simulated(normalised: &str) -> bool {
    SIMULATED.contains(&normalised)
}
