//! Every route, requested with almost valid tokens and by another service.

use std::time::Duration;

use api::{Auth, routes};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Clock as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pillarbox_stories::{
    FUNCTIONAL_TESTS_SECRET, INTERNAL_CLIENT, INTERNAL_SECRET, TestService, World,
};
use serde_json::{Value, json};

/// Returns a path with every parameter replaced.
fn filled(path: &str, fill: impl Fn(&str) -> String) -> String {
    path.split('/')
        .map(|part| match part.strip_prefix('{') {
            Some(name) => fill(name.trim_end_matches('}')),
            None => part.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("/")
}

fn unsigned(claims: &Value, header: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("Bearer {}.{}.", part(header), part(claims))
}

/// Returns invalid tokens of this issuer, each with its defect.
fn forged(world: &World, issuer: &str, secret: &str) -> Vec<(&'static str, String)> {
    let now = world.clock.now().unix_seconds();
    let claims = json!({"iss": issuer, "iat": now});
    let with_algorithm = |algorithm| {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap();
        format!("Bearer {token}")
    };
    let good = world.token(issuer, secret);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other_claims = unsigned(
        &json!({"iss": issuer, "iat": now + 1}),
        &json!({"typ": "JWT", "alg": "HS256"}),
    );
    vec![
        ("nothing", String::new()),
        ("no token", "Bearer ".to_owned()),
        ("another scheme", good.replacen("Bearer", "Basic", 1)),
        ("no scheme", good.replacen("Bearer ", "", 1)),
        ("no signature", format!("{signed}.")),
        (
            "no algorithm",
            unsigned(&claims, &json!({"typ": "JWT", "alg": "none"})),
        ),
        ("another algorithm", with_algorithm(Algorithm::HS512)),
        (
            "the signature of other claims",
            format!("{other_claims}{signature}"),
        ),
        (
            "a secret that is a little longer",
            world.token(issuer, &format!("{secret} ")),
        ),
        ("an empty secret", world.token(issuer, "")),
        (
            "an old token",
            world.token_with_claims(&json!({"iss": issuer, "iat": now - 31}), secret),
        ),
        (
            "a token of the future",
            world.token_with_claims(&json!({"iss": issuer, "iat": now + 31}), secret),
        ),
        (
            "a token that has ended",
            world.token_with_claims(&json!({"iss": issuer, "iat": now, "exp": now - 31}), secret),
        ),
        (
            "no time",
            world.token_with_claims(&json!({"iss": issuer}), secret),
        ),
        (
            "no name",
            world.token_with_claims(&json!({"iat": now}), secret),
        ),
        (
            "a name that is a list",
            world.token_with_claims(&json!({"iss": [issuer], "iat": now}), secret),
        ),
    ]
}

#[tokio::test]
async fn functional_tests_may_read_the_sink_and_nothing_else() {
    let world = World::new().await;
    let client = "notify-functional-tests";
    let token = world.token(client, FUNCTIONAL_TESTS_SECRET);
    for route in routes::all() {
        if !matches!(
            route.auth,
            Auth::Internal | Auth::Testing | Auth::InternalV2
        ) {
            continue;
        }
        let method = route.method.as_str();
        let path = filled(route.path, |_| uuid::Uuid::nil().to_string());
        let answer = world.request(method, &path, Some(&token), "").await;
        // This installation has no sink.
        let expected = if path == "/sink" { 404 } else { 401 };
        assert_eq!(answer.status, expected, "{method} {path}");
    }
    for (name, secret, status) in [
        (client, INTERNAL_SECRET, 403),
        (INTERNAL_CLIENT, FUNCTIONAL_TESTS_SECRET, 403),
        (INTERNAL_CLIENT, INTERNAL_SECRET, 404),
    ] {
        let token = world.token(name, secret);
        let answer = world.request("GET", "/sink", Some(&token), "").await;
        assert_eq!(answer.status, status, "{name}");
    }
}

#[tokio::test]
async fn forged_tokens_open_no_route() {
    let world = World::new().await;
    let (ours, theirs) = (world.service("Ours").await, world.service("Theirs").await);
    let archived = world.service("Archived").await;
    app::manage::services::set_mode(&world.app, archived.id, false, false)
        .await
        .unwrap();
    let revoked = app::manage::services::list_keys(&world.app, theirs.id)
        .await
        .unwrap();
    for key in revoked {
        app::manage::services::revoke_key(&world.app, theirs.id, key.id)
            .await
            .unwrap();
    }
    world.advance(Duration::from_secs(3));
    let name = ours.id.to_string();
    let mut of_services = forged(&world, &name, &ours.normal.secret);
    of_services.extend([
        (
            "another service's secret",
            world.token(&name, &theirs.normal.secret),
        ),
        (
            "a revoked key",
            world.token(&theirs.id.to_string(), &theirs.normal.secret),
        ),
        (
            "an archived service",
            world.token(&archived.id.to_string(), &archived.normal.secret),
        ),
        ("the internal secret", world.token(&name, INTERNAL_SECRET)),
        (
            "an internal client",
            world.token(INTERNAL_CLIENT, INTERNAL_SECRET),
        ),
    ]);
    let mut of_internals = forged(&world, INTERNAL_CLIENT, INTERNAL_SECRET);
    of_internals.extend([
        (
            "a service's secret",
            world.token(INTERNAL_CLIENT, &ours.normal.secret),
        ),
        ("a service", world.token(&name, &ours.normal.secret)),
        ("a stranger", world.token("somebody-else", INTERNAL_SECRET)),
    ]);
    for route in routes::all() {
        let tokens = match route.auth {
            Auth::Service => &of_services,
            Auth::Internal | Auth::Testing | Auth::InternalV2 => &of_internals,
            // These take no token.
            Auth::Anyone
            | Auth::ProviderCredentials
            | Auth::UnverifiedReceipt
            | Auth::SignedBody
            | Auth::SignedLink => continue,
        };
        let method = route.method.as_str();
        let path = filled(route.path, |part| {
            if part == "version" {
                "1".to_owned()
            } else {
                name.clone()
            }
        });
        for (what, token) in tokens {
            let answer = world.request(method, &path, Some(token), "{}").await;
            assert!(
                [401, 403].contains(&answer.status.as_u16()),
                "{method} {path} answers {} to {what}: {}",
                answer.status,
                answer.json
            );
        }
    }
}

/// Returns the service's own id for a parameter of a public path.
fn own_id(
    service: &TestService,
    (message, job, suppression): (&str, &str, &str),
    path: &str,
    part: &str,
) -> String {
    match part {
        "version" => "1".to_owned(),
        _ if path.contains("/jobs") => job.to_owned(),
        _ if path.contains("/suppressions") => suppression.to_owned(),
        _ if path.contains("/template") => service.sms.to_string(),
        _ => message.to_owned(),
    }
}

#[tokio::test]
async fn a_service_cannot_read_the_data_of_another() {
    let world = World::new().await;
    let (ours, theirs) = (world.service("Ours").await, world.service("Theirs").await);
    let sent = world.send_sms(&ours, &ours.normal, "07700900123").await;
    let message = sent.json["id"].as_str().unwrap();
    let rows = json!({
        "name": "Bins", "template_id": ours.sms, "scheduled_for": "2026-03-03T09:00:00",
        "rows": [["phone number", "name", "day"], ["07700900123", "Ada", "Friday"]],
    });
    let made = world
        .post(&ours.normal, "/v2/notifications/bulk", &rows)
        .await;
    let job = made.json["id"].as_str().unwrap();
    let recipient = json!({"recipient": "grace@example.com"});
    let suppressed = world
        .post(&ours.normal, "/v2/suppressions", &recipient)
        .await;
    let suppression = suppressed.json["id"].as_str().unwrap();
    let public = routes::all()
        .iter()
        .map(|route| (route.method.as_str(), route.path, route.auth))
        .filter(|(_, path, auth)| *auth == Auth::Service && path.contains('{'))
        // An unknown channel belongs to no service.
        .filter(|(method, path, _)| (*method, *path) != ("POST", "/v2/notifications/{id}"));
    for (method, path, _) in public {
        let asked = filled(path, |part| {
            own_id(&ours, (message, job, suppression), path, part)
        });
        let body = json!({"personalisation": {"name": "Ada", "day": "Friday"}}).to_string();
        let ask = async |service: &TestService, key: &pillarbox_stories::Key| {
            let token = world.token(&service.id.to_string(), &key.secret);
            world
                .request(method, &asked, Some(&token), body.clone())
                .await
        };
        assert_ne!(
            ask(&ours, &ours.normal).await.status,
            404,
            "{method} {asked} is ours"
        );
        for key in [&theirs.normal, &theirs.team, &theirs.test] {
            let answer = ask(&theirs, key).await;
            assert_eq!(
                (answer.status.as_u16(), answer.message()),
                (404, "No result found"),
                "{method} {asked}"
            );
        }
    }

    let listed = world.get(&theirs.normal, "/v2/notifications").await;
    assert_eq!(listed.json["notifications"], json!([]));
    let after_ours = format!("/v2/notifications?older_than={message}");
    let listed = world.get(&theirs.normal, &after_ours).await;
    assert_eq!(listed.json["notifications"], json!([]));
    let borrowed = world.send_sms(&ours, &theirs.normal, "07700900123").await;
    assert_eq!(
        (borrowed.status.as_u16(), borrowed.message()),
        (400, "Template not found")
    );
}

#[tokio::test]
async fn a_path_has_one_spelling() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    for path in [
        "/v2/notifications/",
        "/v2//notifications",
        "//v2/notifications",
        "/V2/notifications",
        "/v2/Notifications",
        "/%762/notifications",
        "/v2/./notifications",
        "/x/../v2/notifications",
        "/v2/notifications;a=b",
        "/service/",
        "/SERVICE",
    ] {
        for authorization in [None, Some(token.as_str())] {
            let answer = world.request("GET", path, authorization, "").await;
            // The empty id is a valid segment and no valid id.
            let refused = [400, 401, 404].contains(&answer.status.as_u16());
            assert!(refused, "{path}: {} {}", answer.status, answer.json);
        }
    }
}
