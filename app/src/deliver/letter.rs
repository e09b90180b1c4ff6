//! Handing over a letter. Letters are not accepted yet (roadmap, part 6), so none can be here; should one be, it fails
//! in words.

use domain::NotificationStatus;
use store::notifications::Notification;

use super::{Step, failed};

pub(super) fn hand_over(message: &Notification) -> Step {
    let why = "letters cannot be sent by this version".to_owned();
    Step::Settled(failed(
        message.id,
        NotificationStatus::TechnicalFailure,
        why,
    ))
}
