//! Telling the people of a service by e-mail that its callbacks are paused.

use std::sync::Arc;

use domain::{ApiKeyId, KeyType, MemberPermission, ServiceId, UserState};
use queue::TaskOutcome;
use recipients::email_addresses::EmailAddress;
use serde_json::json;
use tracing::{info, warn};

use crate::{
    App, Tenant,
    accept::{self, EmailRequest},
    cache::tenants::{self, Caller},
    settings::NoticeTemplate,
    tasks::{self, PausedCallback},
};

/// Sends the e-mails, if the settings name a template for them.
pub(crate) async fn tell(app: &App, service: ServiceId, paused: PausedCallback) -> TaskOutcome {
    let Some(notice) = app.settings.callback_notice else {
        return TaskOutcome::Completed;
    };
    match try_tell(app, notice, service, paused).await {
        Ok(count) => {
            info!(service.id = %service, "{count} people of service {service} are told that its callbacks are paused");
            TaskOutcome::Completed
        }
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot tell service {service} that its callbacks are paused, will try again"
            );
            tasks::retry_periodic(tasks::PROBE_PAUSED_CALLBACKS)
        }
    }
}

async fn try_tell(
    app: &App,
    notice: NoticeTemplate,
    service: ServiceId,
    paused: PausedCallback,
) -> Result<u32, Arc<store::Error>> {
    let sender = tenants::find(app, notice.service).await?;
    let (Some(caller), Some(told)) = (
        sender.and_then(caller_of),
        tenants::find(app, service).await?,
    ) else {
        warn!(
            "the service of notices, {}, has no live API key",
            notice.service
        );
        return Ok(0);
    };
    let members = store::members::list(&mut app.read().await?, service).await?;
    // Those who can mend it.
    let responsible = members.into_iter().filter(|member| {
        member.user.state == UserState::Active
            && member
                .permissions
                .contains(&MemberPermission::ManageSettings)
    });
    let mut count = 0;
    for member in responsible {
        let Ok(address) = EmailAddress::parse(&member.user.email_address) else {
            continue;
        };
        let values = json!({
            "service": told.service.name, "callback": paused.kind, "since": paused.since,
        });
        let request = EmailRequest {
            as_given: member.user.email_address.clone(),
            email_address: address,
            template_id: notice.template,
            personalisation: values.as_object().cloned().unwrap_or_default(),
            reference: None,
            email_reply_to_id: None,
            one_click_unsubscribe_url: None,
            sanitise_content_for: Vec::new(),
        };
        match accept::email(app, &caller, request, None).await {
            Ok(_) => count += 1,
            // One address that is refused must not keep the others from being told, nor be tried for ever.
            Err(error) => warn!("a notice of paused callbacks is not accepted: {error}"),
        }
    }
    Ok(count)
}

/// Returns the service as the caller of its own API.
pub(super) fn caller_of(tenant: Arc<Tenant>) -> Option<Caller> {
    let is_live = |key: &&store::api_keys::ApiKey| {
        key.key_type == KeyType::Normal && key.revoked_at.is_none()
    };
    let key_id: ApiKeyId = tenant.keys.iter().find(is_live)?.id;
    Some(Caller {
        tenant,
        key_id,
        key_type: KeyType::Normal,
    })
}
