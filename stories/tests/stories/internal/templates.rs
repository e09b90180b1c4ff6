use pillarbox_stories::World;
use serde_json::json;

use super::{NOBODY, get, is_unknown, post, refused};

#[tokio::test]
async fn an_edit_makes_a_version_and_the_versions_stay() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!("/service/{}/template/{}", service.id, service.sms);
    let body =
        json!({"template_type": "sms", "name": "Bin day", "content": "Your bin day is ((day))"});
    let after = post(&world, &path, body).await;
    assert_eq!(
        (&after.data()["version"], &after.data()["name"]),
        (&json!(2), &json!("Bin day"))
    );
    let first = get(&world, &format!("{path}/version/1")).await;
    assert_eq!(first.data()["content"], "((name)), your bin day is ((day))");
    let versions = get(&world, &format!("{path}/versions")).await;
    let numbers: Vec<_> = versions
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["version"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [2, 1], "newest first");
    is_unknown(&get(&world, &format!("{path}/version/3")).await);
    is_unknown(&get(&world, &format!("{path}/version/x")).await);

    let other = world.service("Other").await;
    let theirs = format!("/service/{}/template/{}", other.id, service.sms);
    is_unknown(&get(&world, &theirs).await);
    is_unknown(&get(&world, &format!("{theirs}/version/1")).await);
    is_unknown(&get(&world, &format!("{theirs}/versions")).await);
    is_unknown(
        &get(
            &world,
            &format!("/service/{}/template/{NOBODY}", service.id),
        )
        .await,
    );
}

#[tokio::test]
async fn a_template_has_an_author_who_exists_and_every_field_it_needs() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!("/service/{}/template", service.id);
    let missing = "Missing data for required field.";
    refused(
        &world,
        &path,
        json!({}),
        json!({"template_type": [missing], "name": [missing], "content": [missing]}),
    )
    .await;
    let body = json!({"template_type": "sms", "name": "X", "content": "x", "created_by": NOBODY});
    let nobody = json!({"created_by": ["There is no such user."]});
    refused(&world, &path, body.clone(), nobody.clone()).await;
    refused(&world, &format!("{path}/{}", service.sms), body, nobody).await;
    let body = json!({"template_type": "sms", "name": "X", "content": "x"});
    is_unknown(&post(&world, &format!("/service/{NOBODY}/template"), body).await);
}
