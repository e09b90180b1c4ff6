use pillarbox_stories::World;
use serde_json::json;

use super::{NOBODY, get, is_unknown, post, service};

#[tokio::test]
async fn a_guest_list_is_replaced_as_a_whole() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!("/service/{}/guest-list", service.id);
    let put = |body: serde_json::Value| world.internal_request("PUT", &path, body.to_string());
    post(&world, &path, json!({"recipient": "old@example.org"})).await;
    let body = json!({"email_addresses": ["ada@example.org", "ada@example.org"], "phone_numbers": ["07700 900123"]});
    for _ in 0..2 {
        assert_eq!(put(body.clone()).await.status, 204, "twice is harmless");
    }
    assert_eq!(
        get(&world, &path).await.data(),
        &json!({"email_addresses": ["ada@example.org"], "phone_numbers": ["07700 900123"]})
    );
    let sent = world
        .send_sms(&service, &service.team, "+447700900123")
        .await;
    assert_eq!(sent.status, 201, "at once");

    let wrong = put(json!({"email_addresses": ["nowhere"], "phone_numbers": ["x"]})).await;
    assert_eq!(
        wrong.json["message"],
        json!({
            "email_addresses": ["\"nowhere\" is not a valid email address or phone number"],
            "phone_numbers": ["\"x\" is not a valid email address or phone number"],
        })
    );
    let missing = put(json!({"email_addresses": []})).await;
    assert_eq!(
        missing.json["message"],
        json!({"phone_numbers": ["Missing data for required field."]})
    );
    let many = vec!["ada@example.org"; 1001];
    let many = put(json!({"email_addresses": many, "phone_numbers": []})).await;
    assert_eq!(
        many.message(),
        "A guest list can have at most 1000 recipients"
    );
    let listed = get(&world, &path).await;
    assert_eq!(
        listed.data()["phone_numbers"],
        json!(["07700 900123"]),
        "nothing changed"
    );
    world.run_tasks().await;
}

#[tokio::test]
async fn a_guest_list_belongs_to_one_service() {
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world, "Ours").await,
        service(&world, "Theirs").await,
    );
    let path = format!("/service/{ours}/guest-list");
    post(&world, &path, json!({"recipient": "ada@example.org"})).await;
    let other = get(&world, &format!("/service/{theirs}/guest-list")).await;
    assert_eq!(
        other.data(),
        &json!({"email_addresses": [], "phone_numbers": []})
    );
    let nobody = post(&world, &path, json!({"recipient": "somebody"})).await;
    assert_eq!(
        nobody.json["message"]["recipient"][0],
        "Not a valid email address or phone number."
    );
    let nowhere = format!("/service/{NOBODY}/guest-list");
    is_unknown(&get(&world, &nowhere).await);
    is_unknown(&post(&world, &nowhere, json!({"recipient": "ada@example.org"})).await);
}
