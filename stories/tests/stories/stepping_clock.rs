//! The clock of the machine steps back by two hours: no request is rejected, and no work waits until the clock has
//! caught up.

use std::time::Duration;

use pillarbox_stories::World;

const STEP: Duration = Duration::from_hours(2);

#[tokio::test]
async fn a_step_back_refuses_nobody_and_holds_nothing() {
    let world = World::new().await;
    let new = app::manage::services::NewService {
        rate_limit: 60,
        ..app::manage::services::NewService::named("Riverside Council")
    };
    let council = world.service_with(new).await;
    let send = || world.send_sms(&council, &council.normal, "07700900123");
    let mut last = send().await;
    while last.status == 201 {
        last = send().await;
    }
    assert_eq!(last.status, 429, "the rate limit is reached");

    world.clock.step_back(STEP);
    assert!(world.run_tasks().await > 0, "what waited is ready");
    world.advance(Duration::from_secs(5));
    let accepted = send().await;
    assert_eq!(accepted.status, 201, "{}", accepted.text);
    world.run_tasks().await;
    let id = accepted.json["id"].as_str().unwrap();
    assert_eq!(world.status_of(&council, id).await, "sending");
}

#[tokio::test]
async fn a_revoked_key_stays_revoked() {
    let world = World::new().await;
    let council = world.service("Riverside Council").await;
    let path = format!("/service/{}/api-keys", council.id);
    let keys = world.internal_request("GET", &path, "").await;
    for key in keys.json["data"].as_array().unwrap() {
        let id = key["id"].as_str().unwrap();
        let path = format!("/service/{}/api-key/revoke/{id}", council.id);
        let revoked = world.internal_request("POST", &path, "").await;
        assert!(revoked.status.is_success(), "{}", revoked.text);
    }
    world.clock.step_back(STEP);
    let refused = world
        .send_sms(&council, &council.normal, "07700900123")
        .await;
    assert_eq!(refused.status, 403, "{}", refused.text);
}
