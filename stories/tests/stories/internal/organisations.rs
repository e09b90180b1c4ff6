use pillarbox_stories::World;
use serde_json::json;

use super::{NOBODY, get, id, is_unknown, made, post, refused, service};

#[tokio::test]
async fn an_organisation_is_made_seen_renamed_and_runs_services() {
    let world = World::new().await;
    let service = service(&world, "Bins").await;
    let made = made(&world, "/organisations", json!({"name": "  Riverside  "})).await;
    assert_eq!(
        (&made["name"], &made["active"]),
        (&json!("Riverside"), &json!(true))
    );
    let path = format!("/organisations/{}", id(&made));
    assert_eq!(get(&world, &path).await.data(), &made);
    assert_eq!(get(&world, "/organisations").await.data(), &json!([made]));

    let after = post(&world, &path, json!({"name": "Riverside Council"})).await;
    assert_eq!(
        (&after.data()["name"], &after.data()["active"]),
        (&json!("Riverside Council"), &json!(true))
    );

    let services = format!("{path}/services");
    assert_eq!(get(&world, &services).await.data(), &json!([]));
    for _ in 0..2 {
        let adopted = post(
            &world,
            &format!("{path}/service"),
            json!({"service_id": service}),
        )
        .await;
        assert_eq!(adopted.status, 204, "twice is harmless");
    }
    let found = get(&world, &services).await;
    assert_eq!(found.data()[0]["id"], json!(service));
    assert_eq!(found.data()[0]["permissions"], json!(["email", "sms"]));
    let shown = get(&world, &format!("/service/{service}")).await;
    assert_eq!(shown.data()["organisation"], made["id"]);
}

#[tokio::test]
async fn an_organisation_has_a_name_of_its_own() {
    let world = World::new().await;
    made(&world, "/organisations", json!({"name": "Riverside"})).await;
    let other = made(&world, "/organisations", json!({"name": "Hillside"})).await;
    let exists = json!({"name": ["Organisation name already exists"]});
    let taken = json!({"name": "Riverside"});
    refused(&world, "/organisations", taken.clone(), exists.clone()).await;
    let path = format!("/organisations/{}", id(&other));
    refused(&world, &path, taken, exists).await;
    refused(
        &world,
        "/organisations",
        json!({}),
        json!({"name": ["Missing data for required field."]}),
    )
    .await;
    refused(
        &world,
        "/organisations",
        json!({"name": " "}),
        json!({"name": ["Cannot be blank."]}),
    )
    .await;
}

#[tokio::test]
async fn concurrent_requests_create_one_organisation_per_name() {
    let world = World::new().await;
    let ask = || post(&world, "/organisations", json!({"name": "Riverside"}));
    let (first, second) = tokio::join!(ask(), ask());
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400]);
}

#[tokio::test]
async fn an_organisation_that_is_not_active_takes_no_service_on() {
    let world = World::new().await;
    let service = service(&world, "Bins").await;
    let organisation = made(&world, "/organisations", json!({"name": "Riverside"})).await;
    let path = format!("/organisations/{}", id(&organisation));
    post(&world, &path, json!({"active": false})).await;
    let why = json!("The organisation is not active: make it active first");
    let body = json!({"service_id": service});
    refused(&world, &format!("{path}/service"), body.clone(), why).await;

    for (path, body) in [
        (format!("/organisations/{NOBODY}/service"), body),
        (format!("{path}/service"), json!({"service_id": NOBODY})),
        (format!("/organisations/{NOBODY}"), json!({"name": "X"})),
    ] {
        is_unknown(&post(&world, &path, body).await);
    }
    is_unknown(&get(&world, &format!("/organisations/{NOBODY}")).await);
    is_unknown(&get(&world, &format!("/organisations/{NOBODY}/services")).await);
    is_unknown(&get(&world, "/organisations/none").await);
}
