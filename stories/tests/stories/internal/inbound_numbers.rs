use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{NOBODY, get, id, is_unknown, made, post, refused, service};

async fn number(world: &World, number: &str) -> Value {
    made(
        world,
        "/inbound-number",
        json!({"number": number, "provider": "mmg"}),
    )
    .await
}

#[tokio::test]
async fn a_number_is_added_given_to_a_service_and_freed() {
    let world = World::new().await;
    let ours = service(&world, "Ours").await;
    let added = number(&world, "+44 7700 900600").await;
    assert_eq!(
        (&added["number"], &added["service_id"], &added["active"]),
        (&json!("07700900600"), &Value::Null, &json!(true))
    );
    let path = format!("/inbound-number/service/{ours}");
    assert_eq!(get(&world, &path).await.data(), &json!({}));
    let assigned = made(&world, &path, json!({"inbound_number_id": added["id"]})).await;
    assert_eq!(assigned["service_id"], json!(ours));
    assert_eq!(get(&world, &path).await.data(), &assigned);
    assert_eq!(
        get(&world, "/inbound-number").await.data(),
        &json!([assigned])
    );

    let senders = get(&world, &format!("/service/{ours}/sms-sender")).await;
    let sender = &senders.data()[1];
    assert_eq!(
        (
            &sender["sms_sender"],
            &sender["inbound_number_id"],
            &sender["is_default"]
        ),
        (&json!("07700900600"), &added["id"], &json!(false))
    );
    let sender = format!("/service/{ours}/sms-sender/{}", id(sender));
    let stays = json!("You cannot delete an inbound number");
    refused(&world, &format!("{sender}/archive"), json!({}), stays).await;
    let same = json!(format!(
        "You can not change the inbound number for service {ours}"
    ));
    refused(&world, &sender, json!({"sms_sender": "BINS"}), same).await;

    post(&world, &sender, json!({"is_default": true})).await;
    let off = format!("{path}/off");
    let first =
        json!("The inbound number is the default SMS sender: make another the default first");
    refused(&world, &off, json!({}), first).await;
    let other = format!("/service/{ours}/sms-sender/{}", id(&senders.data()[0]));
    post(&world, &other, json!({"is_default": true})).await;
    assert_eq!(post(&world, &off, json!({})).await.status, 204);
    is_unknown(&post(&world, &off, json!({})).await);
    assert_eq!(get(&world, &path).await.data(), &json!({}));
    let senders = get(&world, &format!("/service/{ours}/sms-sender")).await;
    assert_eq!(senders.data().as_array().unwrap().len(), 1);
    let again = made(&world, &path, json!({})).await;
    assert_eq!(again["number"], "07700900600", "it was free again");
    assert_eq!(
        post(&world, &off, json!({"archive": true})).await.status,
        204
    );
    let none = post(&world, &path, json!({})).await;
    assert_eq!(
        (none.status.as_u16(), none.message()),
        (409, "No inbound number is free: add one")
    );
}

#[tokio::test]
async fn a_number_belongs_to_one_service_and_a_service_has_one_number() {
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world, "Ours").await,
        service(&world, "Theirs").await,
    );
    let (first, second) = (
        number(&world, "07700900600").await,
        number(&world, "07700900700").await,
    );
    let path = |service| format!("/inbound-number/service/{service}");
    made(
        &world,
        &path(ours),
        json!({"inbound_number_id": first["id"]}),
    )
    .await;
    let taken = post(
        &world,
        &path(theirs),
        json!({"inbound_number_id": first["id"]}),
    )
    .await;
    assert_eq!(
        (taken.status.as_u16(), taken.message()),
        (409, "Inbound number 07700900600 is not free")
    );
    let has = post(
        &world,
        &path(ours),
        json!({"inbound_number_id": second["id"]}),
    )
    .await;
    assert_eq!(
        (has.status.as_u16(), has.message()),
        (
            409,
            "The service has an inbound number already: 07700900600"
        )
    );
    is_unknown(&post(&world, &path(theirs), json!({"inbound_number_id": NOBODY})).await);
    is_unknown(
        &post(
            &world,
            &format!("/inbound-number/service/{NOBODY}"),
            json!({}),
        )
        .await,
    );
    is_unknown(&get(&world, &format!("/inbound-number/service/{NOBODY}")).await);
    let off = format!("{}/off", path(theirs));
    is_unknown(&post(&world, &off, json!({})).await);
}

#[tokio::test]
async fn the_last_inbound_number_goes_to_one_service() {
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world, "Ours").await,
        service(&world, "Theirs").await,
    );
    number(&world, "07700900600").await;
    let for_us = format!("/inbound-number/service/{ours}");
    let for_them = format!("/inbound-number/service/{theirs}");
    let (first, second) = tokio::join!(
        post(&world, &for_us, json!({})),
        post(&world, &for_them, json!({})),
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn an_invalid_number_is_refused() {
    let world = World::new().await;
    number(&world, "07700900600").await;
    number(&world, "60006").await;
    let exists = json!({"number": ["Inbound number already exists."]});
    let body = json!({"number": "447700900600", "provider": "firetext"});
    refused(&world, "/inbound-number", body, exists).await;
    for (body, field) in [
        (json!({"number": "none", "provider": "mmg"}), "number"),
        (
            json!({"number": "07700900601", "provider": " "}),
            "provider",
        ),
        (json!({"provider": "mmg"}), "number"),
    ] {
        let answer = post(&world, "/inbound-number", body).await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.json["message"][field][0].is_string(),
            "{}",
            answer.json
        );
    }
}
