//! Rows that cannot be sent, each with its reason.

use std::time::Duration;

use app::manage::{
    services::{NewService, ServiceChange},
    templates::NewTemplate,
};
use domain::{Channel, Permission};
use pillarbox_stories::{TestService, World};
use serde_json::json;

use super::{count, people};

/// Gives the service's template of a channel another content.
async fn change_template(world: &World, service: &TestService, channel: Channel, content: &str) {
    let (template, subject) = match channel {
        Channel::Email => (service.email, Some("Bins".to_owned())),
        _ => (service.sms, None),
    };
    let new = NewTemplate {
        template_type: channel,
        name: "Changed".into(),
        subject,
        content: content.into(),
        lane: None,
        created_by: None,
    };
    let changed = app::manage::templates::update(&world.app, service.id, template, new).await;
    changed.unwrap();
}

#[tokio::test]
async fn a_row_that_may_no_longer_be_sent_fails_validation() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(4)).await;
    app::manage::services::add_guest(&world.app, service.id, "07700900001")
        .await
        .unwrap();
    app::manage::services::set_mode(&world.app, service.id, true, true)
        .await
        .unwrap();
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "finished");
    assert_eq!(
        (
            count(&status, "validation-failed"),
            count(&status, "sending")
        ),
        (3, 1)
    );
}

#[tokio::test]
async fn a_row_with_a_number_that_is_none_any_more_costs_nothing() {
    let world = World::new().await;
    let mut new = NewService::named("Riverside Council");
    new.permissions.insert(Permission::InternationalSms);
    let service = world.service_with(new).await;
    let file = "phone number,name,day\n+33612345678,Ada,Friday\n";
    world.job(service.id, service.sms, file).await;
    let change = ServiceChange {
        permissions: Some([Permission::Sms].into()),
        ..ServiceChange::default()
    };
    app::manage::services::update(&world.app, service.id, change)
        .await
        .unwrap();
    world.run_tasks().await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let path = "/v2/notifications?include_jobs=true";
    let listed = world.request("GET", path, Some(&token), "").await;
    let id = listed.json["notifications"][0]["id"].as_str().unwrap();
    let mut session = world.app.store().read().await.unwrap();
    let found = store::notifications::find(&mut session, service.id, id.parse().unwrap()).await;
    let row = found.unwrap().unwrap();
    assert_eq!(row.status.as_str(), "validation-failed");
    assert_eq!(
        (
            row.phone_prefix.as_deref(),
            row.rate_multiplier,
            row.billable_units
        ),
        (Some("+44"), Some(0), 0),
        "`docs/spec/workers.md` §4.8"
    );
}

#[tokio::test]
async fn a_row_missing_a_value_of_the_new_template_fails_validation() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let file =
        "phone number,name,day,colour\n07700900123,Ada,Friday,green\n07700900124,Bo,Monday,\n";
    let uploaded = world
        .upload(service.id, service.sms, "people.csv", file)
        .await;
    world.clock.advance(Duration::from_mins(1));
    change_template(
        &world,
        &service,
        Channel::Sms,
        "Put out the ((colour)) bin, ((name))",
    )
    .await;
    let id = uploaded.data()["id"].as_str().unwrap();
    let made = world.create_job(service.id, &json!({"id": id})).await;
    assert_eq!(made.status, 201, "{}", made.json);
    world.run_tasks().await;

    let texts: Vec<String> = world
        .sms
        .accepted()
        .iter()
        .map(|sms| sms.content.clone())
        .collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].ends_with("Put out the green bin, Ada"),
        "{texts:?}"
    );
    let job = world.job_status(service.id, id).await;
    assert_eq!(count(&job, "validation-failed"), 1, "{job}");
    assert_eq!(count(&job, "sending"), 1, "{job}");
}

#[tokio::test]
async fn an_email_row_names_the_value_missing_for_the_new_template() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let file = "email address,name,day\nada@example.org,Ada,Friday\n";
    let uploaded = world
        .upload(service.id, service.email, "people.csv", file)
        .await;
    assert_eq!(uploaded.data()["valid"], true, "{}", uploaded.json);
    world.clock.advance(Duration::from_mins(1));
    change_template(
        &world,
        &service,
        Channel::Email,
        "Put out the ((colour)) bin, ((name))",
    )
    .await;
    let id = uploaded.data()["id"].as_str().unwrap();
    let made = world.create_job(service.id, &json!({"id": id})).await;
    assert_eq!(made.status, 201, "{}", made.json);
    world.run_tasks().await;
    assert_eq!(world.email.accepted().len(), 0);
    let job = world.job_status(service.id, id).await;
    assert_eq!(job["job_status"], "finished", "{job}");
    assert_eq!(count(&job, "validation-failed"), 1, "{job}");
}

#[tokio::test]
async fn a_job_keeps_the_template_version_it_was_created_with() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(2)).await;
    change_template(
        &world,
        &service,
        Channel::Sms,
        "Something else for ((name))",
    )
    .await;
    world.run_tasks().await;
    assert!(
        world
            .sms
            .accepted()
            .iter()
            .all(|sms| sms.content.contains("your bin day is"))
    );
    assert_eq!(
        world.job_status(service.id, &job).await["template_version"],
        1
    );
}
