//! Texts that people write to a service's number (`docs/spec/public-api.md` §19, §22.2; `docs/spec/workers.md` §12).

use std::sync::Arc;

use domain::{InboundSmsId, Permission, Private, ServiceId, SmsReceiptSource, Timestamp};
use recipients::phone_numbers::PhoneNumber;
use store::inbound_sms::InboundSms;
use tracing::{error, info, warn};

use crate::{App, cache::tenants};

/// A text as a provider brings it.
#[derive(Debug, Clone)]
pub struct NewInboundSms {
    /// Who brings it.
    pub provider: SmsReceiptSource,
    /// The number that was dialled.
    pub dialled: String,
    /// Who wrote it: a number, or a name.
    pub from: Private<String>,
    /// What it says.
    pub content: Private<String>,
    /// The provider's own id for it, if it has one.
    pub provider_reference: Option<String>,
    /// When it was written, as the provider says.
    pub written_at: Option<Timestamp>,
}

/// What became of a text that was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is kept, now or from an earlier time that it was brought.
    Kept,
    /// No service receives texts at this number: the provider need not try again.
    NotOurs,
}

/// Keeps a text for the service whose number was dialled.
pub async fn receive(app: &App, text: NewInboundSms) -> Result<Received, Arc<store::Error>> {
    let number = to_national(&text.dialled);
    let Some(service) = receiver(app, &number, text.provider).await? else {
        return Ok(Received::NotOurs);
    };
    let now = app.clock.now();
    let kept = InboundSms {
        id: InboundSmsId::generate(now, app.random()),
        service_id: service,
        notify_number: number,
        user_number: normalised(text.from),
        content: text.content,
        provider: text.provider.as_str().to_owned(),
        provider_reference: text.provider_reference,
        provider_date: text.written_at.unwrap_or(now),
        created_at: now,
    };
    let mut tx = app.write().await?;
    let is_new = store::inbound_sms::insert(&mut tx, app.store.keyring(), &kept).await?;
    // Telling the service is enqueued here, in this transaction, once services are told of texts.
    tx.commit().await?;
    let (id, provider) = (kept.id, text.provider.title());
    if is_new {
        info!(service.id = %service, "received a text through {provider}: {id}");
    } else {
        info!(service.id = %service, "{provider} brought a text again that is kept already");
    }
    Ok(Received::Kept)
}

/// The service that receives the texts to a number.
async fn receiver(
    app: &App,
    number: &str,
    provider: SmsReceiptSource,
) -> Result<Option<ServiceId>, Arc<store::Error>> {
    let found = store::inbound_numbers::find_service(&mut app.read().await?, number).await?;
    let Some(service) = found else {
        warn!(
            "{} brought a text to a number that no service has",
            provider.title()
        );
        return Ok(None);
    };
    let tenant = tenants::find(app, service).await?;
    let may = tenant.is_some_and(|one| one.service.active && one.may(Permission::InboundSms));
    if !may {
        error!(
            service.id = %service,
            "service {service} has a number for texts but may not receive any: give it the permission inbound_sms, \
             or free the number"
        );
    }
    Ok(may.then_some(service))
}

/// A dialled number as it is kept: `447…` is dialled `07…` at home.
fn to_national(dialled: &str) -> String {
    match dialled.strip_prefix("44") {
        Some(rest) => format!("0{rest}"),
        None => dialled.to_owned(),
    }
}

/// The sender in international form where it is a number, else as it came: names write texts too.
fn normalised(from: Private<String>) -> Private<String> {
    match PhoneNumber::parse(from.reveal()) {
        Ok(number) => number.normalised().into(),
        Err(_) => from,
    }
}

/// The texts that a service received, newest first, at most `count`. `older_than` names one; one that the service does
/// not have makes the list empty.
pub async fn list(
    app: &App,
    service: ServiceId,
    older_than: Option<InboundSmsId>,
    count: u32,
) -> Result<Vec<InboundSms>, store::Error> {
    let mut session = app.read().await?;
    let before = match older_than {
        None => None,
        Some(id) => match store::inbound_sms::find_time(&mut session, service, id).await? {
            Some(time) => Some((time, id)),
            None => return Ok(Vec::new()),
        },
    };
    store::inbound_sms::list(&mut session, app.store.keyring(), service, before, count).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_one_form_and_names_stay() {
        assert_eq!(to_national("447700900600"), "07700900600");
        assert_eq!(to_national("07700900600"), "07700900600");
        let from = |text: &str| normalised(text.to_owned().into()).into_inner();
        assert_eq!(from("07700900911"), "447700900911");
        assert_eq!(from("+33 6 12 34 56 78"), "33612345678");
        assert_eq!(from("YourBank"), "YourBank");
    }
}
