use app::manage::services::NewService;
use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{NOBODY, get, is_unknown, made, post, refused, service};

#[tokio::test]
async fn a_service_goes_from_trial_to_live_and_may_more() {
    let world = World::new().await;
    let made = made(
        &world,
        "/service",
        json!({"name": "Bins", "restricted": true, "email_message_limit": 50, "limits": {"sms": 60}}),
    )
    .await;
    let path = format!("/service/{}", super::id(&made));
    assert_eq!(
        (
            &made["restricted"],
            &made["limits"]["email"],
            &made["sms_message_limit"]
        ),
        (&json!(true), &json!(50), &json!(60))
    );
    let change = json!({
        "restricted": false, "permissions": ["sms", "letter", "sms"], "email_message_limit": 250_000,
        "rate_limit": 60, "prefix_sms": false, "contact_link": "https://example.org/help", "count_as_live": false,
    });
    let after = post(&world, &path, change.clone()).await;
    assert_eq!(after.status, 200, "{}", after.json);
    let after = after.data().clone();
    for (name, value) in change.as_object().unwrap() {
        if name != "permissions" {
            assert_eq!(after[name], *value, "{name}");
        }
    }
    assert_eq!(after["permissions"], json!(["sms", "letter"]), "a set");
    assert_eq!(after["sms_message_limit"], 60, "what is not given stays");
    let mut found = get(&world, &path).await.data().clone();
    let stored = found.as_object_mut().unwrap().remove("stored_bytes");
    assert_eq!((&found, stored), (&after, Some(json!(0))));
    let nothing = post(&world, &path, json!({"contact_link": null})).await;
    assert_eq!(nothing.data()["contact_link"], Value::Null);
}

#[tokio::test]
async fn changed_limits_count_at_once() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let send = || world.send_sms(&service, &service.normal, "07700900123");
    assert_eq!(send().await.status, 201);
    let path = format!("/service/{}", service.id);
    post(&world, &path, json!({"sms_message_limit": 0})).await;
    let refused = send().await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.message(), "Exceeded send limits (sms: 0) for today");
    post(
        &world,
        &path,
        json!({"sms_message_limit": 5, "permissions": ["email"]}),
    )
    .await;
    assert_eq!(
        send().await.message(),
        "Service is not allowed to send text messages"
    );
    post(&world, &path, json!({"permissions": ["email", "sms"]})).await;
    assert_eq!(send().await.status, 201);
    world.run_tasks().await;
}

#[tokio::test]
async fn no_two_services_have_one_name() {
    let world = World::new().await;
    service(&world, "Bins").await;
    let other = service(&world, "Parks").await;
    let exists = json!({"name": ["Duplicate service name 'Bins'"]});
    refused(&world, "/service", json!({"name": "Bins"}), exists.clone()).await;
    let path = format!("/service/{other}");
    refused(&world, &path, json!({"name": " Bins "}), exists).await;
    let ask = || post(&world, "/service", json!({"name": "Trees"}));
    let (first, second) = tokio::join!(ask(), ask());
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400], "two at once");
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named() {
    let world = World::new().await;
    let id = service(&world, "Bins").await;
    let body = json!({"name": 5, "restricted": "yes", "permissions": ["fly"], "rate_limit": -1});
    let answer = post(&world, &format!("/service/{id}"), body).await;
    assert_eq!(answer.status, 400);
    let fields: Vec<&String> = answer.json["message"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["name", "permissions", "rate_limit", "restricted"]);
    for (body, field) in [
        (json!({"rate_limit": 0}), "rate_limit"),
        (json!({"limits": {"sms": -1}}), "limits"),
        (json!({"organisation": NOBODY}), "organisation"),
        (
            json!({"email_sender_local_part": "Not So"}),
            "email_sender_local_part",
        ),
        (json!({"name": "_archived_x"}), "name"),
    ] {
        let answer = post(&world, &format!("/service/{id}"), body).await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.json["message"][field][0].is_string(),
            "{}",
            answer.json
        );
    }
    for body in ["[]", "{", "5"] {
        let answer = world
            .internal_request("POST", &format!("/service/{id}"), body)
            .await;
        assert_eq!(answer.status, 400, "{body}");
    }
    is_unknown(&post(&world, &format!("/service/{NOBODY}"), json!({})).await);
    is_unknown(&get(&world, &format!("/service/{NOBODY}")).await);
}

#[tokio::test]
async fn the_address_of_its_e_mails_follows_the_name_until_it_is_given() {
    let world = World::new().await;
    let id = service(&world, "Bin Day").await;
    let path = format!("/service/{id}");
    let named = post(&world, &path, json!({"name": "Waste and Bins"})).await;
    assert_eq!(named.data()["email_sender_local_part"], "waste.and.bins");
    post(&world, &path, json!({"email_sender_local_part": "bins"})).await;
    let named = post(&world, &path, json!({"name": "Rubbish"})).await;
    assert_eq!(named.data()["email_sender_local_part"], "bins");
}

#[tokio::test]
async fn a_suspended_service_is_refused_until_it_is_resumed() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!("/service/{}", service.id);
    for _ in 0..2 {
        assert_eq!(
            post(&world, &format!("{path}/suspend"), json!({}))
                .await
                .status,
            204
        );
    }
    let refused = world.get(&service.normal, "/v2/notifications").await;
    assert_eq!(refused.message(), "Invalid token: service is archived");
    assert_eq!(
        post(&world, &format!("{path}/resume"), json!({}))
            .await
            .status,
        204
    );
    let listed = world.get(&service.normal, "/v2/notifications").await;
    assert_eq!(listed.status, 200, "its keys are the same");
    for what in ["archive", "suspend", "resume"] {
        is_unknown(&post(&world, &format!("/service/{NOBODY}/{what}"), json!({})).await);
    }
}

#[tokio::test]
async fn an_archived_service_is_over_and_leaves_its_name_to_another() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!("/service/{}", service.id);
    for _ in 0..2 {
        assert_eq!(
            post(&world, &format!("{path}/archive"), json!({}))
                .await
                .status,
            204
        );
    }
    let shown = get(&world, &path).await;
    assert_eq!(shown.data()["active"], false);
    let name = shown.data()["name"].as_str().unwrap();
    assert!(
        name.starts_with("_archived_2026-03-02_") && name.ends_with("_Riverside Council"),
        "{name}"
    );
    let keys = get(&world, &format!("{path}/api-keys")).await;
    assert!(
        keys.data()
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key["expiry_date"].is_string())
    );
    assert_eq!(
        get(&world, &format!("{path}/template")).await.data(),
        &json!([])
    );
    refused(
        &world,
        &format!("{path}/resume"),
        json!({}),
        json!("An archived service cannot be changed"),
    )
    .await;
    super::service(&world, "Riverside Council").await;
}

#[tokio::test]
async fn a_service_begins_in_its_organisation() {
    let world = World::new().await;
    let organisation = made(&world, "/organisations", json!({"name": "Riverside"})).await;
    let body = json!({"name": "Bins", "organisation": organisation["id"]});
    let made = made(&world, "/service", body).await;
    assert_eq!(made["organisation"], organisation["id"]);
    refused(
        &world,
        "/service",
        json!({"name": "Parks", "organisation": NOBODY}),
        json!({"organisation": ["There is no such organisation."]}),
    )
    .await;
}

#[tokio::test]
async fn concurrent_changes_are_both_applied() {
    let world = World::new().await;
    let id = app::manage::services::create(&world.app, NewService::named("Bins"))
        .await
        .unwrap()
        .id;
    let path = format!("/service/{id}");
    let (first, second) = tokio::join!(
        post(&world, &path, json!({"rate_limit": 77})),
        post(&world, &path, json!({"prefix_sms": false})),
    );
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    let after = get(&world, &path).await;
    assert_eq!(
        (&after.data()["rate_limit"], &after.data()["prefix_sms"]),
        (&json!(77), &json!(false))
    );
}
