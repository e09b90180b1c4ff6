//! A platform with the fixtures, and the requests of the cases.

use std::{collections::BTreeMap, sync::Arc};

use api::Api;
use app::fixtures::Fixtures;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request as HttpRequest},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::Clock as _;
use pillarbox_stories::{FakeFileService, World};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Case, Expected, Request, matching, tokens::Tokens};

const HOST: &str = "api.example.org";
const BASE: &str = "http://api.example.org/";
/// More requests than the highest rate limit allows.
const MORE_THAN_A_BUCKET: usize = 1001;

pub(super) struct Platform<'a> {
    world: World,
    router: Router,
    fixtures: &'a Fixtures,
}

/// A response with its body as text.
struct Raw {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl<'a> Platform<'a> {
    pub(super) async fn new(fixtures: &'a Fixtures) -> Self {
        let stub = &fixtures.document_download_stub["json"]["document"]["url"];
        let stub = stub.as_str().expect("the stub answers with a link");
        let host = fixtures.config["document_download_external_host"].as_str();
        let world = World::with(|settings, providers| {
            host.expect("the fixtures say it")
                .clone_into(&mut settings.files_root);
            providers.file_service = Some(Arc::new(FakeFileService::with_link(stub)));
        })
        .await;
        fixtures.load(&world.app).await.unwrap();
        let text = |name: &str| {
            fixtures.config[name]
                .as_str()
                .expect("the fixtures say it")
                .to_owned()
        };
        let settings = api::Settings {
            internal_client_id: text("admin_client_id"),
            internal_secrets: vec![text("admin_client_secret").into()],
            inbound_sms_credentials: api::InboundSmsCredentials {
                mmg_users: vec![text("mmg_inbound_username").into()],
                mmg_passwords: vec![text("mmg_inbound_password").into()],
                firetext_passwords: vec![text("firetext_inbound_password").into()],
            },
            ..api::Settings::default()
        };
        let router = api::router(Api::new(world.app.clone(), settings));
        Self {
            world,
            router,
            fixtures,
        }
    }

    /// Runs a case and returns its first difference as an error.
    pub(super) async fn try_case(&self, case: &Case) -> Result<(), String> {
        let mut tokens = Tokens {
            fixtures: self.fixtures,
            app: &self.world.app,
            now: self.world.clock.now(),
            base: BASE,
            admin_base_url: &self.world.app.settings.admin_base_url,
            captured: BTreeMap::new(),
        };
        self.set_the_scene(case, &tokens).await?;
        let authorization = authorization(case, &tokens)?;
        self.request_and_compare(
            &case.request,
            &case.expect,
            authorization.as_deref(),
            &mut tokens,
        )
        .await?;
        for then in &case.then {
            let outcome = self.request_and_compare(
                &then.request,
                &then.expect,
                authorization.as_deref(),
                &mut tokens,
            );
            outcome.await.map_err(|why| {
                format!("then {} {}: {why}", then.request.method, then.request.path)
            })?;
        }
        Ok(())
    }

    /// Sets up the counters of today, then the exhausted rate limits. In this order no counter is cached before it is set.
    async fn set_the_scene(&self, case: &Case, tokens: &Tokens<'_>) -> Result<(), String> {
        let state = &case.given.state;
        let Some(key) = case.given.key.as_deref().filter(|_| !state.is_empty()) else {
            return Ok(());
        };
        let service = self
            .fixtures
            .service_of(key)
            .ok_or("the key has a service")?;
        let mut tx = self
            .world
            .app
            .store()
            .write()
            .await
            .map_err(|error| error.to_string())?;
        for (allowance, sent) in &state.sent_today {
            let day = self.world.clock.now().utc_day();
            let spent = store::counters::spend(&mut tx, service, *allowance, day, *sent, i64::MAX);
            spent.await.map_err(|error| error.to_string())?;
        }
        tx.commit().await.map_err(|error| error.to_string())?;
        for key_type in &state.rate_limit_exhausted {
            let sibling = self
                .fixtures
                .sibling(key, key_type)
                .ok_or("there is such a key")?;
            self.exhaust(&tokens.jwt(sibling)?).await?;
        }
        Ok(())
    }

    async fn exhaust(&self, jwt: &str) -> Result<(), String> {
        let nonsense = Request {
            method: "POST".to_owned(),
            path: "/v2/notifications/sms".to_owned(),
            headers: serde_json::Map::new(),
            json: None,
            raw_body: Some("nonsense".to_owned()),
        };
        for _ in 0..MORE_THAN_A_BUCKET {
            let answer = self
                .request(
                    &nonsense,
                    Some(&format!("Bearer {jwt}")),
                    &nonsense.path,
                    Body::empty(),
                )
                .await;
            if answer.text.contains("RateLimitError") {
                return Ok(());
            }
        }
        Err("the bucket does not become empty".to_owned())
    }

    async fn request_and_compare(
        &self,
        request: &Request,
        expect: &Expected,
        authorization: Option<&str>,
        tokens: &mut Tokens<'_>,
    ) -> Result<(), String> {
        let path = tokens.fill(&request.path)?;
        let body = match (&request.json, &request.raw_body) {
            (Some(json), _) => Body::from(tokens.fill_value(json)?.to_string()),
            (None, Some(raw)) => Body::from(tokens.fill(raw)?),
            (None, None) => Body::empty(),
        };
        let answer = self.request(request, authorization, &path, body).await;
        if answer.status != expect.status {
            return Err(format!(
                "answered {}, not {}: {}",
                answer.status, expect.status, answer.text
            ));
        }
        if let Some(raw) = &expect.raw
            && answer.text != tokens.fill(raw)?
        {
            return Err(format!("answered {:?}, not {raw:?}", answer.text));
        }
        if let Some(json) = &expect.json {
            let body: Value = serde_json::from_str(&answer.text)
                .map_err(|_| format!("no JSON: {}", answer.text))?;
            matching::compare(json, &body, "the answer", tokens)?;
        }
        for (name, value) in &expect.headers {
            let found = answer
                .headers
                .get(name.as_str())
                .and_then(|value| value.to_str().ok());
            if found != value.as_str() {
                return Err(format!("the header {name} is {found:?}, not {value}"));
            }
        }
        Ok(())
    }

    async fn request(
        &self,
        request: &Request,
        authorization: Option<&str>,
        path: &str,
        body: Body,
    ) -> Raw {
        let mut asked = HttpRequest::builder()
            .method(request.method.as_str())
            .uri(path)
            .header("host", HOST);
        let says_its_type = request
            .headers
            .keys()
            .any(|name| name.eq_ignore_ascii_case("content-type"));
        if (request.json.is_some() || request.raw_body.is_some()) && !says_its_type {
            asked = asked.header("content-type", "application/json");
        }
        for (name, value) in &request.headers {
            asked = asked.header(name, value.as_str().unwrap_or_default());
        }
        if let Some(authorization) = authorization {
            asked = asked.header("authorization", authorization);
        }
        let asked = asked.body(body).expect("the request is well-formed");
        let (head, body) = self
            .router
            .clone()
            .oneshot(asked)
            .await
            .expect("the router is infallible")
            .into_parts();
        let bytes = to_bytes(body, 64 << 20)
            .await
            .expect("the body can be read");
        Raw {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).expect("answers are text"),
        }
    }
}

/// Returns the `Authorization` header of a case.
fn authorization(case: &Case, tokens: &Tokens<'_>) -> Result<Option<String>, String> {
    let Some(auth) = &case.given.auth else {
        return match &case.given.key {
            Some(key) => Ok(Some(format!("Bearer {}", tokens.jwt(key)?))),
            None => Ok(None),
        };
    };
    match auth["type"].as_str() {
        Some("none") => Ok(None),
        Some("raw") => Ok(Some(
            tokens.fill(auth["header"].as_str().unwrap_or_default())?,
        )),
        Some("admin") => Ok(Some(format!("Bearer {}", tokens.internal_jwt()?))),
        Some("basic") => {
            let text = |name: &str| tokens.fill(auth[name].as_str().unwrap_or_default());
            let pair = format!("{}:{}", text("username")?, text("password")?);
            Ok(Some(format!("Basic {}", STANDARD.encode(pair))))
        }
        Some("jwt") => Ok(Some(format!("Bearer {}", tokens.described_jwt(auth)?))),
        other => Err(format!(
            "asking as {other:?} comes with the routes that take it"
        )),
    }
}
