use std::io::Write as _;

use domain::CallbackKind;
use pillarbox_stories::World;
use serde_json::{Value, json};
use store::Keyring;

use super::{NOBODY, get, is_unknown, post, refused, service};

const KINDS: &[(&str, CallbackKind)] = &[
    ("delivery-receipt-api", CallbackKind::DeliveryStatus),
    ("inbound-api", CallbackKind::InboundSms),
    ("returned-letter-api", CallbackKind::ReturnedLetter),
    ("complaint-api", CallbackKind::Complaint),
    ("unsubscribe-request-api", CallbackKind::UnsubscribeRequest),
];
const URL: &str = "https://example.org/told";
const TOKEN: &str = "a token of theirs";

fn good() -> Value {
    json!({"url": URL, "bearer_token": "0123456789"})
}

#[tokio::test]
async fn a_service_sets_and_deletes_its_callback() {
    let world = World::new().await;
    let ours = service(&world, "Ours").await;
    for (path, kind) in KINDS {
        let path = format!("/service/{ours}/{path}");
        is_unknown(&get(&world, &path).await);
        let first = post(&world, &path, good()).await;
        assert_eq!(first.status, 201, "{}", first.json);
        assert_eq!(
            (&first.data()["url"], &first.data()["callback_type"]),
            (&json!(URL), &json!(kind))
        );
        assert!(first.data()["bearer_token"].is_null(), "never shown");
        let changed = post(&world, &path, json!({"url": "https://example.org/other"})).await;
        assert_eq!(changed.status, 200);
        assert_eq!(changed.data()["id"], first.data()["id"]);
        assert!(changed.data()["updated_at"].is_string());
        assert_eq!(get(&world, &path).await.data(), changed.data());
        let kept = app::manage::callbacks::find(&world.app, ours, *kind)
            .await
            .unwrap();
        assert_eq!(
            kept.bearer_token.reveal(),
            "0123456789",
            "what is not given stays"
        );

        let gone = world.internal_request("DELETE", &path, "").await;
        assert_eq!(gone.status, 204);
        is_unknown(&world.internal_request("DELETE", &path, "").await);
        is_unknown(&get(&world, &path).await);
    }
}

#[tokio::test]
async fn a_callback_has_an_https_url_and_a_token_of_ten_characters() {
    let world = World::new().await;
    let ours = service(&world, "Ours").await;
    let path = format!("/service/{ours}/inbound-api");
    let missing = "Missing data for required field.";
    let not_https = "is not a valid https url";
    let short = "is too short: it needs at least 10 characters";
    for (body, message) in [
        (
            json!({}),
            json!({"url": [missing], "bearer_token": [missing]}),
        ),
        (json!({"url": URL}), json!({"bearer_token": [missing]})),
        (
            json!({"url": "http://example.org", "bearer_token": "012345678"}),
            json!({"url": [not_https], "bearer_token": [short]}),
        ),
        (
            json!({"url": "https://", "bearer_token": "0123456789"}),
            json!({"url": [not_https]}),
        ),
        (
            json!({"url": "https://169.254.169.254/", "bearer_token": "0123456789"}),
            json!({"url": ["must lead to a public address"]}),
        ),
        (
            json!({"url": URL, "bearer_token": TOKEN}),
            json!({"bearer_token": ["must be at most 1000 letters, digits and signs, without spaces"]}),
        ),
        (
            json!({"url": URL, "bearer_token": "0123456789", "updated_by_id": NOBODY}),
            json!({"updated_by_id": ["There is no such user."]}),
        ),
    ] {
        refused(&world, &path, body, message).await;
    }
    is_unknown(&get(&world, &path).await);
    let nowhere = format!("/service/{NOBODY}/inbound-api");
    is_unknown(&get(&world, &nowhere).await);
    is_unknown(&post(&world, &nowhere, good()).await);
    is_unknown(&world.internal_request("DELETE", &nowhere, "").await);
}

#[tokio::test]
async fn a_callback_set_twice_at_once_is_one_and_belongs_to_its_service() {
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world, "Ours").await,
        service(&world, "Theirs").await,
    );
    let path = format!("/service/{ours}/complaint-api");
    let ask = || post(&world, &path, good());
    let (first, second) = tokio::join!(ask(), ask());
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    assert_eq!(first.data()["id"], second.data()["id"]);
    let other = format!("/service/{theirs}/complaint-api");
    is_unknown(&get(&world, &other).await);
    is_unknown(&world.internal_request("DELETE", &other, "").await);
    assert_eq!(get(&world, &path).await.status, 200);
}

#[tokio::test]
async fn callback_url_and_token_are_sealed_and_reencrypted() {
    let world = World::new().await;
    let ours = service(&world, "Ours").await;
    let path = format!("/service/{ours}/delivery-receipt-api");
    let secret = "d0ntTellAnybody";
    let body = json!({"url": "https://hush.example.org/", "bearer_token": secret});
    assert_eq!(post(&world, &path, body).await.status, 201);
    if world.database_address().starts_with("sqlite") {
        let mut bytes = std::fs::read(world.database_file()).unwrap();
        let wal = world.database_file().with_extension("db-wal");
        bytes.extend(std::fs::read(wal).unwrap_or_default());
        for text in [secret, "hush.example.org"] {
            let found = bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes());
            assert!(!found, "{text} lies open");
        }
    }
    let line = Keyring::new_key_line(2, world.app.random());
    let mut keyring = std::fs::OpenOptions::new()
        .append(true)
        .open(world.keyring())
        .unwrap();
    keyring.write_all(line.as_bytes()).unwrap();
    world.app.store().keyring().reload().unwrap();
    let resealed = app::privacy::reencryption::reencrypt(&world.app)
        .await
        .unwrap();
    assert_eq!(resealed.callbacks, 1);
    assert_eq!(
        app::privacy::reencryption::reencrypt(&world.app)
            .await
            .unwrap()
            .callbacks,
        0
    );
    std::fs::write(world.keyring(), line).unwrap();
    world.app.store().keyring().reload().unwrap();
    let kind = CallbackKind::DeliveryStatus;
    let kept = app::manage::callbacks::find(&world.app, ours, kind)
        .await
        .unwrap();
    assert_eq!(kept.bearer_token.reveal(), secret);
}
