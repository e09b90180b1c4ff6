//! Accepting messages and showing them.

use std::time::Duration;

use domain::{KeyType, Permission};
use pillarbox_stories::World;
use serde_json::{Value, json};

#[tokio::test]
async fn an_accepted_text_is_answered_kept_and_shown() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let body = json!({
        "phone_number": " +44 (7700) 900-123 ", "template_id": service.sms, "reference": "bins-1",
        "personalisation": {"Name": "Zoë", "d a y": "Friday", "unused": 1},
    });
    let answer = world
        .post(&service.normal, "/v2/notifications/sms", &body)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    let id = answer.json["id"].as_str().unwrap();
    assert_eq!(
        answer.json,
        json!({
            "id": id, "reference": "bins-1", "scheduled_for": null,
            "uri": format!("http://api.example.org/v2/notifications/{id}"),
            "content": {"body": "Zoë, your bin day is Friday", "from_number": "RiversideCo"},
            "template": {
                "id": service.sms, "version": 1,
                "uri": format!("http://api.example.org/services/{}/templates/{}", service.id, service.sms),
            },
        })
    );

    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{id}"))
        .await;
    assert_eq!(shown.status, 200);
    assert_eq!(shown.json["phone_number"], "+44 (7700) 900-123");
    assert_eq!(shown.json["body"], "Zoë, your bin day is Friday");
    assert_eq!(shown.json["status"], "created");
    assert_eq!(shown.json["is_cost_data_ready"], false);
    assert_eq!(
        shown.json.as_object().unwrap().len(),
        26,
        "every key, always"
    );
}

#[tokio::test]
async fn an_accepted_email_is_answered_kept_and_shown() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let body = json!({
        "email_address": "Ada@Example.com", "template_id": service.email,
        "personalisation": {"name": "Ada [x](http://evil.example)", "day": ["Monday", "Tuesday"]},
        "one_click_unsubscribe_url": "https://example.com/leave?x=1",
        "sanitise_content_for": ["NAME"],
    });
    let answer = world
        .post(&service.normal, "/v2/notifications/email", &body)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    assert_eq!(
        answer.json["content"]["from_email"],
        "riverside.council@notify.example.com"
    );
    assert_eq!(
        answer.json["content"]["one_click_unsubscribe_url"],
        "https://example.com/leave?x=1"
    );
    assert_eq!(
        answer.json["sanitised_content"]["name"]["unsanitised"],
        "Ada [x](http://evil.example)"
    );
    assert!(
        !answer.json["content"]["body"]
            .as_str()
            .unwrap()
            .contains("http://evil.example")
    );

    let id = answer.json["id"].as_str().unwrap();
    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{id}"))
        .await;
    assert_eq!(shown.json["email_address"], "Ada@Example.com");
    assert_eq!(shown.json["cost_in_pounds"], 0.0);
    assert!(
        shown.json["subject"]
            .as_str()
            .unwrap()
            .starts_with("Hello Ada")
    );
}

#[tokio::test]
async fn sanitise_content_requires_a_string() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let send = async |names: Value, name: Value| {
        let body = json!({
            "email_address": "ada@example.com", "template_id": service.email, "sanitise_content_for": names,
            "personalisation": {"name": name, "day": "Friday"},
        });
        let path = "/v2/notifications/email";
        world.post(&service.normal, path, &body).await
    };
    let taken = send(json!([null, "day", null]), json!("x")).await;
    assert_eq!(taken.status, 201, "{}", taken.json);
    for (names, name, message) in [
        (
            json!(["day", 5]),
            json!("x"),
            "sanitise_content_for must have nothing but text and null in it",
        ),
        (
            json!(["name"]),
            json!(5),
            "sanitise_content_for names a value that is not text",
        ),
    ] {
        let refused = send(names, name).await;
        assert_eq!((refused.status.as_u16(), refused.message()), (400, message));
        assert_eq!(refused.json["errors"][0]["error"], "ValidationError");
    }
}

#[tokio::test]
async fn another_service_does_not_find_a_message() {
    let world = World::new().await;
    let (ours, theirs) = (world.service("Ours").await, world.service("Theirs").await);
    let id = world
        .send_sms(&ours, &ours.normal, "07700900123")
        .await
        .json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v2/notifications/{id}");
    assert_eq!(world.get(&theirs.normal, &path).await.status, 404);
    assert_eq!(
        world.get(&ours.test, &path).await.status,
        200,
        "any key of the service finds it"
    );
    let listed = world
        .get(
            &theirs.normal,
            &format!("/v2/notifications?older_than={id}"),
        )
        .await;
    assert_eq!(listed.json["notifications"], json!([]));
}

#[tokio::test]
async fn unknown_channels_are_reported_to_authorized_callers_only() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for path in ["/v2/notifications/fax", "/v2/notifications/SMS"] {
        assert_eq!(world.request("POST", path, None, "{}").await.status, 401);
        let answer = world.post(&service.normal, path, &json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["result"]),
            (404, &json!("error"))
        );
    }
}

#[tokio::test]
async fn lists_are_newest_first_and_go_on_where_they_stopped() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for number in 0..260 {
        world
            .send_sms(&service, &service.normal, &format!("0770091{number:04}"))
            .await;
    }
    world.send_sms(&service, &service.test, "07700900999").await;

    let first = world.get(&service.normal, "/v2/notifications").await;
    let page = first.json["notifications"].as_array().unwrap();
    assert_eq!(page.len(), 250);
    assert_eq!(
        page[0]["phone_number"], "07700910259",
        "newest first, and none of another key type"
    );
    let next = first.json["links"]["next"]
        .as_str()
        .unwrap()
        .strip_prefix("http://api.example.org")
        .unwrap();
    let second = world.get(&service.normal, next).await;
    assert_eq!(second.json["notifications"].as_array().unwrap().len(), 10);
    assert_eq!(
        second.json["links"]["current"]
            .as_str()
            .unwrap()
            .strip_prefix("http://api.example.org"),
        Some(next)
    );
    world.run_tasks().await;
}

#[tokio::test]
async fn lists_are_filtered_by_what_is_asked() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world
        .send_sms(&service, &service.normal, "07700900001")
        .await;
    world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    world.run_tasks().await;
    world
        .send_sms(&service, &service.normal, "07700900002")
        .await;
    let count = async |query: &str| {
        let answer = world
            .get(&service.normal, &format!("/v2/notifications?{query}"))
            .await;
        answer.json["notifications"].as_array().map(Vec::len)
    };
    assert_eq!(count("template_type=email").await, Some(1));
    assert_eq!(count("status=created").await, Some(1));
    assert_eq!(
        count("status=accepted").await,
        Some(3),
        "created and sending, whatever the type"
    );
    assert_eq!(count("template_type=sms&status=sending").await, Some(1));
    assert_eq!(count("reference=nope").await, Some(0));
    let wrong = world
        .get(
            &service.normal,
            "/v2/notifications?status=lost&page=2&older_than=x",
        )
        .await;
    let messages: Vec<&str> = wrong.json["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["message"].as_str().unwrap())
        .collect();
    assert_eq!(messages.len(), 3);
    assert!(messages[0].starts_with("status lost is not one of [cancelled, created, sending, "));
    assert_eq!(messages[1], "older_than is not a valid UUID");
    assert_eq!(
        messages[2],
        "Additional properties are not allowed (page was unexpected)"
    );
}

#[tokio::test]
async fn every_error_has_the_text_of_the_contract() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let other = world.service("Other").await;
    let (sms, email) = (service.sms, service.email);
    let values = json!({"name": "Ada", "day": "Friday"});
    let table: Vec<(&str, Value, &str)> = vec![
        (
            "sms",
            json!({"template_id": sms}),
            "phone_number is a required property",
        ),
        (
            "sms",
            json!({"phone_number": "07700", "template_id": sms}),
            "phone_number Not enough digits",
        ),
        (
            "sms",
            json!({"phone_number": 7, "template_id": sms}),
            "phone_number 7 is not of type string",
        ),
        (
            "sms",
            json!({"phone_number": "07700900123", "template_id": "x"}),
            "template_id is not a valid UUID",
        ),
        ("sms", json!(12), "12 is not of type object"),
        (
            "sms",
            json!({"phone_number": "07700900123", "template_id": other.sms}),
            "Template not found",
        ),
        (
            "sms",
            json!({"phone_number": "07700900123", "template_id": email, "personalisation": values}),
            "email template is not suitable for sms notification",
        ),
        (
            "sms",
            json!({"phone_number": "07700900123", "template_id": sms}),
            "Missing personalisation: name, day",
        ),
        (
            "sms",
            json!({"phone_number": "07700900123", "template_id": sms, "personalisation": {"name": {"file": ""}, "day": 1}}),
            "Can only send a file by email",
        ),
        (
            "sms",
            json!({"phone_number": "+1 202-555-0104", "template_id": sms, "personalisation": values}),
            "Cannot send to international mobile numbers",
        ),
        (
            "sms",
            json!({"phone_number": "020 7946 0123", "template_id": sms, "personalisation": values}),
            "Not a UK mobile number",
        ),
        (
            "sms",
            json!({"phone_number": "07700900123", "template_id": sms, "personalisation": {"name": "x".repeat(919), "day": ""}}),
            "Your message is too long. Text messages cannot be longer than 918 characters. \
             Your message is 936 characters long.",
        ),
        (
            "email",
            json!({"email_address": "nope", "template_id": email}),
            "email_address Not a valid email address",
        ),
        (
            "email",
            json!({"email_address": "a@example.com", "template_id": email, "personalisation": {"name": {"file": ""}, "day": 1}}),
            "Send files by email has not been set up - add contact details for your service at",
        ),
    ];
    for (channel, body, expected) in table {
        let answer = world
            .post(
                &service.normal,
                &format!("/v2/notifications/{channel}"),
                &body,
            )
            .await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(
            answer.message().starts_with(expected),
            "{body}: {}",
            answer.json
        );
    }
    let token = world.token(&service.normal.service.to_string(), &service.normal.secret);
    for body in ["", "{", "\u{0}"] {
        let answer = world
            .request("POST", "/v2/notifications/sms", Some(&token), body)
            .await;
        assert_eq!(answer.message(), "Invalid JSON supplied in POST data");
    }
}

#[tokio::test]
async fn a_service_without_the_permission_sends_nothing() {
    let world = World::new().await;
    let new = app::manage::services::NewService {
        permissions: [Permission::Email].into(),
        ..app::manage::services::NewService::named("Only e-mail")
    };
    let service = world.service_with(new).await;
    let answer = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    assert_eq!(
        answer.message(),
        "Service is not allowed to send text messages"
    );
}

#[tokio::test]
async fn a_simulated_recipient_is_answered_and_nothing_is_kept() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for (answer, path) in [
        (
            world
                .send_sms(&service, &service.normal, "+447700 900 111")
                .await,
            "sms",
        ),
        (
            world
                .send_email(
                    &service,
                    &service.normal,
                    "Simulate-Delivered-2@notifications.service.gov.uk",
                )
                .await,
            "email",
        ),
    ] {
        assert_eq!(answer.status, 201, "{path}");
        let id = answer.json["id"].as_str().unwrap();
        assert_eq!(
            world
                .get(&service.normal, &format!("/v2/notifications/{id}"))
                .await
                .status,
            404
        );
    }
    assert_eq!(world.run_tasks().await, 0);
}

#[tokio::test]
async fn a_test_key_reaches_no_provider_and_its_recipient_decides_the_outcome() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let mut ids = Vec::new();
    for (to, outcome) in [
        ("07700900003", "temporary-failure"),
        ("07700900002", "permanent-failure"),
        ("07700900123", "delivered"),
    ] {
        ids.push((
            world.send_sms(&service, &service.test, to).await.json["id"].clone(),
            outcome,
        ));
    }
    for (to, outcome) in [
        ("temp-fail@simulator.notify", "temporary-failure"),
        ("perm-fail@simulator.notify", "permanent-failure"),
        ("ada@example.com", "delivered"),
    ] {
        ids.push((
            world.send_email(&service, &service.test, to).await.json["id"].clone(),
            outcome,
        ));
    }
    world.run_tasks().await;
    let mut session = world.app.store().read().await.unwrap();
    for (at, (id, outcome)) in ids.into_iter().enumerate() {
        let id = id.as_str().unwrap();
        assert_eq!(world.status_of(&service, id).await, outcome);
        // By the path of other receipts, in the words of the provider that was drawn: this one has our own.
        let problem = match (at, outcome) {
            (_, "delivered") => None,
            (0..3, outcome) => Some(format!("status {outcome}")),
            _ => Some("bounce".to_owned()),
        };
        let id = id.parse().unwrap();
        let row = store::notifications::find(&mut session, service.id, id).await;
        assert_eq!(row.unwrap().unwrap().problem, problem);
    }
    drop(session);
    assert!(world.sms.accepted().is_empty() && world.email.accepted().is_empty());
}

#[tokio::test]
async fn a_team_key_and_trial_mode_reach_only_the_team_and_the_guests() {
    let world = World::new().await;
    let new = app::manage::services::NewService {
        restricted: true,
        ..app::manage::services::NewService::named("On trial")
    };
    let service = world.service_with(new).await;
    app::manage::services::add_member(
        &world.app,
        service.id,
        "Dana",
        "Dana@Example.com",
        Some("07700 900555"),
    )
    .await
    .unwrap();
    app::manage::services::add_guest(&world.app, service.id, "+447700900666")
        .await
        .unwrap();

    for (key, refusal) in [
        (
            &service.team,
            "Can’t send to this recipient using a team-only API key",
        ),
        (
            &service.normal,
            "Can’t send to this recipient when service is in trial mode",
        ),
    ] {
        assert_eq!(
            world
                .send_email(&service, key, "dana@example.com")
                .await
                .status,
            201
        );
        assert_eq!(
            world
                .send_sms(&service, key, "+44 7700 900 555")
                .await
                .status,
            201
        );
        assert_eq!(
            world.send_sms(&service, key, "07700900666").await.status,
            201
        );
        let refused = world.send_sms(&service, key, "07700900777").await;
        assert_eq!(refused.status, 400);
        assert!(refused.message().starts_with(refusal), "{}", refused.json);
    }
    assert_eq!(
        world
            .send_sms(&service, &service.test, "07700900777")
            .await
            .status,
        201,
        "a test key can send to any recipient"
    );
}

#[tokio::test]
async fn many_at_once_share_commits_and_none_is_lost() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let sends = (0..200).map(|number| {
        let (world, service) = (&world, &service);
        async move {
            world
                .send_sms(service, &service.normal, &format!("0770091{number:04}"))
                .await
        }
    });
    let answers = futures::future::join_all(sends).await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    world.run_tasks().await;
    let mut reached: Vec<String> = world.sms.accepted().into_iter().map(|sms| sms.to).collect();
    reached.sort();
    reached.dedup();
    assert_eq!(
        (reached.len(), world.sms.accepted().len()),
        (200, 200),
        "each was handed over once"
    );
}

#[tokio::test]
async fn accepted_messages_are_delivered_after_a_restart() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = world
        .send_sms(&service, &service.normal, "07700900123")
        .await
        .json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let world = world.restarted().await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "sending");
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_in_the_process_that_revoked_it() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let keys = app::manage::services::list_keys(&world.app, service.id)
        .await
        .unwrap();
    let normal = keys
        .iter()
        .find(|key| key.key_type == KeyType::Normal)
        .unwrap();
    app::manage::services::revoke_key(&world.app, service.id, normal.id)
        .await
        .unwrap();
    world.advance(Duration::from_secs(1));
    let answer = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    assert_eq!(answer.message(), "Invalid token: API key revoked");
}
