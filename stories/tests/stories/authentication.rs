//! Authentication: which callers are admitted, and the errors of the others (`docs/spec/public-api.md` §3).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pillarbox_stories::{INTERNAL_CLIENT, INTERNAL_SECRET, World};
use serde_json::{Value, json};

const GENERAL: &str = "Invalid token: make sure your API token matches the example at \
                       https://docs.notifications.service.gov.uk/rest-api.html#authorisation-header";
const CLOCK: &str = "Error: Your system clock must be accurate to within 30 seconds";

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("Bearer {}.{}.c2lnbmF0dXJl", part(header), part(claims))
}

#[tokio::test]
async fn a_token_is_refused_in_the_order_and_words_of_the_contract() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (issuer, secret) = (service.id.to_string(), service.normal.secret.as_str());
    let now = domain::Clock::now(&*world.clock).unix_seconds();
    let signed = |claims: Value| world.token_with_claims(&claims, secret);
    let hs256 = json!({"typ": "JWT", "alg": "HS256"});
    let table: Vec<(Option<String>, u16, &str)> = vec![
        (
            None,
            401,
            "Unauthorized: authentication token must be provided",
        ),
        (
            Some(String::new()),
            401,
            "Unauthorized: authentication token must be provided",
        ),
        (
            Some("Basic abc".into()),
            401,
            "Unauthorized: authentication bearer scheme must be used",
        ),
        (
            Some("Bearer".into()),
            401,
            "Unauthorized: authentication bearer scheme must be used",
        ),
        (Some("Bearer a.b".into()), 403, GENERAL),
        (Some("Bearer not-a-token".into()), 403, GENERAL),
        (Some(unsigned(&hs256, &json!([]))), 403, GENERAL),
        (
            Some(unsigned(&json!({"alg": "HS256", "kid": 5}), &json!({}))),
            403,
            GENERAL,
        ),
        (
            Some(unsigned(&hs256, &json!({}))),
            403,
            "Invalid token: iss field not provided",
        ),
        (
            Some(unsigned(&hs256, &json!({"iss": 5}))),
            403,
            "Invalid token: service id is not the right data type",
        ),
        (
            Some(unsigned(&hs256, &json!({"iss": null}))),
            403,
            "Invalid token: service id is not the right data type",
        ),
        (
            Some(unsigned(
                &hs256,
                &json!({"iss": "11111111-1111-4111-8111-111111111111"}),
            )),
            403,
            "Invalid token: service not found",
        ),
        (
            Some(unsigned(&json!({"alg": "HS512"}), &json!({"iss": issuer}))),
            403,
            "Invalid token: algorithm used is not HS256",
        ),
        (
            Some(unsigned(&json!({}), &json!({"iss": issuer}))),
            403,
            "Invalid token: algorithm used is not HS256",
        ),
        (
            Some(unsigned(&hs256, &json!({"iss": issuer, "iat": now}))),
            403,
            "Invalid token: API key not found",
        ),
        (
            Some(signed(json!({"iss": issuer}))),
            403,
            "Invalid token: API key not found",
        ),
        (
            Some(signed(json!({"iss": issuer, "iat": now - 32}))),
            403,
            CLOCK,
        ),
        (
            Some(signed(json!({"iss": issuer, "iat": now + 32}))),
            403,
            CLOCK,
        ),
        (
            Some(signed(json!({"iss": issuer, "iat": "soon"}))),
            403,
            CLOCK,
        ),
        (
            Some(signed(json!({"iss": issuer, "iat": null}))),
            403,
            CLOCK,
        ),
        (
            Some(signed(json!({"iss": issuer, "iat": now, "nbf": now + 60}))),
            403,
            CLOCK,
        ),
        (
            Some(signed(json!({"iss": issuer, "iat": now, "nbf": "x"}))),
            403,
            GENERAL,
        ),
        (
            Some(signed(json!({"iss": issuer, "iat": true}))),
            403,
            CLOCK,
        ),
        (
            Some(signed(json!({"iss": issuer, "iat": now, "exp": now - 60}))),
            403,
            GENERAL,
        ),
        (
            Some(signed(json!({"iss": issuer, "iat": now, "aud": "x"}))),
            403,
            GENERAL,
        ),
        (
            Some(signed(json!({"iss": issuer, "iat": now, "sub": 1}))),
            403,
            GENERAL,
        ),
    ];
    for (authorization, status, message) in table {
        let answer = world
            .request("GET", "/v2/notifications", authorization.as_deref(), "")
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.message()),
            (status, message),
            "{authorization:?}"
        );
        assert_eq!(answer.json["errors"][0]["error"], "AuthError");
        assert_eq!(answer.json["status_code"], status);
    }
    for claims in [
        json!({"iss": issuer, "iat": now - 29}),
        json!({"iss": issuer, "iat": now.to_string()}),
        json!({"iss": format!("{{{}}}", issuer.to_uppercase()), "iat": now, "other": [1]}),
    ] {
        let answer = world
            .request(
                "GET",
                "/v2/notifications",
                Some(&signed(claims.clone())),
                "",
            )
            .await;
        assert_eq!(answer.status, 200, "{claims}: {}", answer.json);
    }
}

#[tokio::test]
async fn token_age_counts_whole_seconds() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let at_noon = domain::Clock::now(&*world.clock).unix_seconds();
    // Late in its second, because clients sign with whole seconds.
    world.clock.advance(std::time::Duration::from_millis(900));
    let claims = |more: Value| {
        let mut claims = json!({"iss": service.id, "iat": at_noon});
        let more = more.as_object().unwrap().clone();
        claims.as_object_mut().unwrap().extend(more);
        claims
    };
    for (claims, status) in [
        (claims(json!({"iat": at_noon - 31})), 403),
        (claims(json!({"iat": at_noon - 30})), 200),
        (claims(json!({"iat": at_noon + 30})), 200),
        (claims(json!({"iat": at_noon + 31})), 403),
        (claims(json!({"nbf": at_noon + 30})), 200),
        (claims(json!({"nbf": at_noon + 31})), 403),
        (claims(json!({"exp": at_noon - 30})), 200),
        (claims(json!({"exp": at_noon - 31})), 403),
        (claims(json!({"nbf": true})), 200),
    ] {
        let token = world.token_with_claims(&claims, &service.normal.secret);
        let answer = world
            .request("GET", "/v2/templates", Some(&token), "")
            .await;
        assert_eq!(answer.status, status, "{claims}: {}", answer.json);
    }
}

#[tokio::test]
async fn a_token_may_be_padded() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    for (pad, status) in [("=", 200), ("==", 403)] {
        let padded = format!("{token}{pad}");
        let answer = world
            .request("GET", "/v2/templates", Some(&padded), "")
            .await;
        assert_eq!(answer.status, status, "{}", answer.json);
    }
}

#[tokio::test]
async fn a_request_of_an_archived_service_is_refused_with_any_secret() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    app::manage::services::set_mode(&world.app, service.id, false, false)
        .await
        .unwrap();
    let token = world.token(&service.id.to_string(), "not the secret");
    let answer = world
        .request("GET", "/v2/notifications", Some(&token), "")
        .await;
    assert_eq!(answer.message(), "Invalid token: service is archived");
}

#[tokio::test]
async fn internal_endpoints_take_the_internal_client_and_nobody_else() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let ask = async |authorization: Option<String>| {
        world
            .request("GET", "/service", authorization.as_deref(), "")
            .await
    };

    assert_eq!(
        ask(Some(world.token(INTERNAL_CLIENT, INTERNAL_SECRET)))
            .await
            .status,
        200
    );
    let nobody = ask(None).await;
    assert_eq!(
        (nobody.status.as_u16(), &nobody.json),
        (
            401,
            &json!({"result": "error", "message": {"token": ["Unauthorized: authentication token must be provided"]}})
        )
    );
    let wrong_secret = ask(Some(world.token(INTERNAL_CLIENT, "guess"))).await;
    assert_eq!(
        wrong_secret.json["message"]["token"][0],
        "Invalid token: API key not found"
    );
    let a_service = ask(Some(
        world.token(&service.id.to_string(), &service.normal.secret),
    ))
    .await;
    assert_eq!(a_service.status, 401);
    assert_eq!(
        a_service.json["message"]["token"][0],
        "Unauthorized: not allowed to perform this action"
    );
}
