//! A service, as its developers and senders meet it.

use app::services::{MadeKey, NewService};
use domain::{Channel, KeyType, ServiceId, TemplateId};
use serde_json::{Value, json};

use crate::world::{Answer, World};

/// A key, as a developer holds it.
#[derive(Debug, Clone)]
pub struct Key {
    /// The service's id, which signs.
    pub service: ServiceId,
    /// The secret.
    pub secret: String,
}

/// A service with a key of every type and a template of every channel.
#[derive(Debug, Clone)]
pub struct Council {
    /// Which.
    pub id: ServiceId,
    /// Sends to anybody.
    pub normal: Key,
    /// Sends to the team and the guests.
    pub team: Key,
    /// Sends nothing.
    pub test: Key,
    /// `((name)), your bin day is ((day))`
    pub sms: TemplateId,
    /// Subject `Hello ((name))`.
    pub email: TemplateId,
}

impl World {
    /// A live service that sends e-mails and texts.
    pub async fn service(&self, name: &str) -> Council {
        self.service_like(NewService {
            rate_limit: 100_000,
            ..NewService::named(name)
        })
        .await
    }

    /// A service like this.
    pub async fn service_like(&self, new: NewService) -> Council {
        let service = app::services::create(&self.app, new)
            .await
            .expect("a service can be made");
        let id = service.id;
        let template =
            |template_type, subject: Option<&str>, content: &str| app::templates::NewTemplate {
                template_type,
                name: format!("A {template_type}"),
                subject: subject.map(str::to_owned),
                content: content.to_owned(),
                lane: None,
                created_by: None,
            };
        let sms = template(Channel::Sms, None, "((name)), your bin day is ((day))");
        let email = template(
            Channel::Email,
            Some("Hello ((name))"),
            "Dear ((name))\n\nYour bin day is ((day)).",
        );
        Council {
            id,
            normal: self.key(id, KeyType::Normal).await,
            team: self.key(id, KeyType::Team).await,
            test: self.key(id, KeyType::Test).await,
            sms: app::templates::create(&self.app, id, sms)
                .await
                .expect("a template can be made")
                .id,
            email: app::templates::create(&self.app, id, email)
                .await
                .expect("a template can be made")
                .id,
        }
    }

    async fn key(&self, service: ServiceId, key_type: KeyType) -> Key {
        let made: MadeKey =
            app::services::create_key(&self.app, service, key_type.as_str(), key_type)
                .await
                .expect("a key can be made");
        let key = made.key.into_inner();
        Key {
            service,
            secret: key[key.len() - 36..].to_owned(),
        }
    }

    /// Posts to the public API with this key.
    pub async fn post(&self, key: &Key, path: &str, body: &Value) -> Answer {
        let token = self.token(&key.service.to_string(), &key.secret);
        self.ask("POST", path, Some(&token), body.to_string()).await
    }

    /// Gets from the public API with this key.
    pub async fn get(&self, key: &Key, path: &str) -> Answer {
        let token = self.token(&key.service.to_string(), &key.secret);
        self.ask("GET", path, Some(&token), "").await
    }

    /// Sends a text about bins.
    pub async fn send_sms(&self, council: &Council, key: &Key, to: &str) -> Answer {
        let body = json!({
            "phone_number": to,
            "template_id": council.sms,
            "personalisation": {"name": "Ada", "day": "Friday"},
        });
        self.post(key, "/v2/notifications/sms", &body).await
    }

    /// Sends an e-mail about bins.
    pub async fn send_email(&self, council: &Council, key: &Key, to: &str) -> Answer {
        let body = json!({
            "email_address": to,
            "template_id": council.email,
            "personalisation": {"name": "Ada", "day": "Friday"},
        });
        self.post(key, "/v2/notifications/email", &body).await
    }

    /// The status that the API shows for a message.
    pub async fn status_of(&self, council: &Council, id: &str) -> String {
        let answer = self
            .get(&council.normal, &format!("/v2/notifications/{id}"))
            .await;
        answer.json["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Uploads a spreadsheet for a template.
    pub async fn upload(
        &self,
        service: ServiceId,
        template: TemplateId,
        name: &str,
        file: impl Into<Vec<u8>>,
    ) -> Answer {
        let path =
            format!("/service/{service}/spreadsheet?template_id={template}&file_name={name}");
        self.ask_internally("POST", &path, file.into()).await
    }

    /// Uploads a good spreadsheet and makes a job of it; the job's id.
    pub async fn job(
        &self,
        service: ServiceId,
        template: TemplateId,
        file: impl Into<Vec<u8>>,
    ) -> String {
        let uploaded = self.upload(service, template, "people.csv", file).await;
        assert_eq!(uploaded.data()["valid"], true, "{}", uploaded.json);
        let id = uploaded.data()["id"]
            .as_str()
            .expect("a kept file has an id")
            .to_owned();
        let made = self.make_job(service, &json!({"id": id})).await;
        assert_eq!(made.status, 201, "{}", made.json);
        id
    }

    /// Makes a job of an uploaded spreadsheet.
    pub async fn make_job(&self, service: ServiceId, body: &Value) -> Answer {
        self.ask_internally("POST", &format!("/service/{service}/job"), body.to_string())
            .await
    }

    /// How a job stands.
    pub async fn job_status(&self, service: ServiceId, job: &str) -> Value {
        let answer = self
            .ask_internally("GET", &format!("/service/{service}/job/{job}"), "")
            .await;
        answer.data().clone()
    }
}
