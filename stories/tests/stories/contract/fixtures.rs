//! The fixtures of the contract, and how they come into a database.

use std::{collections::BTreeMap, path::Path, time::Duration};

use domain::{
    Allowance, ApiKeyId, Channel, JobId, JobStatus, KeyType, LetterContactId, NotificationId,
    NotificationStatus, Permission, Postage, ReplyToId, ServiceId, SmsSenderId, TemplateId,
    Timestamp, UserId,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{
    Tx, Vault,
    api_keys::ApiKey,
    jobs::Job,
    letter_contacts::LetterContact,
    notifications::{Contents, NewNotification, Outcome},
    rates::{LetterRate, SmsRate},
    senders::{ReplyTo, SmsSender},
    services::Service,
    templates::Template,
    users::User,
};

/// `api_contract_fixtures.json`, as far as this part of the platform knows such things.
#[derive(Debug, Deserialize)]
pub(super) struct Fixtures {
    pub(super) config: Value,
    users: BTreeMap<String, FixtureUser>,
    services: BTreeMap<String, FixtureService>,
    pub(super) keys: BTreeMap<String, FixtureKey>,
    sms_senders: BTreeMap<String, FixtureSender>,
    email_reply_to: BTreeMap<String, FixtureReplyTo>,
    templates: BTreeMap<String, FixtureTemplate>,
    jobs: BTreeMap<String, FixtureJob>,
    notifications: BTreeMap<String, FixtureNotification>,
    inbound_sms: BTreeMap<String, Value>,
    letter_contacts: BTreeMap<String, FixtureContact>,
    rates: FixtureRates,
    letter_pdfs: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct FixtureUser {
    id: UserId,
    name: String,
    email_address: String,
    mobile_number: Option<String>,
}

#[derive(Debug, Deserialize)]
struct FixtureService {
    id: ServiceId,
    name: String,
    active: bool,
    restricted: bool,
    prefix_sms: bool,
    rate_limit: u32,
    contact_link: Option<String>,
    guest_list: Vec<(String, String)>,
    email_message_limit: i64,
    sms_message_limit: i64,
    letter_message_limit: i64,
    international_sms_message_limit: i64,
    permissions: Vec<Permission>,
    members: Vec<String>,
    email_sender_local_part: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct FixtureKey {
    id: ApiKeyId,
    pub(super) service: String,
    name: String,
    key_type: KeyType,
    pub(super) secret: String,
    revoked_days_ago: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct FixtureSender {
    id: SmsSenderId,
    service: String,
    sms_sender: String,
    is_default: bool,
    archived: bool,
}

#[derive(Debug, Deserialize)]
struct FixtureReplyTo {
    id: ReplyToId,
    service: String,
    email_address: String,
    is_default: bool,
    archived: bool,
}

#[derive(Debug, Deserialize)]
struct FixtureContact {
    id: LetterContactId,
    service: String,
    contact_block: String,
    is_default: bool,
}

#[derive(Debug, Deserialize)]
struct FixtureRates {
    sms: Vec<FixtureSmsRate>,
    letter: Vec<FixtureLetterRate>,
}

#[derive(Debug, Deserialize)]
struct FixtureSmsRate {
    valid_from: Timestamp,
    rate: f64,
}

#[derive(Debug, Deserialize)]
struct FixtureLetterRate {
    start_date: Timestamp,
    sheet_count: u32,
    post_class: Postage,
    rate: String,
}

#[derive(Debug, Deserialize)]
struct FixtureTemplate {
    id: TemplateId,
    service: String,
    #[serde(rename = "type")]
    channel: Channel,
    name: String,
    subject: Option<String>,
    content: String,
    postage: Option<Postage>,
    letter_contact: Option<String>,
    created_by: String,
    archived: bool,
    hidden: bool,
    has_unsubscribe_link: bool,
    version: u32,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
    #[serde(default)]
    previous_versions: Vec<OlderVersion>,
}

#[derive(Debug, Deserialize)]
struct OlderVersion {
    version: u32,
    name: String,
    content: String,
    updated_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct FixtureJob {
    id: JobId,
    service: String,
    template: String,
    original_file_name: String,
}

#[derive(Debug, Deserialize)]
struct FixtureNotification {
    id: NotificationId,
    service: String,
    template: String,
    template_version: u32,
    #[serde(rename = "type")]
    channel: Channel,
    key: Option<String>,
    key_type: KeyType,
    status: NotificationStatus,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    to: String,
    personalisation: Map<String, Value>,
    client_reference: Option<String>,
    billable_units: u32,
    international: bool,
    phone_prefix: Option<String>,
    rate_multiplier: Option<u32>,
    postage: Option<Postage>,
    sent_by: Option<String>,
    created_by: Option<String>,
    job: Option<String>,
    job_row_number: Option<u32>,
    unsubscribe_link: Option<String>,
    reference: Option<String>,
}

impl Fixtures {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The id of a fixture by its name, `svc.live`.
    pub(super) fn id(&self, name: &str) -> Result<String, String> {
        let (kind, _) = name.split_once('.').unwrap_or((name, ""));
        let found = match kind {
            "svc" => self.services.get(name).map(|one| one.id.to_string()),
            "key" => self.keys.get(name).map(|one| one.id.to_string()),
            "user" => self.users.get(name).map(|one| one.id.to_string()),
            "tmpl" => self.templates.get(name).map(|one| one.id.to_string()),
            "sender" => self.sms_senders.get(name).map(|one| one.id.to_string()),
            "reply" => self.email_reply_to.get(name).map(|one| one.id.to_string()),
            "job" => self.jobs.get(name).map(|one| one.id.to_string()),
            "notif" => self.notifications.get(name).map(|one| one.id.to_string()),
            "inbound" => self
                .inbound_sms
                .get(name)
                .and_then(|one| one["id"].as_str())
                .map(str::to_owned),
            "contact" => self.letter_contacts.get(name).map(|one| one.id.to_string()),
            _ => None,
        };
        found.ok_or_else(|| format!("there is no fixture {name}"))
    }

    /// The service of a key, and the keys of that service by their type.
    pub(super) fn sibling(&self, key: &str, key_type: &str) -> Option<&str> {
        let service = &self.keys.get(key)?.service;
        let mut siblings = self
            .keys
            .iter()
            .filter(|(_, one)| one.service == *service && one.revoked_days_ago.is_none());
        siblings
            .find(|(_, one)| one.key_type.as_str() == key_type)
            .map(|(name, _)| name.as_str())
    }

    /// The id of the service that a key belongs to.
    pub(super) fn service_of(&self, key: &str) -> Option<ServiceId> {
        self.services
            .get(&self.keys.get(key)?.service)
            .map(|service| service.id)
    }

    /// Puts everything into an empty database, in one transaction.
    pub(super) async fn load(
        &self,
        tx: &mut Tx,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        for user in self.users.values() {
            store::users::insert(tx, &user.as_kept(now)).await?;
        }
        for service in self.services.values() {
            self.load_service(tx, service, now).await?;
        }
        for key in self.keys.values() {
            store::api_keys::insert(tx, vault, &self.key(key, now)).await?;
        }
        for sender in self.sms_senders.values().filter(|sender| !sender.archived) {
            let kept = SmsSender {
                id: sender.id,
                sms_sender: sender.sms_sender.clone(),
                is_default: sender.is_default,
            };
            store::senders::insert_sms_sender(tx, self.services[&sender.service].id, &kept, now)
                .await?;
        }
        for one in self.email_reply_to.values().filter(|one| !one.archived) {
            let kept = ReplyTo {
                id: one.id,
                email_address: one.email_address.clone(),
                is_default: one.is_default,
            };
            store::senders::insert_reply_to(tx, self.services[&one.service].id, &kept, now).await?;
        }
        for contact in self.letter_contacts.values() {
            let service = self.services[&contact.service].id;
            store::letter_contacts::insert(tx, service, &contact.as_kept(), now).await?;
        }
        self.rates.load(tx).await?;
        for template in self.templates.values() {
            self.load_template(tx, template).await?;
        }
        for job in self.jobs.values() {
            store::jobs::insert(tx, &self.job(job, now)).await?;
        }
        for notification in self.notifications.values() {
            self.load_notification(tx, vault, notification).await?;
        }
        Ok(())
    }

    /// Puts the pages of letters into the file storage.
    pub(super) async fn load_letter_pdfs(&self, app: &app::App) -> Result<(), files::Error> {
        for (name, pdf) in &self.letter_pdfs {
            let letter = &self.notifications[name];
            let service = self.services[&letter.service].id;
            app::letters::keep_pages(app, service, letter.id, pdf.as_bytes()).await?;
        }
        Ok(())
    }

    async fn load_service(
        &self,
        tx: &mut Tx,
        service: &FixtureService,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        store::services::insert(tx, &service.as_kept(now)).await?;
        for member in &service.members {
            store::services::add_member(tx, service.id, self.users[member].id).await?;
        }
        for (kind, recipient) in &service.guest_list {
            store::services::add_guest(tx, service.id, kind, recipient).await?;
        }
        Ok(())
    }

    fn key(&self, key: &FixtureKey, now: Timestamp) -> ApiKey {
        ApiKey {
            id: key.id,
            service_id: self.services[&key.service].id,
            name: key.name.clone(),
            key_type: key.key_type,
            secret: key.secret.clone().into(),
            created_by: None,
            created_at: now.minus(Duration::from_hours(24 * 365)),
            revoked_at: key
                .revoked_days_ago
                .map(|days| now.minus(Duration::from_hours(24 * days))),
        }
    }

    async fn load_template(
        &self,
        tx: &mut Tx,
        template: &FixtureTemplate,
    ) -> Result<(), store::Error> {
        let newest = self.template(template);
        let older = template.previous_versions.iter().map(|older| Template {
            version: older.version,
            name: older.name.clone(),
            content: older.content.clone(),
            updated_at: older.updated_at,
            ..newest.clone()
        });
        let mut versions: Vec<Template> = older.chain([newest.clone()]).collect();
        versions.sort_by_key(|one| one.version);
        let mut versions = versions.into_iter();
        if let Some(first) = versions.next() {
            store::templates::insert(tx, &first).await?;
        }
        for next in versions {
            assert!(
                store::templates::update(tx, &next).await?,
                "the versions of {} follow each other",
                next.name
            );
        }
        Ok(())
    }

    fn job(&self, job: &FixtureJob, now: Timestamp) -> Job {
        let template = &self.templates[&job.template];
        Job {
            id: job.id,
            service_id: self.services[&job.service].id,
            template_id: template.id,
            template_version: template.version,
            original_file_name: job.original_file_name.clone(),
            notification_count: 1,
            sender_id: None,
            created_by: None,
            status: JobStatus::Finished,
            problem: None,
            due: now,
            scheduled_for: None,
            rows_kept: 1,
            created_at: now,
            updated_at: None,
            processing_started: Some(now),
            processing_finished: Some(now),
            archived: false,
        }
    }

    async fn load_notification(
        &self,
        tx: &mut Tx,
        vault: &Vault,
        fixture: &FixtureNotification,
    ) -> Result<(), store::Error> {
        let row = fixture
            .job
            .as_ref()
            .map(|job| (self.jobs[job].id, fixture.job_row_number.unwrap_or(0)));
        let new = NewNotification {
            id: fixture.id,
            service_id: self.services[&fixture.service].id,
            job_row: row,
            template_id: self.templates[&fixture.template].id,
            template_version: fixture.template_version,
            api_key_id: fixture.key.as_ref().map(|key| self.keys[key].id),
            key_type: fixture.key_type,
            channel: fixture.channel,
            status: fixture.first_status(),
            contents: Contents {
                recipient: fixture.to.clone().into(),
                normalised: fixture.to.clone().into(),
                personalisation: fixture.personalisation.clone().into(),
                unsubscribe_url: fixture.unsubscribe_link.clone(),
            },
            client_reference: fixture.client_reference.clone(),
            reply_to_text: None,
            international: fixture.international,
            phone_prefix: fixture.phone_prefix.clone(),
            rate_multiplier: fixture.rate_multiplier,
            postage: fixture.postage,
            reference: fixture.reference.clone(),
            documents: 0,
            created_by: fixture.created_by.as_ref().map(|user| self.users[user].id),
            created_at: fixture.created_at,
            problem: None,
        };
        store::notifications::insert_many(tx, &[new.seal(vault)]).await?;
        for (outcome, at) in fixture.history() {
            store::notifications::record(tx, &[outcome], at).await?;
        }
        Ok(())
    }
}

impl FixtureUser {
    fn as_kept(&self, now: Timestamp) -> User {
        User {
            id: self.id,
            name: self.name.clone(),
            email_address: self.email_address.clone(),
            mobile_number: self.mobile_number.clone(),
            created_at: now,
        }
    }
}

impl FixtureService {
    fn as_kept(&self, now: Timestamp) -> Service {
        Service {
            id: self.id,
            name: self.name.clone(),
            active: self.active,
            restricted: self.restricted,
            email_sender_local_part: self.email_sender_local_part.clone(),
            prefix_sms: self.prefix_sms,
            contact_link: self.contact_link.clone(),
            rate_limit: self.rate_limit,
            permissions: self.permissions.iter().copied().collect(),
            limits: [
                (Allowance::Email, self.email_message_limit),
                (Allowance::Sms, self.sms_message_limit),
                (Allowance::Letter, self.letter_message_limit),
                (
                    Allowance::InternationalSms,
                    self.international_sms_message_limit,
                ),
            ]
            .into(),
            created_at: now,
        }
    }
}

impl Fixtures {
    fn template(&self, template: &FixtureTemplate) -> Template {
        let contact = template
            .letter_contact
            .as_ref()
            .map(|name| &self.letter_contacts[name]);
        Template {
            id: template.id,
            service_id: self.services[&template.service].id,
            template_type: template.channel,
            lane: None,
            archived: template.archived,
            hidden: template.hidden,
            version: template.version,
            name: template.name.clone(),
            subject: template.subject.clone(),
            content: template.content.clone(),
            has_unsubscribe_link: template.has_unsubscribe_link,
            postage: template.postage,
            letter_contact_id: contact.map(|contact| contact.id),
            letter_contact_block: None,
            welsh_subject: None,
            welsh_content: None,
            folder_id: None,
            created_by: Some(self.users[&template.created_by].id),
            created_at: template.created_at,
            updated_at: template.updated_at,
        }
    }
}

impl FixtureContact {
    fn as_kept(&self) -> LetterContact {
        LetterContact {
            id: self.id,
            contact_block: self.contact_block.clone(),
            is_default: self.is_default,
        }
    }
}

impl FixtureRates {
    async fn load(&self, tx: &mut Tx) -> Result<(), store::Error> {
        for rate in &self.sms {
            let kept = SmsRate {
                valid_from: rate.valid_from,
                micropounds: micropounds(&rate.rate.to_string()),
            };
            store::rates::put_sms(tx, &kept).await?;
        }
        for rate in &self.letter {
            let kept = LetterRate {
                start_date: rate.start_date,
                postage: rate.post_class,
                sheet_count: rate.sheet_count,
                micropounds: micropounds(&rate.rate),
            };
            store::rates::put_letter(tx, &kept).await?;
        }
        Ok(())
    }
}

/// An amount in pounds, exactly.
fn micropounds(pounds: &str) -> i64 {
    let (whole, fraction) = pounds.split_once('.').unwrap_or((pounds, ""));
    format!("{whole}{fraction:0<6}")
        .parse()
        .expect("a fixture's rate is an amount")
}

impl FixtureNotification {
    fn first_status(&self) -> NotificationStatus {
        match self.status {
            NotificationStatus::PendingVirusCheck => NotificationStatus::PendingVirusCheck,
            _ => NotificationStatus::Created,
        }
    }

    /// The changes that lead from its first status to the one it has now, each allowed, with their times.
    fn history(&self) -> Vec<(Outcome, Timestamp)> {
        let outcome = |status| Outcome {
            id: self.id,
            status,
            sent_at: self.sent_at,
            sent_by: self.sent_by.clone(),
            reference: self.reference.clone(),
            billable_units: Some(self.billable_units),
            problem: None,
        };
        let mut history = Vec::new();
        let is_handed_over = matches!(
            self.status,
            NotificationStatus::Sending | NotificationStatus::Sent
        );
        if let (Some(sent_at), false) = (self.sent_at, is_handed_over) {
            history.push((outcome(NotificationStatus::Sending), sent_at));
        }
        if let (Some(updated_at), true) = (self.updated_at, self.status != self.first_status()) {
            history.push((outcome(self.status), updated_at));
        }
        history
    }
}
