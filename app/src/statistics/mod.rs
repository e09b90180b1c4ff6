//! How many notifications have which status, by local day (`docs/spec/workers.md` §15.2), for services and operators.
//!
//! Triggers of the database count in the transaction that changes a notification ([`store::status_facts`]), so a figure is
//! exact at any time and no row is counted to answer a request. A task moves the changes into the facts of a day each minute;
//! another compares the facts with the rows every night and corrects them, and should never find anything.

mod audit;
mod days;
mod fold;

use std::collections::BTreeMap;

use domain::{Channel, KeyType, NotificationStatus, ServiceId};
pub use store::{status_facts::StatusCount, templates::TemplateName};

pub(crate) use audit::audit;
pub use days::{Day, Days, Month, parse_day};
pub(crate) use fold::fold_changes;

use crate::App;

/// A figure of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateCount {
    /// The template.
    pub template: TemplateName,
    /// Status of the notifications.
    pub status: NotificationStatus,
    /// How many there are.
    pub count: i64,
}

/// The three figures of a channel that a service sees first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// All that were requested, without cancelled ones.
    pub requested: i64,
    /// Delivered, or accepted by a provider that tells no more.
    pub delivered: i64,
    /// Failed, for whatever reason.
    pub failed: i64,
}

/// Figures by status.
pub type ByStatus = BTreeMap<NotificationStatus, i64>;

/// Returns the figures of a service, without test keys.
pub async fn of_service(
    app: &App,
    service: ServiceId,
    days: Days,
) -> Result<BTreeMap<Channel, ByStatus>, store::Error> {
    let mut session = app.read().await?;
    let counts = store::status_facts::count(&mut session, Some(service), &days.range(app)).await?;
    let mut figures: BTreeMap<Channel, ByStatus> = BTreeMap::new();
    for one in without_test_keys(counts) {
        let by_status = figures.entry(one.channel).or_default();
        *by_status.entry(one.status).or_default() += one.count;
    }
    Ok(figures)
}

/// Returns the figures of the whole platform.
pub async fn of_platform(app: &App, days: Days) -> Result<Vec<StatusCount>, store::Error> {
    let mut session = app.read().await?;
    store::status_facts::count(&mut session, None, &days.range(app)).await
}

/// Returns the figures of a service by template and status, without test keys.
pub async fn by_template(
    app: &App,
    service: ServiceId,
    days: Days,
) -> Result<Vec<TemplateCount>, store::Error> {
    let mut session = app.read().await?;
    let names = store::templates::list_names(&mut session, service).await?;
    let range = days.range(app);
    let counts = store::status_facts::count_by_template(&mut session, service, &range).await?;
    let mut sums: BTreeMap<_, i64> = BTreeMap::new();
    // Live and team keys are one figure.
    for (template, one) in counts {
        if one.key_type != KeyType::Test {
            *sums.entry((template, one.status)).or_default() += one.count;
        }
    }
    let with_name = |((id, status), count)| {
        let template = names.iter().find(|one| one.id == id)?.clone();
        Some(TemplateCount {
            template,
            status,
            count,
        })
    };
    Ok(sums.into_iter().filter_map(with_name).collect())
}

fn without_test_keys(counts: Vec<StatusCount>) -> impl Iterator<Item = StatusCount> {
    counts
        .into_iter()
        .filter(|one| one.key_type != KeyType::Test)
}

/// Summarises figures by status.
pub fn totals(figures: &ByStatus) -> Totals {
    use NotificationStatus::{
        Cancelled, Delivered, Failed, PermanentFailure, Sent, TechnicalFailure, TemporaryFailure,
        ValidationFailed, VirusScanFailed,
    };
    let mut totals = Totals::default();
    for (status, count) in figures {
        if *status != Cancelled {
            totals.requested += count;
        }
        match status {
            Delivered | Sent => totals.delivered += count,
            Failed | TechnicalFailure | TemporaryFailure | PermanentFailure | ValidationFailed
            | VirusScanFailed => totals.failed += count,
            _ => {}
        }
    }
    totals
}
