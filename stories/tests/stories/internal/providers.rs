//! Providers as rows: listed, changed with a reason, with a history (`docs/spec/workers.md` §7.2).

use std::{sync::Arc, time::Duration};

use pillarbox_stories::{FakeSms, TestResponse, World};
use serde_json::{Value, json};

use super::{NOBODY, get, is_unknown, made, post, refused};

async fn provider(world: &World, channel: &str) -> Value {
    let all = get(world, "/provider-details").await;
    let all = all.json["provider_details"].as_array().unwrap().clone();
    let mut all = all.into_iter();
    all.find(|one| one["notification_type"] == channel).unwrap()
}

fn path(provider: &Value) -> String {
    format!("/provider-details/{}", provider["id"].as_str().unwrap())
}

async fn changed(world: &World, provider: &Value, change: Value) -> TestResponse {
    let after = post(world, &path(provider), change).await;
    assert_eq!(after.status, 200, "{}", after.json);
    after
}

#[tokio::test]
async fn providers_of_the_settings_are_listed() {
    let world = World::new().await;
    world.app.prepare_providers().await.unwrap();
    world.app.prepare_providers().await.unwrap();
    let sms = provider(&world, "sms").await;
    assert_eq!(sms["identifier"], "fake-sms");
    assert_eq!(
        (&sms["priority"], &sms["version"]),
        (&json!(100), &json!(1))
    );
    assert_eq!(sms["active"], true);
    assert_eq!(sms["supports_international"], true);
    assert_eq!(sms["updated_at"], Value::Null);
    assert_eq!(provider(&world, "email").await["identifier"], "fake-email");
    assert_eq!(get(&world, &path(&sms)).await.json["provider_details"], sms);
    is_unknown(&get(&world, &format!("/provider-details/{NOBODY}")).await);
    is_unknown(&get(&world, &format!("/provider-details/{NOBODY}/versions")).await);
}

#[tokio::test]
async fn a_change_is_recorded_with_its_author_and_reason() {
    let world = World::new().await;
    world.app.prepare_providers().await.unwrap();
    let user = made(
        &world,
        "/user",
        json!({"name": "Grace", "email_address": "grace@example.com"}),
    )
    .await;
    let sms = provider(&world, "sms").await;
    let change = json!({"priority": 40, "created_by": user["id"], "reason": "contract ends"});
    let after = changed(&world, &sms, change).await;
    let after = &after.json["provider_details"];
    assert_eq!(
        (&after["priority"], &after["version"]),
        (&json!(40), &json!(2))
    );
    assert_eq!(after["created_by"]["name"], "Grace");
    assert_eq!(after["reason"], "contract ends");
    assert!(after["updated_at"].is_string());

    changed(&world, &sms, json!({"active": false})).await;
    let versions = get(&world, &format!("{}/versions", path(&sms))).await;
    let versions = versions.data().as_array().unwrap().clone();
    let shown: Vec<_> = versions
        .iter()
        .map(|one| {
            (
                &one["version"],
                &one["priority"],
                &one["active"],
                &one["created_by_name"],
            )
        })
        .collect();
    let expected = [
        (json!(3), json!(40), json!(false), Value::Null),
        (json!(2), json!(40), json!(true), json!("Grace")),
        (json!(1), json!(100), json!(true), Value::Null),
    ];
    let expected: Vec<_> = expected.iter().map(|(a, b, c, d)| (a, b, c, d)).collect();
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn an_invalid_change_is_refused() {
    let world = World::new().await;
    world.app.prepare_providers().await.unwrap();
    let sms = provider(&world, "sms").await;
    let path = path(&sms);
    for (change, message) in [
        (
            json!({"priority": 101}),
            json!({"priority": ["Must be between 0 and 100."]}),
        ),
        (
            json!({"identifier": "x"}),
            json!({"identifier": ["Not permitted to be updated"]}),
        ),
        (
            json!({"reason": "a\nb"}),
            json!({"reason": ["Cannot hold control characters."]}),
        ),
    ] {
        refused(&world, &path, change, message).await;
    }
    is_unknown(&post(&world, &path, json!({"created_by": NOBODY})).await);
    is_unknown(&post(&world, &format!("/provider-details/{NOBODY}"), json!({})).await);
    assert_eq!(provider(&world, "sms").await["version"], 1);
}

#[tokio::test]
async fn an_inactive_provider_gets_nothing_and_its_messages_wait() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.app.prepare_providers().await.unwrap();
    let sms = provider(&world, "sms").await;
    changed(&world, &sms, json!({"active": false, "reason": "outage"})).await;
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let id = sent.json["id"].as_str().unwrap().to_owned();
    world.run_tasks().await;
    assert!(world.sms.accepted().is_empty());
    assert_eq!(world.status_of(&service, &id).await, "created");

    changed(
        &world,
        &sms,
        json!({"active": true, "reason": "it is back"}),
    )
    .await;
    world.advance(Duration::from_secs(301));
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 1);
    assert_eq!(world.status_of(&service, &id).await, "sending");
}

#[tokio::test]
async fn other_processes_follow_a_change_within_two_seconds() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let other = world.another_process();
    let runner = other.runner(queue::RunnerSettings::default());
    world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    runner.drain(app::tasks::POOLS).await;
    assert_eq!(world.sms.accepted().len(), 1, "it has read the rows");
    changed(
        &world,
        &provider(&world, "sms").await,
        json!({"active": false}),
    )
    .await;
    world.advance(Duration::from_secs(2));
    world
        .send_sms(&service, &service.normal, "07700900124")
        .await;
    runner.drain(app::tasks::POOLS).await;
    assert_eq!(world.sms.accepted().len(), 1);

    changed(
        &world,
        &provider(&world, "sms").await,
        json!({"active": true}),
    )
    .await;
    world.advance(Duration::from_secs(301));
    runner.drain(app::tasks::POOLS).await;
    assert_eq!(world.sms.accepted().len(), 2);
}

#[tokio::test]
async fn an_operators_share_outlives_a_restart_until_the_settings_change() {
    let world = World::new().await;
    world.app.prepare_providers().await.unwrap();
    let sms = provider(&world, "sms").await;
    changed(&world, &sms, json!({"priority": 30})).await;
    world.another_process().prepare_providers().await.unwrap();
    assert_eq!(provider(&world, "sms").await["priority"], 30);

    let changed_settings = world.process_with(|providers| providers.sms[0].priority = 70);
    changed_settings.prepare_providers().await.unwrap();
    let after = provider(&world, "sms").await;
    assert_eq!(
        (
            &after["priority"],
            &after["resting_priority"],
            &after["version"]
        ),
        (&json!(70), &json!(70), &json!(3))
    );
    assert_eq!(after["reason"], "changed in the settings");
}

#[tokio::test]
async fn a_provider_that_the_settings_name_no_more_is_marked() {
    let world = World::new().await;
    let former = world.process_with(|providers| {
        let provider = Arc::new(FakeSms::named("former"));
        providers.sms.push(app::Weighted::new(provider, 50));
    });
    former.prepare_providers().await.unwrap();
    world.app.prepare_providers().await.unwrap();
    let all = get(&world, "/provider-details").await;
    let all = all.json["provider_details"].as_array().unwrap().clone();
    assert!(all.len() > 2);
    for one in &all {
        let is_removed = one["identifier"] == "former";
        assert_eq!(one["removed"], is_removed, "{one}");
        let one = get(&world, &path(one)).await;
        assert_eq!(one.json["provider_details"]["removed"], is_removed);
    }
}

#[tokio::test]
async fn processes_that_start_at_once_insert_each_provider_once() {
    let world = World::new().await;
    let processes: Vec<_> = (0..4).map(|_| world.another_process()).collect();
    let prepared = processes.iter().map(app::App::prepare_providers);
    futures::future::try_join_all(prepared).await.unwrap();
    let all = get(&world, "/provider-details").await;
    assert_eq!(all.json["provider_details"].as_array().unwrap().len(), 3);
    let sms = provider(&world, "sms").await;
    let versions = get(&world, &format!("{}/versions", path(&sms))).await;
    assert_eq!(versions.data().as_array().unwrap().len(), 1);
}
