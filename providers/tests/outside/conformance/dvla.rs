//! The DVLA's print service: users with passwords, API keys, tokens, and the letters that it has.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pillarbox_providers::{
    Letter, LetterProvider as _, RejectReason, SendError, SendReceipt,
    letter::dvla::{Dvla, DvlaSettings},
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Behaviour, Subject};
use crate::{
    http_server::{self, Act, Request, Server},
    messages::letter,
};

const USER: &str = "riverside";

/// What the service knows.
pub(crate) struct Account {
    pub(crate) password: String,
    pub(crate) api_key: String,
    /// The tokens that it accepts.
    pub(crate) tokens: Vec<String>,
    /// When the next token expires, in seconds since 1970.
    pub(crate) token_expires_at: i64,
    pub(crate) logins: usize,
    /// The jobs that it has been asked to print, in order; each is printed once.
    pub(crate) jobs: Vec<Value>,
    next: VecDeque<Behaviour>,
}

impl Account {
    fn respond(&mut self, request: &Request) -> Act {
        let path = request.line.split(' ').nth(1).unwrap();
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        match path {
            "/thirdparty-access/v1/authenticate" => self.log_in(&body),
            "/thirdparty-access/v1/password" => self.change_password(&body),
            "/thirdparty-access/v1/new-api-key" => self.authorized(request, Self::new_api_key),
            "/print-request/v1/print/jobs" => {
                self.authorized(request, |account| account.print(body))
            }
            other => panic!("the print service has no {other}"),
        }
    }

    fn is_user(&self, body: &Value) -> bool {
        body["userName"] == USER && body["password"] == self.password.as_str()
    }

    fn log_in(&mut self, body: &Value) -> Act {
        self.logins += 1;
        if !self.is_user(body) {
            return http_server::json(401, r#"{"message": "Unauthorized"}"#);
        }
        let claims = json!({"sub": USER, "exp": self.token_expires_at}).to_string();
        let token = format!("e30.{}.{}", URL_SAFE_NO_PAD.encode(claims), self.logins);
        self.tokens.push(token.clone());
        http_server::json(200, &json!({"id-token": token}).to_string())
    }

    fn change_password(&mut self, body: &Value) -> Act {
        if !self.is_user(body) {
            return http_server::json(401, r#"{"message": "Unauthorized"}"#);
        }
        body["newPassword"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.password);
        http_server::json(200, "{}")
    }

    fn authorized(&mut self, request: &Request, then: impl FnOnce(&mut Self) -> Act) -> Act {
        let token = request.header("authorization").unwrap_or_default();
        let is_known = self.tokens.iter().any(|known| known == token)
            && request.header("x-api-key") == Some(self.api_key.as_str());
        if is_known {
            then(self)
        } else {
            http_server::json(
                401,
                r#"{"errors": [{"status": "401", "title": "Unauthorized"}]}"#,
            )
        }
    }

    fn new_api_key(&mut self) -> Act {
        self.api_key.push('+');
        http_server::json(200, &json!({"newApiKey": self.api_key}).to_string())
    }

    fn print(&mut self, job: Value) -> Act {
        let is_known = self.jobs.iter().any(|known| known["id"] == job["id"]);
        self.jobs.push(job);
        match self.next.pop_front() {
            // Whatever it was told: it has the letter already.
            Some(Behaviour::Accept) | None if is_known => http_server::json(
                409,
                r#"{"errors": [{"status": "409", "title": "Conflict"}]}"#,
            ),
            Some(Behaviour::Accept) | None => http_server::json(202, r#"{"message": "Accepted"}"#),
            Some(Behaviour::Throttle) => Act::Answer(429, "Retry-After: 3\r\n", "{}".to_owned()),
            Some(Behaviour::RefuseRecipient | Behaviour::RefuseMessage) => http_server::json(
                400,
                r#"{"errors": [{"detail": "Ada Lovelace of SW1A 2AA, your bin day is Friday: 7700900123"}]}"#,
            ),
            Some(Behaviour::Hang) => Act::FallSilent,
            Some(Behaviour::CloseAfterAccepting) => Act::HangUp,
            Some(Behaviour::ServerError) => Act::Answer(503, "", "<h1>Unavailable</h1>".to_owned()),
            Some(Behaviour::Garbage) => Act::Answer(200, "", "\u{1}%PDF <html>{".to_owned()),
        }
    }
}

pub(crate) struct PrintService {
    pub(crate) account: Arc<Mutex<Account>>,
    pub(crate) provider: Dvla,
    server: Server,
}

impl PrintService {
    pub(crate) fn letter(id: Uuid) -> Letter {
        letter(id.as_u128())
    }
}

#[async_trait]
impl Subject for PrintService {
    const NAMES_MESSAGES: bool = false;

    // It has no word for a wrong address: a person must look.
    const REFUSED_RECIPIENT: RejectReason = RejectReason::Message;

    async fn start() -> Self {
        let account = Arc::new(Mutex::new(Account {
            password: "hunter2".to_owned(),
            api_key: "key-1".to_owned(),
            tokens: Vec::new(),
            token_expires_at: 1_795_489_567 + 3600,
            logins: 0,
            jobs: Vec::new(),
            next: VecDeque::new(),
        }));
        let service = Arc::clone(&account);
        let respond = move |request: &Request| service.lock().unwrap().respond(request);
        let server = Server::start_with(respond).await;
        let settings: DvlaSettings = serde_json::from_value(json!({
            "base_url": server.url, "username": USER, "password": "hunter2", "api_key": "key-1",
        }))
        .unwrap();
        Self {
            account,
            provider: Dvla::new(settings).unwrap(),
            server,
        }
    }

    fn next(&self, behaviour: Behaviour) {
        self.account.lock().unwrap().next.push_back(behaviour);
    }

    async fn send(&self, id: Uuid) -> Result<SendReceipt, SendError> {
        self.provider.send(&Self::letter(id)).await
    }

    fn received(&self) -> Vec<Uuid> {
        let account = self.account.lock().unwrap();
        let ids = account.jobs.iter().map(|job| job["id"].as_str().unwrap());
        ids.map(|id| id.parse().unwrap()).collect()
    }

    fn hanging(&self) -> &Notify {
        &self.server.fallen_silent
    }
}
