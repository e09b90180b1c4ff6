//! What one message may weigh, so that no service fills the disk or the memory of all others with it.

use std::collections::BTreeSet;

use app::manage::services::NewService;
use domain::{Channel, NotificationId, NotificationStatus, Permission, TemplateId};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};

/// Replaces the content of a template of a service.
async fn write(world: &World, service: &TestService, template: TemplateId, channel: Channel) {
    let new = app::manage::templates::NewTemplate {
        template_type: channel,
        name: "Bins".to_owned(),
        subject: (channel == Channel::Email).then(|| "Bins".to_owned()),
        content: "Hello ((name)) ((late??Sorry that we are late.))".to_owned(),
        lane: None,
        created_by: None,
    };
    app::manage::templates::update(&world.app, service.id, template, new)
        .await
        .unwrap();
}

/// Returns the names of the values that are stored of a message.
async fn stored_names(world: &World, service: &TestService, id: &Value) -> Vec<String> {
    let id: NotificationId = id.as_str().unwrap().parse().unwrap();
    let mut session = world.app.store().read().await.unwrap();
    let found = store::notifications::find(&mut session, service.id, id).await;
    let contents = found
        .unwrap()
        .unwrap()
        .open(world.app.store().keyring())
        .unwrap();
    contents.personalisation.reveal().keys().cloned().collect()
}

#[tokio::test]
async fn values_that_the_template_does_not_use_are_not_stored() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let long = "x".repeat(200_000);
    for (path, recipient, to, template) in [
        ("sms", "phone_number", "07700900001", service.sms),
        ("email", "email_address", "ada@example.com", service.email),
    ] {
        let body = json!({
            recipient: to, "template_id": template,
            "personalisation": {"NAME": "Ada", "day": "Friday", "case notes": long, "list": [long]},
        });
        let path = format!("/v2/notifications/{path}");
        let accepted = world.post(&service.normal, &path, &body).await;
        assert_eq!(accepted.status, 201, "{:?}", accepted.json);
        let names = stored_names(&world, &service, &accepted.json["id"]).await;
        assert_eq!(names, ["NAME", "day"]);
        let shown = accepted.json["content"]["body"].as_str().unwrap();
        assert!(shown.contains("Ada"), "{shown}");
    }
    world.run_tasks().await;
}

#[tokio::test]
async fn values_that_are_too_large_are_refused_and_nothing_is_stored() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    write(&world, &service, service.sms, Channel::Sms).await;
    let send = async |characters: usize| {
        let late = "x".repeat(characters);
        let body = json!({
            "phone_number": "07700900001", "template_id": service.sms,
            "personalisation": {"name": "Ada", "late": late},
        });
        let path = "/v2/notifications/sms";
        world.post(&service.normal, path, &body).await
    };
    assert_eq!(send(32_000).await.status, 201);
    let refused = send(33_000).await;
    assert_eq!(refused.status, 400);
    let text = refused.json["errors"][0]["message"].as_str().unwrap();
    assert!(
        text.starts_with(
            "The values in personalisation are too large. They cannot take more than 32768 bytes"
        ),
        "{text}"
    );
    let listed = world.get(&service.normal, "/v2/notifications").await;
    assert_eq!(listed.json["notifications"].as_array().unwrap().len(), 1);
    world.run_tasks().await;
}

#[tokio::test]
async fn a_page_of_large_messages_is_shorter_and_the_next_one_goes_on() {
    const MESSAGES: usize = 12;
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    write(&world, &service, service.email, Channel::Email).await;
    let late = "x".repeat(3 << 18);
    let mut sent = BTreeSet::new();
    for _ in 0..MESSAGES {
        let body = json!({
            "email_address": "ada@example.com", "template_id": service.email,
            "personalisation": {"name": "Ada", "late": late},
        });
        let path = "/v2/notifications/email";
        let accepted = world.post(&service.normal, path, &body).await;
        sent.insert(accepted.json["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(sent.len(), MESSAGES);

    let (mut listed, mut path) = (Vec::new(), "/v2/notifications".to_owned());
    let mut pages = Vec::new();
    loop {
        let page = world.get(&service.normal, &path).await;
        let notifications = page.json["notifications"].as_array().unwrap();
        let ids = notifications.iter().map(|one| one["id"].as_str().unwrap());
        listed.extend(ids.map(str::to_owned));
        pages.push(notifications.len());
        match page.json["links"]["next"].as_str() {
            Some(next) => path = next.replace("http://api.example.org", ""),
            None => break,
        }
    }
    assert_eq!(
        pages,
        [5, 5, 2, 0],
        "four megabytes hold five of three quarters of one"
    );
    assert_eq!(listed.len(), MESSAGES, "none is listed twice");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), sent);

    world.run_tasks().await;
    for id in &sent {
        assert_eq!(world.status_of(&service, id).await, "sending");
    }
}

#[tokio::test]
async fn a_value_that_the_template_multiplies_is_refused_before_it_is_filled_in() {
    let world = World::new().await;
    let permissions = [Permission::Email, Permission::Sms, Permission::Letter];
    let new = NewService {
        permissions: permissions.into(),
        ..NewService::named("Riverside Council")
    };
    let service = world.service_with(new).await;
    let value = "x".repeat(20_000);
    let address = json!({
        "address_line_1": "Ada", "address_line_2": "1 Road", "address_line_3": "SW1A 1AA", "name": value,
    });
    for (channel, mut body) in [
        (Channel::Sms, json!({"phone_number": "07700900001"})),
        (Channel::Email, json!({"email_address": "ada@example.com"})),
        (Channel::Letter, json!({})),
    ] {
        let new = app::manage::templates::NewTemplate {
            template_type: channel,
            name: "Bins".to_owned(),
            subject: (channel != Channel::Sms).then(|| "Bins".to_owned()),
            // A text message's template has at most 918 characters.
            content: format!(
                "Hello {}",
                "((name))".repeat(if channel == Channel::Sms { 110 } else { 300 })
            ),
            lane: None,
            created_by: None,
        };
        let made = app::manage::templates::create(&world.app, service.id, new).await;
        let template = made.unwrap().id;
        let personalisation = match channel {
            Channel::Letter => address.clone(),
            Channel::Email => json!({"name": value}),
            // 110 times as long makes as much as the others.
            Channel::Sms => json!({"name": value.repeat(3)}),
        };
        body["template_id"] = json!(template);
        body["personalisation"] = personalisation.clone();
        let path = format!("/v2/notifications/{channel}");
        let preview = format!("/v2/template/{template}/preview");
        let preview_body = json!({"personalisation": personalisation});
        for refused in [
            world.post(&service.normal, &path, &body).await,
            world.post(&service.normal, &preview, &preview_body).await,
        ] {
            assert_eq!(refused.status, 400, "{channel}: {:?}", refused.json);
            let text = refused.json["errors"][0]["message"].as_str().unwrap();
            assert!(
                text.starts_with("Your message is too long. With its personalisation it has 6"),
                "{channel}: {text}"
            );
        }
    }
}

/// In `((late??…))` a value only decides, so it may be long without being shown.
#[tokio::test]
async fn a_row_with_values_that_no_message_may_have_is_not_sent_and_not_stored() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    write(&world, &service, service.sms, Channel::Sms).await;
    let long = "x".repeat(40_000);
    let file = format!("phone number,name,late\n07700900001,Ada,{long}\n07700900002,Grace,no\n");
    world.job(service.id, service.sms, file).await;
    world.run_tasks().await;
    let texts: Vec<String> = world.sms.accepted().into_iter().map(|one| one.to).collect();
    assert_eq!(texts, ["447700900002"]);
    let filter = store::notifications::Filter {
        include_jobs: true,
        ..store::notifications::Filter::default()
    };
    let mut session = world.app.store().read().await.unwrap();
    let rows = store::notifications::list(&mut session, service.id, &filter, 10).await;
    drop(session);
    let rows = rows.unwrap();
    let refused = rows
        .iter()
        .find(|row| row.job_row_number == Some(0))
        .unwrap();
    assert_eq!(refused.status, NotificationStatus::ValidationFailed);
    assert!(
        stored_names(&world, &service, &json!(refused.id))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn large_messages_are_read_a_few_at_a_time_and_none_is_left_out() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    write(&world, &service, service.email, Channel::Email).await;
    // Five of them are more than a page, which has four megabytes.
    let long = "x".repeat(900_000);
    let mut sent = BTreeSet::new();
    for _ in 0..6 {
        let body = json!({
            "email_address": "ada@example.com", "template_id": service.email,
            "personalisation": {"name": "Ada", "late": long},
        });
        let path = "/v2/notifications/email";
        let accepted = world.post(&service.normal, path, &body).await;
        assert_eq!(accepted.status, 201, "{:?}", accepted.json);
        sent.insert(accepted.json["id"].as_str().unwrap().to_owned());
    }
    let (mut read, mut pages, mut after) = (BTreeSet::new(), 0, None);
    loop {
        let mut session = world.app.store().read().await.unwrap();
        let page = store::notifications::list_sealed(&mut session, after, 500).await;
        let page = page.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        pages += 1;
        read.extend(page.iter().map(|(id, _)| id.to_string()));
    }
    assert_eq!(read, sent);
    assert!(pages > 1);
    world.run_tasks().await;
}
