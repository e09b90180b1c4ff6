use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{NOBODY, get, id, is_unknown, made, post, refused, service};

#[tokio::test]
async fn a_key_is_shown_once_and_works_until_it_is_revoked() {
    let world = World::new().await;
    let service = service(&world, "Bins").await;
    let path = format!("/service/{service}/api-key");
    let key = made(&world, &path, json!({"name": "till", "key_type": "normal"})).await;
    let secret = key["key"].as_str().unwrap();
    let secret = &secret[secret.len() - 36..];
    let listed = get(&world, &format!("/service/{service}/api-keys")).await;
    assert_eq!(listed.data()[0]["name"], "till");
    assert!(!listed.json.to_string().contains(secret));
    let ask = async || {
        let token = world.token(&service.to_string(), secret);
        world
            .request("GET", "/v2/notifications", Some(&token), "")
            .await
    };
    assert_eq!(ask().await.status, 200);
    let revoke = format!("{path}/revoke/{}", id(&key));
    assert_eq!(post(&world, &revoke, json!({})).await.status, 202);
    assert_eq!(ask().await.message(), "Invalid token: API key revoked");
    is_unknown(&post(&world, &revoke, json!({})).await);
    let listed = get(&world, &format!("/service/{service}/api-keys")).await;
    assert!(listed.data()[0]["expiry_date"].is_string());
    made(&world, &path, json!({"name": "till", "key_type": "test"})).await;
}

#[tokio::test]
async fn a_key_has_a_name_of_its_own_a_type_and_an_author_who_exists() {
    let world = World::new().await;
    let service = service(&world, "Bins").await;
    let path = format!("/service/{service}/api-key");
    let body = json!({"name": "till", "key_type": "team"});
    let ask = || post(&world, &path, body.clone());
    let (first, second) = tokio::join!(ask(), ask());
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400], "two at once");
    refused(
        &world,
        &path,
        body,
        json!({"name": ["The service has an API key of this name already."]}),
    )
    .await;
    let missing = "Missing data for required field.";
    refused(
        &world,
        &path,
        json!({}),
        json!({"name": [missing], "key_type": [missing]}),
    )
    .await;
    refused(
        &world,
        &path,
        json!({"name": "x", "key_type": "team", "created_by": NOBODY}),
        json!({"created_by": ["There is no such user."]}),
    )
    .await;
    let nowhere = format!("/service/{NOBODY}/api-key");
    is_unknown(&post(&world, &nowhere, json!({"name": "x", "key_type": "team"})).await);
    is_unknown(&get(&world, &format!("/service/{NOBODY}/api-keys")).await);
    let user = made(
        &world,
        "/user",
        json!({"name": "Ada", "email_address": "ada@example.org"}),
    )
    .await;
    let body = json!({"name": "hers", "key_type": "team", "created_by": user["id"]});
    made(&world, &path, body).await;
    let listed = get(&world, &format!("/service/{service}/api-keys")).await;
    let authors: Vec<&Value> = listed
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["created_by"])
        .collect();
    assert!(authors.contains(&&user["id"]));
}
