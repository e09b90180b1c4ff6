//! Files that belong to a template and are sent with every message.

use pillarbox_stories::{TestResponse, World};
use serde_json::json;

use super::{PDF, kept, send, service, template};

#[tokio::test]
async fn files_of_a_template_go_with_every_message_each_under_a_link_of_its_own() {
    let world = World::new().await;
    let mut service = service(&world).await;
    service.email = template(&world, &service, "Read ((Guide.pdf)) and ((plan.txt))").await;
    let files = format!("/service/{}/template/{}/file", service.id, service.email);
    let add = async |query: &str, bytes: &[u8]| {
        let path = format!("{files}?confirm_email=false&{query}");
        world.internal_request("POST", &path, bytes.to_vec()).await
    };
    let guide = add("file_name=Guide.pdf&link_text=the+guide", PDF).await;
    assert_eq!(guide.status, 201, "{}", guide.json);
    let guide = guide.data()["id"].as_str().unwrap().to_owned();
    assert_eq!(add("file_name=plan.txt", b"the plan").await.status, 201);
    assert_eq!(add("file_name=evil.exe", b"MZ").await.status, 400);
    assert_eq!(add("retention_weeks=1", b"abc").await.status, 400);
    let long = add("file_name=a.txt&retention_weeks=79", b"abc").await;
    assert_eq!(long.message(), "a file is kept for 1 to 78 weeks");
    let listed = world.internal_request("GET", &files, "").await;
    assert_eq!(listed.data()[1]["file_name"], "plan.txt");

    let first = send(&world, &service, json!({"guide.PDF": "something else"})).await;
    let second = send(&world, &service, json!({})).await;
    let body = |answer: &TestResponse| answer.json["content"]["body"].as_str().unwrap().to_owned();
    let (guide_part, plan) = {
        let body = body(&first);
        let (guide, plan) = body.split_once(" and ").unwrap();
        (guide.to_owned(), plan.to_owned())
    };
    assert!(
        guide_part.starts_with("Read [the guide](http"),
        "{guide_part}"
    );
    assert_ne!(
        body(&first),
        body(&second),
        "each message has links of its own"
    );
    let link = guide_part
        .trim_start_matches("Read [the guide](")
        .trim_end_matches(')');
    let someone = world.browser();
    assert_eq!(&someone.open(&format!("{link}/file")).await.body[..], PDF);
    assert_eq!(
        &someone.open(&format!("{plan}/file")).await.body[..],
        b"the plan"
    );
    assert_eq!(kept(&world), 4);

    let archive = async |caller: domain::ServiceId| {
        let template = service.email;
        let path = format!("/service/{caller}/template/{template}/file/{guide}/archive");
        world.internal_request("POST", &path, "").await.status
    };
    let theirs = world.service("Theirs").await;
    assert_eq!(archive(theirs.id).await, 404, "another service's file");
    assert_eq!(archive(service.id).await, 200);
    assert_eq!(archive(service.id).await, 404, "twice");
    let without = send(&world, &service, json!({})).await;
    assert_eq!(without.message(), "Missing personalisation: Guide.pdf");
    assert_eq!(someone.open(&format!("{link}/file")).await.status, 200);
    world.run_tasks().await;
}
