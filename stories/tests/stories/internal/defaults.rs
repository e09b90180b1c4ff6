//! The rule for defaults of text message senders, reply-to addresses and contact blocks: exactly one is the default.

use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{NOBODY, get, id, is_unknown, made, post, refused, service};

/// A list: its path, its field, three values, and its errors about the default.
struct List {
    path: &'static str,
    field: &'static str,
    values: [&'static str; 3],
    needs: &'static str,
    stays: &'static str,
}

const LISTS: &[List] = &[
    List {
        path: "sms-sender",
        field: "sms_sender",
        values: ["BINS", "PARKS", "07700900123"],
        needs: "You must have at least one SMS sender as the default.",
        stays: "You cannot delete a default sms sender",
    },
    List {
        path: "email-reply-to",
        field: "email_address",
        values: ["bins@example.org", "parks@example.org", "Trees@example.org"],
        needs: "You must have at least one reply to address as the default.",
        stays: "You cannot delete a default email reply to address",
    },
    List {
        path: "letter-contact",
        field: "contact_block",
        values: ["Bins\n1 High Street", "Parks\n((street))", "Trees"],
        needs: "You must have at least one letter contact as the default.",
        stays: "You cannot delete a default letter contact",
    },
];

async fn defaults(world: &World, path: &str) -> Vec<String> {
    let listed = get(world, path).await;
    listed
        .data()
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["is_default"] == true)
        .map(|one| id(one).to_owned())
        .collect()
}

#[tokio::test]
async fn the_first_entry_is_the_default_until_another_is_set() {
    let world = World::new().await;
    for list in LISTS {
        let service = service(&world, list.path).await;
        let path = format!("/service/{service}/{}", list.path);
        let before = defaults(&world, &path).await;
        let new =
            |value: &str, is_default: Value| json!({list.field: value, "is_default": is_default});
        let first = if let Some(first) = before.first() {
            get(&world, &format!("{path}/{first}")).await.data().clone()
        } else {
            // Only the text message sender is created with its service.
            let body = new(list.values[0], json!(false));
            refused(&world, &path, body, json!(list.needs)).await;
            made(&world, &path, json!({list.field: list.values[0]})).await
        };
        assert_eq!(first["is_default"], true, "{}", list.path);
        let second = made(&world, &path, new(list.values[1], json!(false))).await;
        let third = made(&world, &path, new(list.values[2], json!(true))).await;
        assert_eq!(defaults(&world, &path).await, [id(&third)]);

        let change = post(
            &world,
            &format!("{path}/{}", id(&second)),
            json!({"is_default": true}),
        )
        .await;
        assert_eq!(
            change.data()[list.field],
            list.values[1],
            "what is not given stays"
        );
        assert_eq!(defaults(&world, &path).await, [id(&second)]);
        let unset = json!({"is_default": false});
        refused(
            &world,
            &format!("{path}/{}", id(&second)),
            unset,
            json!(list.needs),
        )
        .await;
        let archive = format!("{path}/{}/archive", id(&second));
        refused(&world, &archive, json!({}), json!(list.stays)).await;

        let archived = post(&world, &format!("{path}/{}/archive", id(&third)), json!({})).await;
        assert_eq!(archived.data()["archived"], true, "{}", archived.json);
        let gone = format!("{path}/{}", id(&third));
        is_unknown(&get(&world, &gone).await);
        is_unknown(&post(&world, &gone, json!({"is_default": true})).await);
        is_unknown(&post(&world, &format!("{gone}/archive"), json!({})).await);
        assert_eq!(defaults(&world, &path).await, [id(&second)]);
    }
}

#[tokio::test]
async fn nothing_of_one_service_is_changed_under_another() {
    let world = World::new().await;
    for list in LISTS {
        let ours = service(&world, &format!("Our {}", list.path)).await;
        let theirs = service(&world, &format!("Their {}", list.path)).await;
        let body = json!({list.field: list.values[0], "is_default": true});
        let one = made(
            &world,
            &format!("/service/{ours}/{}", list.path),
            body.clone(),
        )
        .await;
        let path = format!("/service/{theirs}/{}/{}", list.path, id(&one));
        is_unknown(&get(&world, &path).await);
        is_unknown(&post(&world, &path, body.clone()).await);
        is_unknown(&post(&world, &format!("{path}/archive"), json!({})).await);
        for unknown in [NOBODY, "none"] {
            let path = format!("/service/{ours}/{}/{unknown}", list.path);
            is_unknown(&get(&world, &path).await);
        }
        is_unknown(&get(&world, &format!("/service/{NOBODY}/{}", list.path)).await);
        is_unknown(&post(&world, &format!("/service/{NOBODY}/{}", list.path), body).await);
    }
}

#[tokio::test]
async fn concurrent_changes_leave_one_default() {
    let world = World::new().await;
    for list in LISTS {
        let service = service(&world, list.path).await;
        let path = format!("/service/{service}/{}", list.path);
        let new = |value: &str| {
            post(
                &world,
                &path,
                json!({list.field: value, "is_default": true}),
            )
        };
        let (first, second, third) = tokio::join!(
            new(list.values[0]),
            new(list.values[1]),
            new(list.values[2])
        );
        let all = [first, second, third];
        assert!(all.iter().all(|one| one.status == 201), "{}", list.path);
        assert_eq!(defaults(&world, &path).await.len(), 1, "{}", list.path);

        let paths: Vec<String> = all
            .iter()
            .map(|one| format!("{path}/{}", id(one.data())))
            .collect();
        let default = json!({"is_default": true});
        let archive = format!("{}/archive", paths[0]);
        let (first, second, third) = tokio::join!(
            post(&world, &paths[0], default.clone()),
            post(&world, &paths[1], default.clone()),
            post(&world, &archive, json!({})),
        );
        assert_eq!(second.status, 200, "{}", second.json);
        assert!(first.status == 200 || first.status == 404, "{}", first.json);
        assert!(third.status == 200 || third.status == 400, "{}", third.json);
        assert_eq!(defaults(&world, &path).await.len(), 1, "{}", list.path);
    }
}

#[tokio::test]
async fn an_invalid_sender_is_refused() {
    let world = World::new().await;
    let service = service(&world, "Bins").await;
    for (path, body, field) in [
        ("sms-sender", json!({"sms_sender": ""}), "sms_sender"),
        (
            "sms-sender",
            json!({"sms_sender": "TWELVE CHARS"}),
            "sms_sender",
        ),
        ("sms-sender", json!({"sms_sender": "BÏNS"}), "sms_sender"),
        ("sms-sender", json!({"sms_sender": 7}), "sms_sender"),
        ("sms-sender", json!({}), "sms_sender"),
        (
            "sms-sender",
            json!({"sms_sender": "X", "is_default": "yes"}),
            "is_default",
        ),
        (
            "email-reply-to",
            json!({"email_address": "nowhere"}),
            "email_address",
        ),
        (
            "letter-contact",
            json!({"contact_block": " \n"}),
            "contact_block",
        ),
        (
            "letter-contact",
            json!({"contact_block": "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11"}),
            "contact_block",
        ),
    ] {
        let answer = post(&world, &format!("/service/{service}/{path}"), body.clone()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(
            answer.json["message"][field][0].is_string(),
            "{}",
            answer.json
        );
    }
}

#[tokio::test]
async fn a_reply_to_address_is_used_once_in_a_service() {
    let world = World::new().await;
    let service = service(&world, "Bins").await;
    let path = format!("/service/{service}/email-reply-to");
    made(&world, &path, json!({"email_address": "bins@example.org"})).await;
    let other = made(&world, &path, json!({"email_address": "parks@example.org"})).await;
    let body = json!({"email_address": "BINS@example.org"});
    for path in [path.clone(), format!("{path}/{}", id(&other))] {
        let answer = post(&world, &path, body.clone()).await;
        assert_eq!(answer.status, 409);
        assert_eq!(
            answer.message(),
            "Your service already uses ‘BINS@example.org’ as an email reply-to address."
        );
    }
    let same = post(
        &world,
        &format!("{path}/{}", id(&other)),
        json!({"email_address": "Parks@example.org"}),
    )
    .await;
    assert_eq!(same.data()["email_address"], "Parks@example.org");
}

#[tokio::test]
async fn the_next_message_comes_from_the_new_default() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!("/service/{}/sms-sender", service.id);
    made(
        &world,
        &path,
        json!({"sms_sender": "BINS", "is_default": true}),
    )
    .await;
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    assert_eq!(sent.json["content"]["from_number"], "BINS");
    world.run_tasks().await;
}

#[tokio::test]
async fn a_contact_block_that_no_font_can_print_is_refused() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let path = format!("/service/{service}/letter-contact");
    refused(
        &world,
        &path,
        json!({"contact_block": "Bins ☎ 🗑"}),
        json!({"contact_block": ["Has characters that cannot be printed: 🗑 (U+1F5D1)."]}),
    )
    .await;
    made(
        &world,
        &path,
        json!({"contact_block": "Bins ☎ 01632 960001"}),
    )
    .await;
}
