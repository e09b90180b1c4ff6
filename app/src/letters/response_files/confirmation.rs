//! Confirming a subscription to the announcements of a print provider's storage (`docs/spec/letters.md` §8.1).

use domain::Private;
use providers::amazon::sns;
use tracing::{info, warn};

use crate::App;

/// Visits the URL that confirms a subscription to announcements.
pub async fn confirm_subscription(app: &App, url: String) {
    // Announcements are not signed: a stranger must not be able to make the platform visit just any address.
    if !sns::is_confirmation_url(&url) {
        warn!(
            "a subscription to announcements of response files is not confirmed: its URL is not one of SNS"
        );
        return;
    }
    let Some(client) = &app.providers.outbound else {
        return;
    };
    match client.get(&Private::from(url)).await {
        Ok(reply) if (200..300).contains(&reply.status) => {
            info!("confirmed the subscription to announcements of response files");
        }
        Ok(reply) => warn!(
            "SNS answered {} when the subscription to announcements of response files was confirmed: subscribe again",
            reply.status
        ),
        Err(error) => warn!(
            error = &error as &dyn std::error::Error,
            "the subscription to announcements of response files cannot be confirmed: subscribe again"
        ),
    }
}
