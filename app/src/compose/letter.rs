//! What every new letter gets, however it is accepted.

use domain::{KeyType, NotificationStatus, RandomSource};

use crate::App;

/// Generates the reference that is printed on a letter and known to the print provider: sixteen random characters
/// (`docs/spec/letters.md` §1).
pub(super) fn print_reference(random: &dyn RandomSource) -> String {
    const CHARACTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const LENGTH: usize = 16;
    // The largest multiple of 36 in a byte: larger bytes would make the first characters more likely.
    const EVEN: u8 = 252;
    let mut reference = String::with_capacity(LENGTH);
    while reference.len() < LENGTH {
        let mut bytes = [0; LENGTH];
        random.fill(&mut bytes);
        let fitting = bytes.iter().filter(|byte| **byte < EVEN);
        let characters = fitting.map(|byte| char::from(CHARACTERS[usize::from(byte % 36)]));
        reference.extend(characters.take(LENGTH - reference.len()));
    }
    reference
}

/// Returns the first status of a letter from a template. With a test key it is not printed: it is delivered at once,
/// unless its receipt is to be simulated (`docs/spec/public-api.md` §10.3).
pub(crate) fn first_status(app: &App, key_type: KeyType) -> NotificationStatus {
    match key_type {
        KeyType::Test if app.settings.test_letters_fake_delivery => NotificationStatus::Sending,
        KeyType::Test => NotificationStatus::Delivered,
        KeyType::Normal | KeyType::Team => NotificationStatus::Created,
    }
}
