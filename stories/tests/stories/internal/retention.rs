use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{NOBODY, get, id, is_unknown, made, post, refused, service};

#[tokio::test]
async fn a_service_keeps_a_type_of_message_for_days_of_its_own() {
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world, "Ours").await,
        service(&world, "Theirs").await,
    );
    let path = format!("/service/{ours}/data-retention");
    let body = json!({"notification_type": "sms", "days_of_retention": 30});
    let made = made(&world, &path, body.clone()).await;
    assert_eq!(made["updated_at"], Value::Null);
    let one = format!("{path}/{}", id(&made));
    let after = post(&world, &one, json!({"days_of_retention": 90})).await;
    assert_eq!(
        (
            &after.data()["days_of_retention"],
            after.data()["updated_at"].is_string()
        ),
        (&json!(90), true)
    );
    assert_eq!(get(&world, &one).await.data(), after.data());
    assert_eq!(get(&world, &path).await.data(), &json!([after.data()]));
    let there = json!("Service already has data retention for sms notification type");
    refused(&world, &path, body.clone(), there).await;

    let other = format!("/service/{theirs}/data-retention/{}", id(&made));
    is_unknown(&get(&world, &other).await);
    is_unknown(&post(&world, &other, json!({"days_of_retention": 5})).await);
    is_unknown(&get(&world, &format!("{path}/{NOBODY}")).await);
    is_unknown(&get(&world, &format!("/service/{NOBODY}/data-retention")).await);
    is_unknown(&post(&world, &format!("/service/{NOBODY}/data-retention"), body).await);
}

#[tokio::test]
async fn retention_is_between_three_and_ninety_days() {
    let world = World::new().await;
    let ours = service(&world, "Ours").await;
    let path = format!("/service/{ours}/data-retention");
    let made = made(
        &world,
        &path,
        json!({"notification_type": "letter", "days_of_retention": 3}),
    )
    .await;
    let outside = json!({"days_of_retention": ["Must be between 3 and 90."]});
    for days in [0, 2, 91] {
        let body = json!({"notification_type": "email", "days_of_retention": days});
        refused(&world, &path, body.clone(), outside.clone()).await;
        refused(
            &world,
            &format!("{path}/{}", id(&made)),
            body,
            outside.clone(),
        )
        .await;
    }
    let missing = "Missing data for required field.";
    refused(
        &world,
        &path,
        json!({}),
        json!({"notification_type": [missing], "days_of_retention": [missing]}),
    )
    .await;
    let ask = || {
        let body = json!({"notification_type": "email", "days_of_retention": 5});
        post(&world, &path, body)
    };
    let (first, second) = tokio::join!(ask(), ask());
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400], "two at once");
}
