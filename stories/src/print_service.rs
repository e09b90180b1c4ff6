//! A print service with an API, on a real socket.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use providers::{LetterProvider, ProviderSettings as _, letter::dvla::DvlaSettings};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};

/// A letter that the service was asked to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintJob {
    /// The id of the letter.
    pub id: String,
    /// What the request says of it: recipient, address, class.
    pub params: Value,
    /// The URL to report to.
    pub target: String,
    /// Its pages.
    pub pdf: Bytes,
}

impl PrintJob {
    /// Returns the reference of the letter.
    pub fn reference(&self) -> &str {
        self.params["businessIdentifier"]
            .as_str()
            .unwrap_or_default()
    }

    /// Returns the path of the URL to report to, with its token.
    pub fn report_path(&self) -> &str {
        let start = self.target.find("/notifications/").unwrap_or_default();
        &self.target[start..]
    }

    /// Returns the report that the letter was despatched.
    pub fn despatched(&self, sheets: u32, product: &str) -> Value {
        self.report(&json!({
            "jobId": self.id, "jobStatus": "DESPATCHED", "transitionDate": "2026-03-03T12:00:00Z",
            "despatchProperties": [
                {"key": "totalSheets", "value": sheets.to_string()},
                {"key": "postageClass", "value": "2ND"},
                {"key": "mailingProduct", "value": product},
            ],
        }))
    }

    /// Returns the report that the letter was not printed.
    pub fn rejected(&self) -> Value {
        self.report(&json!({
            "jobId": self.id, "jobStatus": "REJECTED", "transitionDate": "2026-03-03T12:00:00Z",
        }))
    }

    fn report(&self, data: &Value) -> Value {
        json!({
            "id": "1", "time": "2026-03-03T12:00:01Z", "metadata": {"correlationId": self.id}, "data": data,
        })
    }
}

#[derive(Debug)]
struct Account {
    password: String,
    api_key: String,
    password_changes: usize,
    key_changes: usize,
    answer_to_change: StatusCode,
    jobs: Vec<PrintJob>,
    conflicts: usize,
}

/// The service. It prints each letter once, and answers 409 to those that it has.
#[derive(Debug, Clone)]
pub struct FakePrintService {
    url: String,
    account: Arc<Mutex<Account>>,
    received: Arc<Notify>,
}

impl FakePrintService {
    /// Starts the service.
    ///
    /// # Panics
    ///
    /// If this machine has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let service = Self {
            url: format!("http://{address}"),
            account: Arc::new(Mutex::new(Account {
                password: "hunter2".to_owned(),
                api_key: "key".to_owned(),
                password_changes: 0,
                key_changes: 0,
                answer_to_change: StatusCode::OK,
                jobs: Vec::new(),
                conflicts: 0,
            })),
            received: Arc::default(),
        };
        let router = Router::new()
            .route("/thirdparty-access/v1/authenticate", post(log_in))
            .route("/thirdparty-access/v1/password", post(change_password))
            .route("/thirdparty-access/v1/new-api-key", post(new_api_key))
            .route("/print-request/v1/print/jobs", post(print))
            .layer(DefaultBodyLimit::disable())
            .with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    /// Returns the settings of a provider that sends to it.
    pub fn settings(&self) -> Value {
        json!({
            "base_url": self.url, "username": "riverside", "password": "hunter2", "api_key": "key",
        })
    }

    /// Returns a provider that sends to it, with the credentials of its beginning.
    ///
    /// # Panics
    ///
    /// Never: its settings are right.
    pub fn provider(&self) -> Arc<dyn LetterProvider> {
        let settings: DvlaSettings =
            serde_json::from_value(self.settings()).expect("they can be read");
        settings
            .build(Path::new("/nowhere"))
            .expect("they are right")
    }

    /// Returns the letters that it prints, each once, in order.
    pub fn jobs(&self) -> Vec<PrintJob> {
        self.account().jobs.clone()
    }

    /// Returns how many requests named a letter that it had.
    pub fn conflicts(&self) -> usize {
        self.account().conflicts
    }

    /// Returns how often the password and the API key were changed.
    pub fn changes(&self) -> (usize, usize) {
        let account = self.account();
        (account.password_changes, account.key_changes)
    }

    /// Sets its answer to changes of the password. It makes them whatever it answers.
    pub fn set_answer_to_change(&self, status: StatusCode) {
        self.account().answer_to_change = status;
    }

    /// Waits until it has received another letter.
    pub async fn has_received(&self) {
        self.received.notified().await;
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().expect("no one panics holding it")
    }

    fn is_authorized(&self, headers: &HeaderMap) -> bool {
        let is = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
        is("authorization", TOKEN) && is("x-api-key", &self.account().api_key)
    }
}

/// Its claims say that it expires in the year 2100.
const TOKEN: &str = "e30.eyJleHAiOjQxMDI0NDQ4MDB9.x";

type Answer = (StatusCode, String);

fn answer(status: StatusCode) -> Answer {
    (status, "{}".to_owned())
}

fn parse(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

async fn log_in(State(service): State<FakePrintService>, body: Bytes) -> Answer {
    let body = parse(&body);
    if body["password"] != service.account().password.as_str() {
        return answer(StatusCode::UNAUTHORIZED);
    }
    (StatusCode::OK, json!({"id-token": TOKEN}).to_string())
}

async fn change_password(State(service): State<FakePrintService>, body: Bytes) -> Answer {
    let body = parse(&body);
    let mut account = service.account();
    if body["password"] != account.password.as_str() {
        return answer(StatusCode::UNAUTHORIZED);
    }
    body["newPassword"]
        .as_str()
        .unwrap_or_default()
        .clone_into(&mut account.password);
    account.password_changes += 1;
    answer(account.answer_to_change)
}

async fn new_api_key(State(service): State<FakePrintService>, headers: HeaderMap) -> Answer {
    if !service.is_authorized(&headers) {
        return answer(StatusCode::UNAUTHORIZED);
    }
    let mut account = service.account();
    account.key_changes += 1;
    account.api_key = format!("key-{}", account.key_changes);
    (
        StatusCode::OK,
        json!({"newApiKey": account.api_key}).to_string(),
    )
}

async fn print(State(service): State<FakePrintService>, headers: HeaderMap, body: Bytes) -> Answer {
    let body = parse(&body);
    if !service.is_authorized(&headers) {
        return answer(StatusCode::UNAUTHORIZED);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let params = body["customParams"].as_array().into_iter().flatten();
    let pdf = params
        .clone()
        .find(|param| param["key"] == "pdfContent")
        .map(|param| STANDARD.decode(text(&param["value"])).unwrap_or_default());
    let job = PrintJob {
        id: text(&body["id"]),
        params: body["standardParams"].clone(),
        target: text(&body["callbackParams"]["target"]),
        pdf: pdf.unwrap_or_default().into(),
    };
    let mut account = service.account();
    let is_known = account.jobs.iter().any(|known| known.id == job.id);
    let status = if is_known {
        account.conflicts += 1;
        StatusCode::CONFLICT
    } else {
        account.jobs.push(job);
        StatusCode::ACCEPTED
    };
    drop(account);
    service.received.notify_one();
    answer(status)
}
