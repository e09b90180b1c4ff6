//! Inbound SMS: text messages that people send to a service's number (`docs/spec/public-api.md` §19, §22.2;
//! `docs/spec/workers.md` §12).

use std::sync::Arc;

use domain::{InboundSmsId, Permission, Private, ServiceId, SmsReceiptSource, Timestamp};
use recipients::phone_numbers::PhoneNumber;
use store::inbound_sms::InboundSms;
use tracing::{error, info, warn};

use super::keywords::Keyword;
use crate::{App, cache::tenants, callbacks, suppression};

/// An inbound SMS as a provider delivers it.
#[derive(Debug, Clone)]
pub struct NewInboundSms {
    /// The provider that delivers it.
    pub provider: SmsReceiptSource,
    /// The number that was dialled.
    pub dialled: String,
    /// The sender: a number, or a name.
    pub from: Private<String>,
    /// The text.
    pub content: Private<String>,
    /// The provider's id for it.
    pub provider_reference: Option<String>,
    /// When it was sent, according to the provider.
    pub written_at: Option<Timestamp>,
}

/// The result of receiving an inbound SMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceivedSms {
    /// It is stored, now or by an earlier delivery of the same text.
    Stored,
    /// No service has this number, so the provider need not deliver it again.
    UnknownNumber,
}

/// Stores an inbound SMS for the service whose number was dialled.
pub async fn receive(app: &App, text: NewInboundSms) -> Result<ReceivedSms, Arc<store::Error>> {
    let number = to_national(&text.dialled);
    let Some(service) = find_receiver(app, &number, text.provider).await? else {
        return Ok(ReceivedSms::UnknownNumber);
    };
    let now = app.clock.now();
    let inbound = InboundSms {
        id: InboundSmsId::generate(now, app.random()),
        service_id: service,
        notify_number: number,
        user_number: normalise_sender(text.from),
        content: text.content,
        provider: text.provider.as_str().to_owned(),
        provider_reference: text.provider_reference,
        provider_date: text.written_at.unwrap_or(now),
        created_at: now,
    };
    let keyword = Keyword::find(&app.settings.sms_keywords, inbound.content.reveal());
    // Before the transaction begins: the first call of an installation writes the key.
    let key = suppression::hash_key(app).await?;
    let mut tx = app.write().await?;
    let is_new = store::inbound_sms::insert(&mut tx, app.store.keyring(), &inbound).await?;
    // A text that is delivered again must not repeat a STOP that a START has lifted since.
    if let Some(keyword) = keyword.filter(|_| is_new) {
        let from = (service, inbound.user_number.reveal().as_str());
        keyword.apply(app, &mut tx, key, from, now).await?;
    }
    // One that is delivered twice causes one callback.
    let pools = if is_new {
        callbacks::enqueue_inbound_sms(app, &mut tx, service, inbound.id, now).await?
    } else {
        &[]
    };
    app.commit_and_notify(tx, pools).await?;
    let (id, provider) = (inbound.id, text.provider.title());
    if is_new {
        info!(service.id = %service, "received an inbound SMS through {provider}: {id}");
    } else {
        info!(service.id = %service, "{provider} delivered an inbound SMS again that is stored already");
    }
    Ok(ReceivedSms::Stored)
}

/// Returns the service that receives inbound SMS at a number, if it may.
async fn find_receiver(
    app: &App,
    number: &str,
    provider: SmsReceiptSource,
) -> Result<Option<ServiceId>, Arc<store::Error>> {
    let found = store::inbound_numbers::find_service(&mut app.read().await?, number).await?;
    let Some(service) = found else {
        warn!(
            "{} delivered an inbound SMS to a number that no service has",
            provider.title()
        );
        return Ok(None);
    };
    let tenant = tenants::find(app, service).await?;
    // An error, because the text is lost although a person expects an answer to it.
    let may_receive =
        tenant.is_some_and(|one| one.service.active && one.has_permission(Permission::InboundSms));
    if !may_receive {
        error!(
            service.id = %service,
            "service {service} has a number for texts but may not receive any: give it the permission inbound_sms, \
             or free the number"
        );
    }
    Ok(may_receive.then_some(service))
}

/// Converts a dialled number to the stored, national form: `447…` becomes `07…`.
fn to_national(dialled: &str) -> String {
    match dialled.strip_prefix("44") {
        Some(rest) => format!("0{rest}"),
        None => dialled.to_owned(),
    }
}

/// Normalises the sender if it is a number. Names can send text messages too.
fn normalise_sender(from: Private<String>) -> Private<String> {
    match PhoneNumber::parse(from.reveal()) {
        Ok(number) => number.normalised().into(),
        Err(_) => from,
    }
}

/// Lists at most `count` inbound SMS of a service, newest first. `older_than` continues after that one; the list is
/// empty if the service does not have it.
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
    fn numbers_are_normalised_and_names_are_not() {
        assert_eq!(to_national("447700900600"), "07700900600");
        assert_eq!(to_national("07700900600"), "07700900600");
        let from = |text: &str| normalise_sender(text.to_owned().into()).into_inner();
        assert_eq!(from("07700900911"), "447700900911");
        assert_eq!(from("+33 6 12 34 56 78"), "33612345678");
        assert_eq!(from("YourBank"), "YourBank");
    }
}
