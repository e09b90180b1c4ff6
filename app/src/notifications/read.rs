//! Reading notifications: the stored row, with its content rendered now from the template version it was created with
//! (`docs/spec/public-api.md` §14).

use std::{collections::HashMap, sync::Arc, time::Duration};

use ::templates::placeholders::Values;
use domain::{
    Channel, NotificationId, NotificationStatus, Permission, Postage, ServiceId, Timestamp, UserId,
};
use store::notifications::{Contents, Filter, Notification};

use crate::{
    App, Money, ParsedTemplate,
    cache::{
        rates::{self, Rates},
        templates, tenants,
    },
    letters,
    receipts::unsubscribe,
};

/// A notification with its content.
#[derive(Debug)]
pub struct NotificationView {
    /// The stored row.
    pub notification: Notification,
    /// Its decrypted personal part.
    pub contents: Contents,
    /// The template at the version it was created with.
    pub template: Arc<ParsedTemplate>,
    /// The name of the user who sent it by hand or by a job.
    pub created_by_name: Option<String>,
    rates: Arc<Rates>,
    /// Whether its service may send texts of any characters.
    keeps_all_characters: bool,
}

impl NotificationView {
    /// Renders the body: a text message without the service's name; an e-mail as Markdown source with its values.
    pub fn body(&self) -> String {
        self.template
            .body(&self.values(), self.keeps_all_characters)
    }

    /// Renders the subject; text messages have none.
    pub fn subject(&self) -> Option<String> {
        self.template.subject(&self.values())
    }

    /// Returns the one-click unsubscribe URL, if it has one (`docs/spec/public-api.md` §14).
    pub fn one_click_unsubscribe_url(&self, app: &App) -> Option<String> {
        unsubscribe::url(app, &self.notification, &self.contents, &self.template)
    }

    /// Returns the personalisation, found by names however they are spelt.
    pub fn values(&self) -> Values {
        Values::from_json(self.contents.personalisation.reveal())
    }

    /// Returns the postage of a letter.
    pub fn postage(&self) -> Option<Postage> {
        let is_letter = self.notification.channel == Channel::Letter;
        is_letter.then(|| self.notification.postage.unwrap_or(Postage::Second))
    }

    /// Returns when a letter is expected to have arrived, whatever its status.
    pub fn estimated_delivery(&self) -> Option<Timestamp> {
        self.postage()
            .map(|postage| letters::estimated_delivery(self.notification.created_at, postage))
    }

    /// Returns the cost, once it is known (`docs/spec/public-api.md` §14.2).
    pub fn cost(&self) -> Cost {
        let notification = &self.notification;
        match notification.channel {
            Channel::Email => Cost::Free,
            Channel::Sms
                if notification.status == NotificationStatus::Created
                    && notification.billable_units == 0 =>
            {
                Cost::Unknown
            }
            Channel::Sms => Cost::Text {
                fragments: notification.billable_units,
                rate_multiplier: notification.rate_multiplier.unwrap_or(1),
                rate: self.rates.sms(notification.created_at),
            },
            Channel::Letter => self.cost_of_letter(),
        }
    }

    fn cost_of_letter(&self) -> Cost {
        use NotificationStatus as S;
        let notification = &self.notification;
        let postage = notification.postage.unwrap_or(Postage::Second);
        let sheets = match (notification.status, notification.billable_units) {
            (S::PendingVirusCheck, _) | (S::Created, 0) => return Cost::Unknown,
            // Not printed, so nothing is charged.
            (S::Cancelled | S::TechnicalFailure | S::ValidationFailed | S::VirusScanFailed, _) => 0,
            (_, sheets) => sheets,
        };
        match self.rates.letter(notification.created_at, postage, sheets) {
            Some(cost) => Cost::Letter {
                sheets,
                postage,
                cost,
            },
            // Without a rate the cost is not known yet.
            None => Cost::Unknown,
        }
    }
}

/// The cost of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Not known yet.
    Unknown,
    /// No cost: e-mails.
    Free,
    /// A text message.
    Text {
        /// Billed fragments.
        fragments: u32,
        /// How many times the domestic rate each fragment costs.
        rate_multiplier: u32,
        /// The domestic rate.
        rate: Money,
    },
    /// A letter.
    Letter {
        /// Billed sheets of paper.
        sheets: u32,
        /// The postage.
        postage: Postage,
        /// The cost of the whole letter.
        cost: Money,
    },
}

/// Finds a notification of a service, whatever key, job or user sent it.
pub async fn find(
    app: &App,
    service: ServiceId,
    id: NotificationId,
) -> Result<Option<NotificationView>, Arc<store::Error>> {
    match find_row(app, service, id).await? {
        Some(notification) => Ok(view(app, vec![notification]).await?.pop()),
        None => Ok(None),
    }
}

/// How long after its acceptance a notification may still be in the intake log, so that looking for it again is worthwhile.
const YOUNG: Duration = Duration::from_mins(2);
/// How long a request waits for a saver in all, and before it looks again, which is longer each time.
const SAVER_PATIENCE: Duration = Duration::from_secs(2);
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// Finds the row of a notification. With an intake log, an unknown id that was generated a moment ago may be one that is
/// about to be saved, which its time tells without asking anyone.
async fn find_row(
    app: &App,
    service: ServiceId,
    id: NotificationId,
) -> Result<Option<Notification>, store::Error> {
    let now = app.clock.now();
    let is_young = |at: Timestamp| now < at.plus(YOUNG) && at < now.plus(YOUNG);
    let may_wait =
        app.database_gate.is_in_use() && domain::generated_at(id.as_uuid()).is_some_and(is_young);
    let (mut waited, mut wait) = (Duration::ZERO, FIRST_LOOK);
    loop {
        // No connection is held during the wait.
        let found = store::notifications::find(&mut app.read().await?, service, id).await?;
        if found.is_some() || !may_wait || waited >= SAVER_PATIENCE {
            return Ok(found);
        }
        tokio::time::sleep(wait).await;
        waited += wait;
        wait *= 2;
    }
}

/// Lists at most `count` notifications of a service that pass the filter, newest first. An `older_than` that the
/// service does not have makes the list empty.
pub async fn list(
    app: &App,
    service: ServiceId,
    mut filter: Filter,
    older_than: Option<NotificationId>,
    count: u32,
) -> Result<Vec<NotificationView>, Arc<store::Error>> {
    let mut session = app.read().await?;
    if let Some(id) = older_than {
        match store::notifications::find(&mut session, service, id).await? {
            Some(before) => filter.older_than = Some((before.created_at, before.id)),
            None => return Ok(Vec::new()),
        }
    }
    let found = store::notifications::list(&mut session, service, &filter, count).await?;
    // Rendering reads templates, and must not keep a connection meanwhile.
    drop(session);
    view(app, found).await
}

async fn view(
    app: &App,
    found: Vec<Notification>,
) -> Result<Vec<NotificationView>, Arc<store::Error>> {
    let rates = rates::find(app).await?;
    let mut names: HashMap<UserId, Option<String>> = HashMap::new();
    let mut shown = Vec::with_capacity(found.len());
    for notification in found {
        let (service, template, version) = (
            notification.service_id,
            notification.template_id,
            notification.template_version,
        );
        let template = templates::find_version(app, service, template, version)
            .await?
            .ok_or_else(|| {
                Arc::new(store::Error::Corrupt {
                    table: "notifications",
                    column: "template_version",
                    what: format!("there is no version {version} of template {template}"),
                })
            })?;
        let created_by_name = match notification.created_by {
            Some(user) => name_of(app, &mut names, user).await?,
            None => None,
        };
        let contents = notification.open(app.store.keyring())?;
        let tenant = tenants::find(app, notification.service_id).await?;
        shown.push(NotificationView {
            keeps_all_characters: tenant
                .is_some_and(|tenant| tenant.has_permission(Permission::UnicodeSms)),
            notification,
            contents,
            template,
            created_by_name,
            rates: rates.clone(),
        });
    }
    Ok(shown)
}

async fn name_of(
    app: &App,
    names: &mut HashMap<UserId, Option<String>>,
    user: UserId,
) -> Result<Option<String>, store::Error> {
    // A page often has one sender.
    if let Some(name) = names.get(&user) {
        return Ok(name.clone());
    }
    let name = store::users::find(&mut app.read().await?, user)
        .await?
        .map(|user| user.name);
    names.insert(user, name.clone());
    Ok(name)
}
