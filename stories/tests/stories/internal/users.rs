use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{NOBODY, get, id, is_unknown, made, post, refused, service};

async fn user(world: &World, name: &str) -> Value {
    let email = format!("{name}@example.org");
    made(
        world,
        "/user",
        json!({"name": name, "email_address": email}),
    )
    .await
}

#[tokio::test]
async fn a_person_is_made_known_found_and_changed() {
    let world = World::new().await;
    let body = json!({"name": "Ada", "email_address": " Ada@Example.ORG", "mobile_number": "07700 900123"});
    let ada = made(&world, "/user", body).await;
    assert_eq!(
        (&ada["email_address"], &ada["state"], &ada["platform_admin"]),
        (&json!("ada@example.org"), &json!("pending"), &json!(false))
    );
    let path = format!("/user/{}", id(&ada));
    assert_eq!(get(&world, &path).await.data(), &ada);
    let found = post(&world, "/user/email", json!({"email": "ADA@example.org"})).await;
    assert_eq!(found.data(), &ada);
    let body =
        json!({"state": "active", "platform_admin": true, "mobile_number": null, "name": "Ada L"});
    let after = post(&world, &path, body).await;
    assert_eq!(
        (
            &after.data()["state"],
            &after.data()["mobile_number"],
            &after.data()["name"]
        ),
        (&json!("active"), &Value::Null, &json!("Ada L"))
    );
    assert_eq!(after.data()["email_address"], "ada@example.org");
    assert_eq!(get(&world, "/user").await.data()[0]["name"], "Ada L");
}

#[tokio::test]
async fn an_address_belongs_to_one_person_in_any_letter_case() {
    let world = World::new().await;
    user(&world, "ada").await;
    let grace = user(&world, "grace").await;
    let taken = json!({"email_address": ["Email address is already in use."]});
    let body = json!({"name": "Other", "email_address": "ADA@EXAMPLE.ORG"});
    refused(&world, "/user", body.clone(), taken.clone()).await;
    refused(&world, &format!("/user/{}", id(&grace)), body, taken).await;
    let ask = || {
        post(
            &world,
            "/user",
            json!({"name": "X", "email_address": "x@example.org"}),
        )
    };
    let (first, second) = tokio::join!(ask(), ask());
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400], "two at once");

    let wrong = json!({"name": "", "email_address": "nowhere"});
    refused(
        &world,
        "/user",
        wrong,
        json!({"name": ["Cannot be blank."]}),
    )
    .await;
    for (body, field) in [
        (
            json!({"name": "X", "email_address": "nowhere"}),
            "email_address",
        ),
        (
            json!({"name": "X", "email_address": "y@example.org", "mobile_number": "12"}),
            "mobile_number",
        ),
        (
            json!({"name": "X", "email_address": "y@example.org", "state": "asleep"}),
            "state",
        ),
    ] {
        let answer = post(&world, "/user", body).await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.json["message"][field][0].is_string(),
            "{}",
            answer.json
        );
    }
    is_unknown(&get(&world, &format!("/user/{NOBODY}")).await);
    is_unknown(&post(&world, &format!("/user/{NOBODY}"), json!({})).await);
    is_unknown(&post(&world, "/user/email", json!({"email": "no@example.org"})).await);
}

#[tokio::test]
async fn a_member_has_the_given_permissions_and_one_member_remains() {
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world, "Ours").await,
        service(&world, "Theirs").await,
    );
    let (ada, grace) = (user(&world, "ada").await, user(&world, "grace").await);
    let member = |user: &Value| format!("/service/{ours}/users/{}", id(user));
    let body = json!({"permissions": ["send_texts", {"permission": "manage_users"}, "send_texts"]});
    let team = made(&world, &member(&ada), body.clone()).await;
    assert_eq!(
        team[0]["permissions"],
        json!(["manage_users", "send_texts"])
    );
    let again = format!("User id: {} already part of service id: {ours}", id(&ada));
    refused(&world, &member(&ada), body.clone(), json!(again)).await;

    let alone = world.internal_request("DELETE", &member(&ada), "").await;
    assert_eq!(
        (alone.status.as_u16(), alone.message()),
        (400, "You cannot remove the only user for a service")
    );
    made(&world, &member(&grace), json!({"permissions": []})).await;
    let path = format!("/user/{}/service/{ours}/permission", id(&ada));
    let set = post(&world, &path, json!({"permissions": ["view_activity"]})).await;
    assert_eq!(set.status, 200);
    let shown = get(&world, &format!("/user/{}", id(&ada))).await;
    assert_eq!(shown.data()["services"], json!([ours]));
    assert_eq!(
        shown.data()["permissions"][ours.to_string()],
        json!(["view_activity"])
    );

    let elsewhere = format!("/user/{}/service/{theirs}/permission", id(&ada));
    is_unknown(&post(&world, &elsewhere, json!({"permissions": []})).await);
    let elsewhere = format!("/service/{theirs}/users/{}", id(&ada));
    is_unknown(&world.internal_request("DELETE", &elsewhere, "").await);
    is_unknown(
        &post(
            &world,
            &format!("/service/{ours}/users/{NOBODY}"),
            body.clone(),
        )
        .await,
    );
    is_unknown(
        &post(
            &world,
            &format!("/service/{NOBODY}/users/{}", id(&ada)),
            body,
        )
        .await,
    );
    is_unknown(&get(&world, &format!("/service/{NOBODY}/users")).await);

    assert_eq!(
        world
            .internal_request("DELETE", &member(&ada), "")
            .await
            .status,
        204
    );
    is_unknown(&world.internal_request("DELETE", &member(&ada), "").await);
    let team = get(&world, &format!("/service/{ours}/users")).await;
    assert_eq!(team.data().as_array().unwrap().len(), 1);
    let shown = get(&world, &format!("/user/{}", id(&ada))).await;
    assert_eq!(
        shown.data()["permissions"],
        json!({}),
        "nothing is left behind"
    );
}

#[tokio::test]
async fn concurrent_removals_leave_one_member() {
    let world = World::new().await;
    let ours = service(&world, "Ours").await;
    let mut paths = Vec::new();
    for name in ["ada", "grace"] {
        let path = format!("/service/{ours}/users/{}", id(&user(&world, name).await));
        made(&world, &path, json!({"permissions": []})).await;
        paths.push(path);
    }
    let (first, second) = tokio::join!(
        world.internal_request("DELETE", &paths[0], ""),
        world.internal_request("DELETE", &paths[1], ""),
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400]);
}

#[tokio::test]
async fn a_team_key_reaches_a_member_where_they_are_now() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let body =
        json!({"name": "Ada", "email_address": "ada@example.org", "mobile_number": "07700900501"});
    let ada = made(&world, "/user", body).await;
    let send = |to| world.send_sms(&service, &service.team, to);
    assert_eq!(send("07700900501").await.status, 400);
    let path = format!("/service/{}/users/{}", service.id, id(&ada));
    made(&world, &path, json!({"permissions": []})).await;
    assert_eq!(send("07700900501").await.status, 201, "at once");
    let moved = json!({"mobile_number": "07700900502"});
    post(&world, &format!("/user/{}", id(&ada)), moved).await;
    assert_eq!(send("07700900501").await.status, 400);
    assert_eq!(send("07700900502").await.status, 201);
    world.run_tasks().await;
}
