//! Templates as services see them, and previews.

use app::manage::{
    services::NewService,
    templates::{NewTemplate, TemplateError, create},
};
use domain::{Channel, Permission, ServiceId, TemplateId};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};

async fn write(world: &World, service: &TestService, template: TemplateId, content: &str) {
    let new = app::manage::templates::NewTemplate {
        template_type: Channel::Sms,
        name: "Bins".to_owned(),
        subject: None,
        content: content.to_owned(),
        lane: None,
        created_by: None,
    };
    app::manage::templates::update(&world.app, service.id, template, new)
        .await
        .unwrap();
}

#[tokio::test]
async fn every_version_of_a_template_is_shown_to_its_service_and_to_no_other() {
    let world = World::new().await;
    let (ours, theirs) = (world.service("Ours").await, world.service("Theirs").await);
    write(&world, &ours, ours.sms, "((name)): ((day))").await;
    let path = format!("/v2/template/{}", ours.sms);
    let current = world.get(&ours.test, &path).await;
    assert_eq!(
        (&current.json["version"], &current.json["body"]),
        (&json!(2), &json!("((name)): ((day))"))
    );
    assert_ne!(current.json["updated_at"], Value::Null);
    let first = world.get(&ours.normal, &format!("{path}/version/1")).await;
    assert_eq!(first.json["updated_at"], Value::Null);
    assert_eq!(first.json["created_at"], current.json["created_at"]);
    assert_eq!(first.json["name"], "A sms");

    for (version, status) in [
        ("0", 200),
        ("002", 200),
        ("3", 404),
        ("99999999999999999999", 404),
    ] {
        let asked = world
            .get(&ours.normal, &format!("{path}/version/{version}"))
            .await;
        assert_eq!(asked.status, status, "{version}");
        if status == 404 {
            assert_eq!(asked.message(), "No result found");
        }
    }
    for version in ["x", "-1", "1.0"] {
        let asked = world
            .request("GET", &format!("{path}/version/{version}"), None, "")
            .await;
        assert_eq!(
            (asked.status.as_u16(), &asked.json["result"]),
            (404, &json!("error")),
            "{version} is no route, with any token"
        );
    }
    for path in [
        path.clone(),
        format!("{path}/version/1"),
        format!("{path}/version/0"),
    ] {
        assert_eq!(world.get(&theirs.normal, &path).await.status, 404, "{path}");
    }
    let preview = world
        .post(&theirs.normal, &format!("{path}/preview"), &json!({}))
        .await;
    assert_eq!(preview.status, 404);
}

#[tokio::test]
async fn an_archived_template_is_shown_and_previewed_but_not_listed() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    app::manage::templates::archive(&world.app, service.id, service.sms)
        .await
        .unwrap();
    let path = format!("/v2/template/{}", service.sms);
    assert_eq!(world.get(&service.normal, &path).await.status, 200);
    let values =
        json!({"personalisation": {"name": "Ada", "day": ["Monday", "Friday"]}, "id": 5, "x": 1});
    let preview = world
        .post(&service.normal, &format!("{path}/preview"), &values)
        .await;
    assert_eq!(
        preview.json["body"],
        "Ada, your bin day is Monday and Friday"
    );
    let ids = async |query: &str| -> Vec<Value> {
        let listed = world
            .get(&service.normal, &format!("/v2/templates{query}"))
            .await;
        let templates = listed.json["templates"].as_array().unwrap();
        templates.iter().map(|one| one["id"].clone()).collect()
    };
    assert_eq!(ids("").await, [json!(service.email)]);
    assert_eq!(ids("?type=email&type=fax").await, [json!(service.email)]);
    assert!(ids("?type=sms").await.is_empty());
    let wrong = world
        .get(&service.normal, "/v2/templates?type=it%27s&b=1&a=2")
        .await;
    let messages: Vec<&Value> = wrong.json["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["message"])
        .collect();
    assert_eq!(
        messages,
        [
            "type \"its\" is not one of [sms, email, letter]",
            "Additional properties are not allowed (a, b were unexpected)"
        ]
    );
}

#[tokio::test]
async fn a_preview_says_what_is_wrong_in_the_words_of_the_contract() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let path = format!("/v2/template/{}/preview", service.email);
    for (path, body, status, message) in [
        (path.as_str(), "[1]", 400, "[1] is not of type object"),
        (path.as_str(), "\"x\"", 400, "x is not of type object"),
        (
            path.as_str(),
            "{",
            400,
            "Invalid JSON supplied in POST data",
        ),
        (
            path.as_str(),
            "[]",
            400,
            "Missing personalisation: name, day",
        ),
        (
            "/v2/template/1234/preview",
            "{}",
            400,
            "id is not a valid UUID",
        ),
    ] {
        let answer = world.request("POST", path, Some(&token), body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.message()),
            (status, message),
            "{body}"
        );
    }
    let values = json!({"personalisation": {"name": "<b>Ada</b>", "day": {"file": "x"}}});
    let preview = world.post(&service.normal, &path, &values).await;
    assert_eq!(preview.json["subject"], "Hello <b>Ada</b>");
    assert_eq!(
        preview.json["body"],
        "Dear <b>Ada</b>\n\nYour bin day is {'file': 'x'}."
    );
    let html = preview.json["html"].as_str().unwrap();
    assert!(
        html.starts_with("<p style=") && html.contains("Dear &lt;b&gt;Ada"),
        "{html}"
    );
}

async fn save(
    world: &World,
    service: ServiceId,
    template_type: Channel,
    content: &str,
) -> Result<TemplateId, String> {
    let new = NewTemplate {
        template_type,
        name: "Saved".to_owned(),
        subject: (template_type != Channel::Sms).then(|| "Bins".to_owned()),
        content: content.to_owned(),
        lane: None,
        created_by: None,
    };
    let created = create(&world.app, service, new).await;
    created
        .map(|template| template.id)
        .map_err(|error: TemplateError| error.to_string())
}

#[tokio::test]
async fn a_template_that_recipients_could_not_read_is_not_saved() {
    let world = World::new().await;
    let plain = world.service("Plain").await.id;
    let mut unicode = NewService::named("Unicode");
    unicode.permissions.insert(Permission::UnicodeSms);
    let unicode = world.service_with(unicode).await.id;
    let table = "| Day | Bin |\n|---|---|\n| Mon | Green |";
    for (service, channel, content, error) in [
        (plain, Channel::Sms, "Hi 😀", Some("😀 (U+1F600)")),
        (plain, Channel::Sms, "((a??привет))", Some("(U+043F)")),
        (unicode, Channel::Sms, "Hi 😀 привет", None),
        (plain, Channel::Sms, "Zoe\u{308} “ŵ” €", None),
        (plain, Channel::Sms, &"x".repeat(918), None),
        (plain, Channel::Sms, &"x".repeat(919), Some("at most 918")),
        (plain, Channel::Email, table, Some("an empty e-mail")),
        (plain, Channel::Email, &format!("Dear\n\n{table}"), None),
        (plain, Channel::Letter, "Dear ไทย", Some("ไ (U+0E44)")),
        (plain, Channel::Letter, "Dear שלום, مرحبا, नमस्ते, 您好", None),
        (plain, Channel::Letter, "qr: https://example.org/ไ", None),
    ] {
        let saved = save(&world, service, channel, content).await;
        match (saved, error) {
            (Ok(_), None) => {}
            (Err(found), Some(error)) if found.contains(error) => {}
            (saved, error) => panic!("{content}: {saved:?}, expected {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_table_is_warned_about_and_an_email_of_nothing_else_is_refused() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = save(&world, service.id, Channel::Email, "((first\u{a0}name))")
        .await
        .unwrap();
    let preview = async |value: &str| {
        let body = json!({"personalisation": {"first name": value}});
        let path = format!("/v2/template/{id}/preview");
        world.post(&service.normal, &path, &body).await
    };
    let table = "| Day | Bin |\n|---|---|\n| Mon | Green |";
    let warned = preview(table).await;
    assert_eq!(warned.json["warnings"].as_array().map(Vec::len), Some(1));
    assert_eq!(preview("Ada").await.json["warnings"], Value::Null);

    let send = async |value: &str| {
        let body = json!({
            "email_address": "ada@example.org",
            "template_id": id,
            "personalisation": {"first name": value},
        });
        world
            .post(&service.normal, "/v2/notifications/email", &body)
            .await
    };
    let refused = send(table).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (400, "Your message is empty.")
    );
    assert_eq!(send("Ada").await.status, 201);
}
