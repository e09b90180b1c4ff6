use domain::ServiceId;
use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{NOBODY, get, id, is_unknown, made, post, refused, service};

async fn folder(world: &World, service: ServiceId, name: &str, parent: Option<&Value>) -> Value {
    let body = json!({"name": name, "parent_id": parent.map(|parent| &parent["id"])});
    made(world, &format!("/service/{service}/template-folder"), body).await
}

#[tokio::test]
async fn templates_lie_in_folders_and_folders_in_folders() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!("/service/{}/template-folder", service.id);
    let bins = folder(&world, service.id, " Bins ", None).await;
    assert_eq!(bins["name"], "Bins");
    let brown = folder(&world, service.id, "Brown", None).await;
    let into = format!("{path}/{}/contents", id(&bins));
    let body = json!({"folders": [brown["id"]], "templates": [service.sms]});
    for _ in 0..2 {
        assert_eq!(
            post(&world, &into, body.clone()).await.status,
            204,
            "twice is harmless"
        );
    }
    let listed = get(&world, &path).await;
    assert_eq!(listed.data()[1]["parent_id"], bins["id"]);
    let template = format!("/service/{}/template/{}", service.id, service.sms);
    assert_eq!(get(&world, &template).await.data()["folder"], bins["id"]);

    let new = json!({
        "template_type": "sms", "name": "Brown bin", "content": "Today", "parent_folder_id": brown["id"],
    });
    let new = made(&world, &format!("/service/{}/template", service.id), new).await;
    assert_eq!(new["folder"], brown["id"]);
    let renamed = post(
        &world,
        &format!("{path}/{}", id(&brown)),
        json!({"name": "Garden"}),
    )
    .await;
    assert_eq!(
        (&renamed.data()["name"], &renamed.data()["parent_id"]),
        (&json!("Garden"), &bins["id"])
    );

    let delete = |folder: &Value| {
        let path = format!("{path}/{}", id(folder));
        let world = &world;
        async move { world.internal_request("DELETE", &path, "").await }
    };
    let full = delete(&brown).await;
    assert_eq!(
        (full.status.as_u16(), full.message()),
        (400, "Folder is not empty")
    );
    assert_eq!(delete(&bins).await.status, 400);
    let out = json!({"folders": [brown["id"]], "templates": [service.sms]});
    assert_eq!(
        post(&world, &format!("{path}/contents"), out).await.status,
        204
    );
    assert_eq!(delete(&bins).await.status, 204);
    is_unknown(&delete(&bins).await);
    let template = format!("/service/{}/template/{}", service.id, id(&new));
    post(&world, &template, json!({"archived": true})).await;
    assert_eq!(
        delete(&brown).await.status,
        204,
        "what is archived does not hold it"
    );
}

#[tokio::test]
async fn a_folder_never_lies_in_itself() {
    let world = World::new().await;
    let ours = service(&world, "Ours").await;
    let path = format!("/service/{ours}/template-folder");
    let outer = folder(&world, ours, "Outer", None).await;
    let middle = folder(&world, ours, "Middle", Some(&outer)).await;
    let inner = folder(&world, ours, "Inner", Some(&middle)).await;
    let into = |folder: &Value| format!("{path}/{}/contents", id(folder));
    let body = json!({"folders": [outer["id"]], "templates": []});
    let itself = json!("You cannot move a folder to itself");
    refused(&world, &into(&outer), body.clone(), itself).await;
    let below = json!("You cannot move a folder to one of its subfolders");
    refused(&world, &into(&inner), body, below).await;

    let (left, right) = (
        folder(&world, ours, "Left", None).await,
        folder(&world, ours, "Right", None).await,
    );
    let (into_left, into_right) = (into(&left), into(&right));
    let (first, second) = tokio::join!(
        post(
            &world,
            &into_left,
            json!({"folders": [right["id"]], "templates": []})
        ),
        post(
            &world,
            &into_right,
            json!({"folders": [left["id"]], "templates": []})
        ),
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400], "two into each other at once");
}

#[tokio::test]
async fn a_move_is_of_all_or_none_and_of_one_service() {
    let world = World::new().await;
    let (ours, theirs) = (world.service("Ours").await, world.service("Theirs").await);
    let path = format!("/service/{}/template-folder", ours.id);
    let (mine, other) = (
        folder(&world, ours.id, "Mine", None).await,
        folder(&world, theirs.id, "Other", None).await,
    );
    let into = format!("{path}/{}/contents", id(&mine));
    let body = json!({"folders": [], "templates": [ours.sms, theirs.sms]});
    let no_template = format!(
        "Could not move to folder: No template found with id {} for service {}",
        theirs.sms, ours.id
    );
    refused(&world, &into, body, json!(no_template)).await;
    let template = format!("/service/{}/template/{}", ours.id, ours.sms);
    assert_eq!(get(&world, &template).await.data()["folder"], Value::Null);
    let body = json!({"folders": [other["id"]], "templates": []});
    let no_folder = format!(
        "No folder found with id {} for service {}",
        id(&other),
        ours.id
    );
    refused(&world, &into, body.clone(), json!(no_folder)).await;

    let not_ours = format!("{path}/{}", id(&other));
    is_unknown(&post(&world, &not_ours, json!({"name": "X"})).await);
    is_unknown(&world.internal_request("DELETE", &not_ours, "").await);
    is_unknown(
        &post(
            &world,
            &format!("{not_ours}/contents"),
            json!({"folders": [], "templates": []}),
        )
        .await,
    );
    is_unknown(&get(&world, &format!("/service/{NOBODY}/template-folder")).await);
    let parent = json!({"parent_id": ["parent_id not found"]});
    let body = json!({"name": "X", "parent_id": other["id"]});
    refused(&world, &path, body, parent).await;
    let body = json!({"template_type": "sms", "name": "X", "content": "x", "parent_folder_id": other["id"]});
    let parent = json!({"parent_folder_id": ["parent_folder_id not found"]});
    refused(
        &world,
        &format!("/service/{}/template", ours.id),
        body,
        parent,
    )
    .await;
    let missing = "Missing data for required field.";
    refused(
        &world,
        &into,
        json!({}),
        json!({"folders": [missing], "templates": [missing]}),
    )
    .await;
}
