//! Telling a print provider by e-mail how many letters to expect (`docs/spec/letters.md` §7.2).

use std::sync::Arc;

use queue::{TaskContext, TaskOutcome};
use recipients::email_addresses::EmailAddress;
use tracing::{info, warn};

use super::callback_notices::caller_of;
use crate::{
    App,
    accept::{self, EmailRequest},
    cache::tenants,
    tasks::{self, LetterVolumes},
};

/// Sends the e-mail, if the settings name a template for it.
pub(crate) async fn send(app: &App, task: &TaskContext, volumes: LetterVolumes) -> TaskOutcome {
    match try_send(app, &volumes).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot tell {} how many letters to expect, will try again", volumes.provider
            );
            tasks::retry(task, app.random(), &fault)
        }
    }
}

async fn try_send(app: &App, volumes: &LetterVolumes) -> Result<(), Arc<store::Error>> {
    let provider = &volumes.provider;
    let Some(notice) = app.settings.letter_volumes else {
        warn!(
            "{provider} is not told how many letters to expect: set letter_volumes.service and letter_volumes.template"
        );
        return Ok(());
    };
    let sender = tenants::find(app, notice.service).await?;
    let Some(caller) = sender.and_then(caller_of) else {
        warn!(
            "the service of the e-mail about volumes, {}, has no live API key",
            notice.service
        );
        return Ok(());
    };
    let mut providers = app.providers.letter.iter();
    let configured = providers
        .find(|one| one.provider.name() == provider)
        .map(|one| one.provider.volumes_to())
        .unwrap_or_default();
    // The settings may have changed since.
    let Some(address) = configured.get(volumes.address) else {
        return Ok(());
    };
    let Ok(email_address) = EmailAddress::parse(address) else {
        warn!("an address in volumes_to of {provider} is not valid");
        return Ok(());
    };
    let request = EmailRequest {
        as_given: address.clone(),
        email_address,
        template_id: notice.template,
        personalisation: volumes.values.clone(),
        reference: None,
        email_reply_to_id: None,
        one_click_unsubscribe_url: None,
        sanitise_content_for: Vec::new(),
    };
    match accept::email(app, &caller, request, None).await {
        Ok(_) => info!("{provider} is told how many letters to expect"),
        // What is refused once will be refused again.
        Err(error) => warn!("the e-mail about volumes is not accepted: {error}"),
    }
    Ok(())
}
