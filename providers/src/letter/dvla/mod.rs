//! The print service of the DVLA: one HTTP call for each letter (`docs/spec/letters.md` §7.2).
//!
//! A request carries a token, which is fetched with the user's name and password and kept until a minute before it expires,
//! and an API key. The platform changes password and key every month; see [`ChangingCredentials`].

mod login;
mod receipts;
mod request;
mod settings;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, Url};
use tracing::warn;

use self::{login::Login, request::print_job};
use super::{ChangingCredentials, Letter, LetterProvider};
use crate::{
    RejectReason, SendError, SendReceipt, SettingsError,
    http::{self, Reply},
};

pub use self::{
    receipts::{JOB_STATUSES, LetterEvent, LetterReceipt, MAILING_PRODUCTS, POSTAGE_CLASSES, Show},
    settings::DvlaSettings,
};

/// A client of the print service.
pub struct Dvla {
    settings: DvlaSettings,
    client: Client,
    jobs: Url,
    login: Arc<Login>,
}

impl Dvla {
    /// Checks the settings and builds the client.
    pub fn new(settings: DvlaSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let timeout = Duration::from_secs(settings.timeout_seconds);
        let client = http::client(&settings.name, timeout)?;
        Ok(Self {
            jobs: settings.endpoint("print-request/v1/print/jobs")?,
            login: Arc::new(Login::new(client.clone(), &settings)?),
            client,
            settings,
        })
    }

    fn parse_reply(&self, letter: &Letter, reply: &Reply) -> Result<SendReceipt, SendError> {
        match reply.status.as_u16() {
            200..=299 => Ok(SendReceipt::default()),
            // An earlier attempt arrived, whose answer did not.
            409 => {
                warn!(
                    notification.id = %letter.id,
                    "{} has letter {} already", self.settings.name, letter.id
                );
                Ok(SendReceipt::default())
            }
            401 | 403 => {
                self.login.forget_token();
                Err(reply.error_for_status(None))
            }
            429 | 500.. => Err(reply.error_for_status(None)),
            // Nothing that waiting would change (`docs/spec/letters.md` §7.2).
            _ => Err(SendError::rejected(
                RejectReason::Message,
                reply.detail("the provider refuses the letter"),
            )),
        }
    }
}

#[async_trait]
impl LetterProvider for Dvla {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn reports_delivery(&self) -> bool {
        true
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency
    }

    fn volumes_to(&self) -> Vec<String> {
        self.settings.volumes_to.clone()
    }

    fn changing_credentials(&self) -> Option<Arc<dyn ChangingCredentials>> {
        self.settings
            .change_credentials
            .then(|| Arc::clone(&self.login) as _)
    }

    async fn send(&self, letter: &Letter) -> Result<SendReceipt, SendError> {
        let headers = self.login.headers(letter.at).await?;
        let request = self.client.post(self.jobs.clone()).headers(headers);
        let reply = http::send_request(request.json(&print_job(letter))).await?;
        self.parse_reply(letter, &reply)
    }
}
