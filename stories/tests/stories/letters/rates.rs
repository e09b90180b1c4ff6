//! Rates of letters and text messages, as operators set them (`docs/spec/letters.md` §11.2).

use pillarbox_stories::World;
use serde_json::{Value, json};

async fn set(world: &World, path: &str, body: &Value) -> u16 {
    let answer = world.internal_request("POST", path, body.to_string()).await;
    answer.status.as_u16()
}

/// Returns the current rate of a letter of one sheet and this class.
async fn current(world: &World, class: &str) -> Value {
    let rates = world.internal_request("GET", "/letter-rates/", "").await;
    let rates = rates.json.as_array().unwrap().clone();
    let found = rates
        .iter()
        .find(|rate| rate["post_class"] == class && rate["sheet_count"] == 1);
    found.map_or(Value::Null, |rate| rate["rate"].clone())
}

#[tokio::test]
async fn a_rate_is_valid_from_its_day_on_and_leaves_the_others() {
    let world = World::new().await;
    let body = json!({
        "post_class": "second", "start_date": "2026-03-10", "rates": ["0.80", "0.85"],
    });
    assert_eq!(set(&world, "/rates/letter", &body).await, 201);
    assert_eq!(current(&world, "second").await, "0.73", "not yet");
    assert_eq!(
        current(&world, "first").await,
        "0.61",
        "the default rates stay"
    );
    world.advance(std::time::Duration::from_hours(8 * 24));
    assert_eq!(current(&world, "second").await, "0.80");
    let listed = world.internal_request("GET", "/rates/letter", "").await;
    let starts: Vec<_> = listed.data().as_array().unwrap().iter().collect();
    assert!(
        starts
            .iter()
            .any(|rate| rate["rate"] == "0.85"
                && rate["start_date"] == "2026-03-10T00:00:00.000000Z")
    );

    let body = json!({"rate": "0.025", "valid_from": "2026-04-01"});
    assert_eq!(set(&world, "/rates/sms", &body).await, 201);
    let listed = world.internal_request("GET", "/rates/sms", "").await;
    assert_eq!(
        listed.data(),
        &json!([{"rate": "0.025", "valid_from": "2026-03-31T23:00:00.000000Z"}])
    );
    for body in [
        json!({"post_class": "second", "start_date": "2026-03-10", "rates": []}),
        json!({"post_class": "second", "start_date": "2026-03-10", "rates": ["-1"]}),
        json!({"post_class": "third", "start_date": "2026-03-10", "rates": ["1"]}),
        json!({"post_class": "second", "start_date": "soon", "rates": ["1"]}),
        json!({"post_class": "second", "start_date": "2026-03-10", "rates": ["1", "1", "1", "1", "1", "1"]}),
    ] {
        assert_eq!(set(&world, "/rates/letter", &body).await, 400, "{body}");
    }
}
