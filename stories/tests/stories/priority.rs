//! Messages of a priority template overtake those that wait.

use domain::TemplateId;
use pillarbox_stories::{TestService, World};
use serde_json::json;

const TEXTS: queue::Pool = queue::Pool {
    name: "send-sms-tasks",
    workers: 1,
};

/// Sets the lane of a template through the internal API.
async fn mark(world: &World, service: &TestService, template: TemplateId, lane: &str) {
    let body = json!({
        "template_type": "sms",
        "name": "Urgent",
        "content": "Urgent for ((name)) on ((day))",
        "process_type": lane,
    });
    let path = format!("/service/{}/template/{template}", service.id);
    let marked = world
        .internal_request("POST", &path, body.to_string())
        .await;
    assert_eq!(marked.data()["process_type"], lane, "{}", marked.json);
}

async fn new_template(world: &World, service: &TestService) -> TemplateId {
    let body = json!({"template_type": "sms", "name": "Plain", "content": "Plain for ((name)) on ((day))"});
    let path = format!("/service/{}/template", service.id);
    let made = world
        .internal_request("POST", &path, body.to_string())
        .await;
    made.data()["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_priority_message_and_a_priority_job_overtake_what_waits() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (urgent, urgent_job) = (
        new_template(&world, &service).await,
        new_template(&world, &service).await,
    );
    mark(&world, &service, urgent, "priority").await;
    mark(&world, &service, urgent_job, "priority").await;
    for number in 0..5 {
        let to = format!("0770090010{number}");
        world.send_sms(&service, &service.normal, &to).await;
    }
    world
        .job(
            service.id,
            urgent_job,
            "phone number,name,day\n07700900201,Job,Friday\n",
        )
        .await;
    let jobs = queue::Pool {
        name: "job-tasks",
        workers: 1,
    };
    world.runner().drain(&[jobs]).await;
    let body = json!({
        "phone_number": "07700900202",
        "template_id": urgent,
        "personalisation": {"name": "Code", "day": "Friday"},
    });
    let path = "/v2/notifications/sms";
    assert_eq!(world.post(&service.normal, path, &body).await.status, 201);
    world.runner().drain(&[TEXTS]).await;
    let taken: Vec<String> = world.sms.accepted().into_iter().map(|sms| sms.to).collect();
    assert_eq!(taken.len(), 7);
    let mut first: Vec<&str> = taken[..2].iter().map(String::as_str).collect();
    first.sort_unstable();
    assert_eq!(first, ["447700900201", "447700900202"], "{taken:?}");
}

#[tokio::test]
async fn an_edited_template_keeps_its_lane_unless_it_names_one() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    mark(&world, &service, service.sms, "priority").await;
    let path = format!("/service/{}/template/{}", service.id, service.sms);
    let body = json!({"template_type": "sms", "name": "Anew", "content": "Anew"}).to_string();
    let anew = world.internal_request("POST", &path, body).await;
    assert_eq!(anew.data()["process_type"], "priority");
    mark(&world, &service, service.sms, "normal").await;
}
