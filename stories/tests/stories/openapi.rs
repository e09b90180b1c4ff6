//! The API document is correct: each of its examples can be sent, and each response has the documented shape.

use app::{
    fixtures,
    receipts::{letter_status_token, unsubscribe},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::Clock as _;
use pillarbox_stories::{
    INBOUND_PASSWORD, INTERNAL_CLIENT, INTERNAL_SECRET, MMG_USER, TestResponse, World,
};
use serde_json::Value;

use crate::json_schema::faults;

/// The platform with the service of the examples, and the real ids for those in them.
struct Place {
    world: World,
    document: Value,
    key: String,
    /// A text, an e-mail, a letter, a scheduled job and a suppressed recipient.
    ids: [String; 5],
}

impl Place {
    async fn new() -> Self {
        let world = World::new().await;
        let made = fixtures::prepare_clients(&world.app).await.unwrap();
        let key = made.inbound_sms_query_key.reveal().clone();
        let document = world
            .request("GET", "/v2/openapi.json", None, "")
            .await
            .json;
        let mut place = Self {
            world,
            document,
            key,
            ids: Default::default(),
        };
        for (index, path, example) in [
            (0, "/v2/notifications/sms", "text"),
            (1, "/v2/notifications/email", "email"),
            (2, "/v2/notifications/letter", "letter"),
            (3, "/v2/notifications/bulk", "rows"),
            (4, "/v2/suppressions", "address"),
        ] {
            let content = &place.document["paths"][path]["post"]["requestBody"]["content"];
            let mut body = content["application/json"]["examples"][example]["value"].clone();
            if example == "rows" {
                body["scheduled_for"] = "2026-03-03T09:00:00Z".into();
            }
            if example == "address" {
                // Another than in the example, which is added to the list afterwards.
                body["recipient"] = "grace@example.com".into();
            }
            let answer = place
                .request_as_service("POST", path, body.to_string())
                .await;
            let id = answer.json["id"].as_str().unwrap();
            id.clone_into(&mut place.ids[index]);
        }
        place.world.run_tasks().await;
        place
    }

    async fn request_as_service(&self, method: &str, path: &str, body: String) -> TestResponse {
        let token = self.service_token();
        self.world.request(method, path, Some(&token), body).await
    }

    fn service_token(&self) -> String {
        let (rest, secret) = self.key.split_at(self.key.len() - 36);
        self.world
            .token(&rest[rest.len() - 37..rest.len() - 1], secret)
    }

    /// Returns the headers that authenticate a request for an operation.
    fn authorization(&self, path: &str, operation: &Value) -> Option<String> {
        let scheme = operation["security"][0].as_object()?.keys().next()?;
        let basic = |user: &str| {
            let pair = STANDARD.encode(format!("{user}:{INBOUND_PASSWORD}"));
            format!("Basic {pair}")
        };
        Some(match scheme.as_str() {
            "service" => self.service_token(),
            "internal" => self.world.token(INTERNAL_CLIENT, INTERNAL_SECRET),
            "provider" if path.ends_with("mmg") => basic(MMG_USER),
            "provider" => basic("notify"),
            other => panic!("{other} is no scheme of ours"),
        })
    }

    /// Returns the path of an operation with real ids in place of its examples.
    fn filled(&self, path: &str, operation: &Value) -> String {
        if path == "/v2/suppressions/{id}" {
            return format!("/v2/suppressions/{}", self.ids[4]);
        }
        let mut filled = path.to_owned();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let example = match &parameter["example"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            match parameter["in"].as_str().unwrap() {
                "path" => filled = filled.replace(&format!("{{{name}}}"), &example),
                "query" if parameter["required"] == true => {
                    filled.extend(["?", name, "=", &example]);
                }
                _ => {}
            }
        }
        self.with_real_ids(path, &filled)
    }

    fn with_real_ids(&self, path: &str, text: &str) -> String {
        let [sms, email, letter, job, _] = &self.ids;
        let message = match path {
            "/v2/notifications/{id}/pdf" | "/notifications/letter/status" => letter,
            "/unsubscribe/{id}/{token}" => email,
            _ => sms,
        };
        let (link_token, letter) = (example_token(), letter.parse().unwrap());
        let token = if path.starts_with("/unsubscribe") {
            unsubscribe::unbound_token(&self.world.app, "ada@example.com", self.world.clock.now())
        } else {
            letter_status_token(&self.world.app, letter)
        };
        text.replace("740e5834-3a29-46b4-9a6f-16142fde533a", message)
            .replace("1d9f3a60-52c0-4ac6-8b6b-7a3c1e5d2f10", job)
            .replace(link_token, &token)
    }
}

fn example_token() -> &'static str {
    "dGhlIGxpbmsgdGhhdCB3ZSBtYWRl"
}

/// Returns every operation with its path and method, except those of internal clients: only their titles and errors are described.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .filter(|(_, _, operation)| operation["tags"][0] != "Internal")
        .collect()
}

fn written(media_type: &str, example: &Value) -> String {
    if media_type == "application/json" {
        return example.to_string();
    }
    let pairs: Vec<String> = example
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| {
            let text = value.as_str().unwrap();
            format!("{key}={}", text.replace(' ', "+").replace('@', "%40"))
        })
        .collect();
    pairs.join("&")
}

/// Returns how a response differs from the document: its status, type and shape must be documented, and each of our
/// headers.
fn untold(document: &Value, operation: &Value, answer: &TestResponse) -> Vec<String> {
    let status = answer.status.as_str();
    let told = &operation["responses"][status];
    if told.is_null() {
        return vec![format!("{status} is not told: {}", answer.text)];
    }
    let mut untold = Vec::new();
    for header in [
        "retry-after",
        "ratelimit",
        "idempotent-replay",
        "www-authenticate",
    ] {
        let is_told = told["headers"]
            .as_object()
            .is_some_and(|headers| headers.keys().any(|name| name.to_lowercase() == header));
        if answer.headers.contains_key(header) && !is_told {
            untold.push(format!("{status} with {header}"));
        }
    }
    let Some(content) = told["content"].as_object() else {
        if !answer.text.is_empty() {
            untold.push(format!("{status} with a body"));
        }
        return untold;
    };
    let media_type = answer.headers["content-type"].to_str().unwrap();
    match content.get(media_type) {
        None => untold.push(format!("{status} as {media_type}")),
        Some(told) if media_type == "application/json" => {
            let faults = faults(document, &told["schema"], &answer.json);
            untold.extend(faults.into_iter().map(|fault| format!("{status} {fault}")));
        }
        Some(_) => {}
    }
    untold
}

#[tokio::test]
async fn example_requests_get_the_documented_responses() {
    let place = Place::new().await;
    let (mut sent, mut wrong) = (0, Vec::new());
    for (path, method, operation) in operations(&place.document) {
        let good: Vec<&String> = operation["responses"]
            .as_object()
            .unwrap()
            .keys()
            .filter(|status| status.starts_with('2'))
            .collect();
        // Links to files need a file, letters are created elsewhere, and what a provider signs is sent by the stories of
        // its receipts. The tasks of a response file that is announced and is nowhere would wait.
        let is_sent_elsewhere = path.starts_with("/d/")
            || path.ends_with("/pdf")
            || path.starts_with("/notifications/amazon/")
            || path == "/notifications/letter/dvla"
            || (path.starts_with("/notifications/sms/") && path.contains("{provider}"));
        if good.is_empty() || is_sent_elsewhere {
            continue;
        }
        let authorization = place.authorization(path, operation);
        let content = operation["requestBody"]["content"].as_object();
        let (media_type, examples) = content.and_then(|content| content.iter().next()).map_or(
            ("", vec![Value::Null]),
            |(media_type, content)| {
                let examples = content["examples"].as_object().unwrap().values();
                (
                    media_type.as_str(),
                    examples.map(|example| example["value"].clone()).collect(),
                )
            },
        );
        for example in examples {
            let body = if example.is_null() {
                String::new()
            } else {
                let schema = &content.unwrap()[media_type]["schema"];
                let faults = faults(&place.document, schema, &example);
                assert!(faults.is_empty(), "{path}: {faults:?} in {example}");
                place.with_real_ids(path, &written(media_type, &example))
            };
            let url = place.filled(path, operation);
            let answer = place
                .world
                .request(&method.to_uppercase(), &url, authorization.as_deref(), body)
                .await;
            if !good.iter().any(|status| *status == answer.status.as_str()) {
                wrong.push(format!("{method} {url}: {}", answer.text));
            }
            let untold = untold(&place.document, operation, &answer);
            wrong.extend(untold.into_iter().map(|what| format!("{path}: {what}")));
            sent += 1;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(sent > 30, "{sent}");
}

#[tokio::test]
async fn example_responses_match_their_schemas() {
    let place = Place::new().await;
    for (path, method, operation) in operations(&place.document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            for content in answer["content"].as_object().into_iter().flatten() {
                for example in content.1["examples"].as_object().into_iter().flatten() {
                    let value = match example.1["$ref"].as_str() {
                        Some(target) => place.document.pointer(&target[1..]).unwrap(),
                        None => example.1,
                    };
                    let faults = faults(&place.document, &content.1["schema"], &value["value"]);
                    assert!(
                        faults.is_empty(),
                        "{method} {path} {status} {}: {faults:?}",
                        example.0
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn errors_match_their_schemas() {
    let place = Place::new().await;
    let mut wrong = Vec::new();
    let stranger = place.world.token(INTERNAL_CLIENT, "not its secret");
    for (path, method, operation) in operations(&place.document) {
        let authorization = place.authorization(path, operation);
        let url = place.filled(path, operation);
        let nonsense = path.replace("{version}", "1").replace(['{', '}'], "");
        for (url, authorization, body) in [
            (&url, None, "{}"),
            (&url, Some(&stranger), "{}"),
            (&url, authorization.as_ref(), "nonsense"),
            (&url, authorization.as_ref(), "[1]"),
            (&url, authorization.as_ref(), r#"{"a": 1}"#),
            (&nonsense, authorization.as_ref(), "{}"),
        ] {
            let answer = place
                .world
                .request(
                    &method.to_uppercase(),
                    url,
                    authorization.map(String::as_str),
                    body,
                )
                .await;
            let untold = untold(&place.document, operation, &answer);
            wrong.extend(untold.into_iter().map(|what| format!("{path}: {what}")));
        }
        if method == "get" && path.starts_with("/v2/") {
            let answer = place
                .request_as_service("GET", &format!("{url}?surprise=1"), String::new())
                .await;
            let untold = untold(&place.document, operation, &answer);
            wrong.extend(untold.into_iter().map(|what| format!("{path}: {what}")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn receipts_document_who_may_send_them_and_how_fast() {
    let world = World::new().await;
    let document = world
        .request("GET", "/v2/openapi.json", None, "")
        .await
        .json;
    for (path, statuses) in [
        ("/notifications/sms/mmg", &["401", "403", "429"][..]),
        ("/notifications/sms/firetext", &["401", "403", "429"]),
        ("/notifications/letter/status", &["403", "429"]),
    ] {
        let responses = &document["paths"][path]["post"]["responses"];
        for status in statuses {
            assert!(responses[status].is_object(), "{path} {status}");
        }
    }
}

#[tokio::test]
async fn idempotency_and_rate_limits_are_reported_in_headers() {
    let place = Place::new().await;
    let path = "/v2/notifications/sms";
    let operation = &place.document["paths"][path]["post"];
    let content = &operation["requestBody"]["content"]["application/json"];
    let body = content["examples"]["text"]["value"].to_string();
    let token = place.service_token();
    let ask = async |key: &str, body: &str| {
        let headers = [("authorization", &*token), ("idempotency-key", key)];
        let answer = place
            .world
            .request_with("POST", path, &headers, body.to_owned())
            .await;
        assert_eq!(
            untold(&place.document, operation, &answer),
            Vec::<String>::new()
        );
        answer
    };
    assert_eq!(ask("one", &body).await.status, 201);
    assert_eq!(ask("one", &body).await.headers["idempotent-replay"], "true");
    assert_eq!(ask("one", "{}").await.status, 422);
    assert_eq!(ask("", &body).await.status, 400);
    let service = format!("/service/{}", fixtures::CLIENTS_SERVICE);
    let slow = r#"{"rate_limit": 1}"#;
    let changed = place.world.internal_request("POST", &service, slow).await;
    assert_eq!(changed.status, 200);
    let mut last = ask("two", &body).await;
    for _ in 0..3 {
        last = ask("two", &body).await;
    }
    assert_eq!(
        (last.status.as_u16(), &last.headers["retry-after"]),
        (429, &"120".parse().unwrap())
    );
}

#[tokio::test]
async fn the_documentation_page_has_no_script_and_no_external_resource() {
    let world = World::new().await;
    let page = world.request("GET", "/docs", None, "").await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    for part in [
        "<script", "<link", "<img", "<iframe", "style=\"", " onclick",
    ] {
        assert!(!page.text.contains(part), "{part}");
    }
    let document = world
        .request("GET", "/v2/openapi.json", None, "")
        .await
        .json;
    for (path, _, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(page.text.contains(&format!("<h3 id=\"{id}\">")), "{path}");
    }
}
