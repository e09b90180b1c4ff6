//! E-mail through a server that behaves as Amazon SES: the one at `PILLARBOX_TEST_AWS` (a URL), which keeps what it was sent.
//! Test runs without such a server report the story as ignored.

use std::sync::Arc;

use pillarbox_stories::World;
use providers::email::ses::{Ses, SesSettings};
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "needs moto: make test-distributed"]
async fn an_email_reaches_amazon_ses_with_its_reference() {
    let server = std::env::var("PILLARBOX_TEST_AWS").expect("the address of a server");
    let settings: SesSettings = serde_json::from_value(json!({
        "region": "eu-west-2", "endpoint": server,
        "credentials": {"access_key_id": "test", "secret_access_key": "test"},
    }))
    .unwrap();
    let world = World::with_email_provider(Arc::new(Ses::new(settings).unwrap())).await;
    let service = world.service("Riverside Council").await;
    let sent = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    world.run_tasks().await;
    let id = sent.json["id"].as_str().unwrap();
    assert_eq!(world.status_of(&service, id).await, "delivered");

    let kept = reqwest::get(format!("{server}/moto-api/data.json"))
        .await
        .unwrap();
    let kept: Value = serde_json::from_slice(&kept.bytes().await.unwrap()).unwrap();
    let messages = kept["ses"]["RawMessage"].as_array().unwrap();
    let reference = format!("X-Pillarbox-Id: {id}\r\n");
    let is_ours = |message: &&Value| message["raw_data"].as_str().unwrap().contains(&reference);
    let ours: Vec<_> = messages.iter().filter(is_ours).collect();
    assert_eq!(ours.len(), 1, "{messages:?}");
    assert!(
        ours[0]["destinations"]
            .to_string()
            .contains("ada@example.com")
    );
}
