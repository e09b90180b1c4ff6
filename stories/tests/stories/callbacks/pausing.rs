use std::time::Duration;

use app::{NoticeTemplate, manage::users::NewUser};
use domain::{CallbackKind, MemberPermission, UserState};
use pillarbox_stories::{Answer, TestService, World};
use serde_json::{Value, json};

use super::{URL, delivered_sms, told_service};

async fn probe(world: &World) {
    let minute = app::upkeep::schedule::start_of_minute(domain::Clock::now(&*world.clock));
    app::upkeep::schedule::fire(&world.app, minute)
        .await
        .unwrap();
    world.run_tasks().await;
}

async fn shown(world: &World, service: &TestService) -> Value {
    let path = format!("/service/{}/delivery-receipt-api", service.id);
    let answer = world.internal_request("GET", &path, "").await;
    answer.data().clone()
}

/// Lets the endpoint refuse callbacks until it is paused, and returns how many attempts that took.
async fn fail_until_paused(world: &World, service: &TestService) -> usize {
    world
        .receiver
        .always_answers(URL, Some(Answer::Status(401, "")));
    for _ in 0..21 {
        delivered_sms(world, service).await;
        world.run_tasks().await;
        assert!(shown(world, service).await["paused_at"].is_null());
    }
    world.advance(Duration::from_hours(1));
    delivered_sms(world, service).await;
    world.run_tasks().await;
    assert!(shown(world, service).await["paused_at"].is_string());
    world.receiver.received(URL).len()
}

#[tokio::test]
async fn an_endpoint_that_fails_for_an_hour_is_paused_and_resumes_by_itself() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    let attempts = fail_until_paused(&world, &service).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(delivered_sms(&world, &service).await);
        world.run_tasks().await;
    }
    assert_eq!(world.receiver.received(URL).len(), attempts, "none is sent");
    // One is let through every ten minutes.
    world.advance(Duration::from_mins(10));
    probe(&world).await;
    assert_eq!(world.receiver.received(URL).len(), attempts + 1);
    world.receiver.always_answers(URL, None);
    world.advance(Duration::from_mins(10));
    probe(&world).await;
    assert!(shown(&world, &service).await["paused_at"].is_null());
    let mut told: Vec<_> = world.receiver.received(URL)[attempts + 1..]
        .iter()
        .map(|one| one.json()["id"].as_str().unwrap().to_owned())
        .collect();
    told.sort();
    held.sort();
    assert_eq!(told, held, "each that was held is told once");
}

#[tokio::test]
async fn a_paused_callback_is_resumed_by_hand_or_by_a_new_url() {
    for by_hand in [true, false] {
        let world = World::new().await;
        let service = told_service(&world, "Riverside Council", URL).await;
        let attempts = fail_until_paused(&world, &service).await;
        let held = delivered_sms(&world, &service).await;
        world.run_tasks().await;
        world.receiver.always_answers(URL, None);
        let path = format!("/service/{}/delivery-receipt-api", service.id);
        if by_hand {
            let resumed = world
                .internal_request("POST", &format!("{path}/resume"), "")
                .await;
            assert_eq!(resumed.status, 204);
        } else {
            let body = json!({"url": URL}).to_string();
            let changed = world.internal_request("POST", &path, body).await;
            assert_eq!(changed.status, 200);
        }
        world.run_tasks().await;
        let told = world.receiver.received(URL).split_off(attempts);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].json()["id"], json!(held));
    }
}

#[tokio::test]
async fn one_success_keeps_an_endpoint_from_being_paused() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    for _ in 0..3 {
        world
            .receiver
            .answers(URL, (0..15).map(|_| Answer::Status(400, "")));
        for _ in 0..16 {
            delivered_sms(&world, &service).await;
            world.run_tasks().await;
        }
        world.advance(Duration::from_mins(50));
    }
    assert!(shown(&world, &service).await["paused_at"].is_null());
    let kind = CallbackKind::DeliveryStatus;
    let found = app::manage::callbacks::find(&world.app, service.id, kind).await;
    assert!(found.unwrap().failing_since.is_none());
}

#[tokio::test]
async fn those_who_can_mend_it_are_told_by_email_that_a_callback_is_paused() {
    let world = World::new().await;
    let platform = world.service("Pillarbox").await;
    let content = "((callback)) to ((service)) fail since ((since))";
    let template = app::manage::templates::NewTemplate {
        template_type: domain::Channel::Email,
        name: "Paused".to_owned(),
        subject: Some("Callbacks of ((service)) are paused".to_owned()),
        content: content.to_owned(),
        lane: None,
        created_by: None,
    };
    let template = app::manage::templates::create(&world.app, platform.id, template)
        .await
        .unwrap()
        .id;
    let process = world.another_process_with(|settings| {
        settings.callback_notice = Some(NoticeTemplate {
            service: platform.id,
            template,
        });
    });
    let service = told_service(&world, "Riverside Council", URL).await;
    for (address, permissions) in [
        (
            "ada@example.gov.uk",
            &[MemberPermission::ManageSettings][..],
        ),
        ("ben@example.gov.uk", &[MemberPermission::ViewActivity][..]),
    ] {
        let user = NewUser {
            name: "A member".to_owned(),
            email_address: address.to_owned(),
            mobile_number: None,
            state: UserState::Active,
            platform_admin: false,
        };
        let user = app::manage::users::create(&world.app, user)
            .await
            .unwrap()
            .id;
        let mut tx = world.app.store().write().await.unwrap();
        store::members::insert(&mut tx, service.id, user)
            .await
            .unwrap();
        let permissions = permissions.iter().copied().collect();
        store::members::set_permissions(&mut tx, service.id, user, &permissions)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    world
        .receiver
        .always_answers(URL, Some(Answer::Status(401, "")));
    for _ in 0..21 {
        delivered_sms(&world, &service).await;
        world.run_tasks().await;
    }
    world.advance(Duration::from_hours(1));
    delivered_sms(&world, &service).await;
    let runner = process.runner(queue::RunnerSettings::default());
    runner.drain(app::tasks::POOLS).await;
    assert!(shown(&world, &service).await["paused_at"].is_string());
    let told = world.email.accepted();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].to, "ada@example.gov.uk");
    assert_eq!(told[0].subject, "Callbacks of Riverside Council are paused");
}
