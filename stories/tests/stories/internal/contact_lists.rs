use pillarbox_stories::{TestResponse, World};
use serde_json::json;

use super::{get, id, is_unknown};

const PEOPLE: &str = "phone number,name,day\n07700900001,Ada,Friday\n07700900002,Bo,Monday\n";

async fn upload(
    world: &World,
    service: domain::ServiceId,
    query: &str,
    file: &str,
) -> TestResponse {
    let path = format!("/service/{service}/contact-list?{query}");
    world.internal_request("POST", &path, file.to_owned()).await
}

#[tokio::test]
async fn a_contact_list_is_kept_sent_to_again_and_archived() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let query = "template_type=sms&file_name=people.tsv.csv";
    let made = upload(&world, service.id, query, PEOPLE).await;
    assert_eq!(
        (made.status.as_u16(), &made.data()["row_count"]),
        (201, &json!(2))
    );
    let list = id(made.data()).to_owned();
    let path = format!("/service/{}/contact-list/{list}", service.id);
    let lists = get(&world, &format!("/service/{}/contact-list", service.id)).await;
    assert_eq!(lists.data()[0], *get(&world, &path).await.data());

    let from_it = format!(
        "/service/{}/spreadsheet?template_id={}&contact_list_id={list}",
        service.id, service.sms
    );
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let copy = world.internal_request("POST", &from_it, "").await;
        assert_eq!(copy.data()["valid"], true, "{}", copy.json);
        let job = json!({"id": copy.data()["id"], "contact_list_id": list});
        assert_eq!(world.create_job(service.id, &job).await.status, 201);
        jobs.push(id(copy.data()).to_owned());
    }
    let unused = world.internal_request("POST", &from_it, "").await;
    for _ in 0..2 {
        let gone = world.internal_request("DELETE", &path, "").await;
        assert_eq!(gone.status, 204, "twice is harmless");
    }
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 4, "jobs have their own copies");
    let status = world.job_status(service.id, &jobs[0]).await;
    assert_eq!(status["contact_list_id"], json!(list));

    is_unknown(&get(&world, &path).await);
    assert_eq!(
        world.internal_request("POST", &from_it, "").await.status,
        400
    );
    let job = json!({"id": unused.data()["id"], "contact_list_id": list});
    assert_eq!(world.create_job(service.id, &job).await.status, 400);
}

#[tokio::test]
async fn another_services_list_is_unknown_and_a_bad_one_is_not_kept() {
    let world = World::new().await;
    let (service, other) = (
        world.service("Riverside Council").await,
        world.service("Other").await,
    );
    let theirs = upload(&world, other.id, "template_type=sms", PEOPLE).await;
    let theirs = id(theirs.data()).to_owned();
    let path = format!("/service/{}/contact-list/{theirs}", service.id);
    assert_eq!(get(&world, &path).await.status, 404);
    assert_eq!(
        world.internal_request("DELETE", &path, "").await.status,
        404
    );
    let copy = format!(
        "/service/{}/spreadsheet?template_id={}&contact_list_id={theirs}",
        service.id, service.sms
    );
    assert_eq!(world.internal_request("POST", &copy, "").await.status, 404);
    let file = world
        .upload(service.id, service.sms, "people.csv", PEOPLE)
        .await;
    let job = json!({"id": file.data()["id"], "contact_list_id": theirs});
    assert_eq!(world.create_job(service.id, &job).await.status, 404);

    let bad = "phone number\n0770\n";
    let bad = upload(&world, service.id, "template_type=sms", bad).await;
    assert_eq!(
        (bad.status.as_u16(), &bad.data()["valid"]),
        (200, &json!(false))
    );
    let query = "template_type=letter";
    assert_eq!(upload(&world, service.id, query, PEOPLE).await.status, 400);
    assert_eq!(upload(&world, service.id, "", PEOPLE).await.status, 400);
    let lists = get(&world, &format!("/service/{}/contact-list", service.id)).await;
    assert_eq!(lists.data(), &json!([]));
}
