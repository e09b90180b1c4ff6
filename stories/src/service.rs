//! A service with keys and templates, and the requests that its users make.

use app::manage::services::{CreatedKey, NewService};
use domain::{Channel, KeyType, ServiceId, TemplateId};
use serde_json::{Value, json};

use crate::{TestResponse, World};

/// An API key as its owner has it.
#[derive(Debug, Clone)]
pub struct Key {
    /// The service's id, which is the issuer of its tokens.
    pub service: ServiceId,
    /// The secret that signs them.
    pub secret: String,
}

/// A service with a key of every type and a template of every channel.
#[derive(Debug, Clone)]
pub struct TestService {
    /// Its id.
    pub id: ServiceId,
    /// Its key of type `normal`.
    pub normal: Key,
    /// Its key of type `team`.
    pub team: Key,
    /// Its key of type `test`.
    pub test: Key,
    /// An SMS template: `((name)), your bin day is ((day))`.
    pub sms: TemplateId,
    /// An e-mail template with the subject `Hello ((name))`.
    pub email: TemplateId,
}

impl World {
    /// Creates a live service with this name.
    pub async fn service(&self, name: &str) -> TestService {
        self.service_with(NewService {
            rate_limit: 100_000,
            ..NewService::named(name)
        })
        .await
    }

    /// Creates a service as described, with its keys and templates.
    pub async fn service_with(&self, new: NewService) -> TestService {
        let service = app::manage::services::create(&self.app, new)
            .await
            .expect("the service can be created");
        let id = service.id;
        let template = |template_type, subject: Option<&str>, content: &str| {
            app::manage::templates::NewTemplate {
                template_type,
                name: format!("A {template_type}"),
                subject: subject.map(str::to_owned),
                content: content.to_owned(),
                lane: None,
                created_by: None,
            }
        };
        let sms = template(Channel::Sms, None, "((name)), your bin day is ((day))");
        let email = template(
            Channel::Email,
            Some("Hello ((name))"),
            "Dear ((name))\n\nYour bin day is ((day)).",
        );
        TestService {
            id,
            normal: self.key(id, KeyType::Normal).await,
            team: self.key(id, KeyType::Team).await,
            test: self.key(id, KeyType::Test).await,
            sms: app::manage::templates::create(&self.app, id, sms)
                .await
                .expect("the template can be created")
                .id,
            email: app::manage::templates::create(&self.app, id, email)
                .await
                .expect("the template can be created")
                .id,
        }
    }

    async fn key(&self, service: ServiceId, key_type: KeyType) -> Key {
        let made: CreatedKey =
            app::manage::services::create_key(&self.app, service, key_type.as_str(), key_type)
                .await
                .expect("the key can be created");
        let key = made.key.into_inner();
        Key {
            service,
            secret: key[key.len() - 36..].to_owned(),
        }
    }

    /// Sends a `POST` request to the public API with this key.
    pub async fn post(&self, key: &Key, path: &str, body: &Value) -> TestResponse {
        let token = self.token(&key.service.to_string(), &key.secret);
        self.request("POST", path, Some(&token), body.to_string())
            .await
    }

    /// Sends a `GET` request to the public API with this key.
    pub async fn get(&self, key: &Key, path: &str) -> TestResponse {
        let token = self.token(&key.service.to_string(), &key.secret);
        self.request("GET", path, Some(&token), "").await
    }

    /// Sends an SMS from the service's template.
    pub async fn send_sms(&self, service: &TestService, key: &Key, to: &str) -> TestResponse {
        let body = json!({
            "phone_number": to,
            "template_id": service.sms,
            "personalisation": {"name": "Ada", "day": "Friday"},
        });
        self.post(key, "/v2/notifications/sms", &body).await
    }

    /// Sends an e-mail from the service's template.
    pub async fn send_email(&self, service: &TestService, key: &Key, to: &str) -> TestResponse {
        let body = json!({
            "email_address": to,
            "template_id": service.email,
            "personalisation": {"name": "Ada", "day": "Friday"},
        });
        self.post(key, "/v2/notifications/email", &body).await
    }

    /// Returns the status that the public API shows for a notification; empty if it has none.
    pub async fn status_of(&self, service: &TestService, id: &str) -> String {
        let answer = self
            .get(&service.normal, &format!("/v2/notifications/{id}"))
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
    ) -> TestResponse {
        let path =
            format!("/service/{service}/spreadsheet?template_id={template}&file_name={name}");
        self.internal_request("POST", &path, file.into()).await
    }

    /// Uploads a valid spreadsheet, creates a job from it and returns the job's id.
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
            .expect("a stored file has an id")
            .to_owned();
        let made = self.create_job(service, &json!({"id": id})).await;
        assert_eq!(made.status, 201, "{}", made.json);
        id
    }

    /// Creates a job from an uploaded spreadsheet.
    pub async fn create_job(&self, service: ServiceId, body: &Value) -> TestResponse {
        self.internal_request("POST", &format!("/service/{service}/job"), body.to_string())
            .await
    }

    /// Returns a job as the internal API shows it.
    pub async fn job_status(&self, service: ServiceId, job: &str) -> Value {
        let answer = self
            .internal_request("GET", &format!("/service/{service}/job/{job}"), "")
            .await;
        answer.data().clone()
    }
}
