//! Letters whose rows come in one request.

use domain::{KeyType, TemplateId};
use pillarbox_stories::{TestResponse, World};
use serde_json::{Value, json};

use super::{kept, letters_spent, origin, pages, service, standing, stands, template};
use crate::jobs::{JOBS, count};

fn order(letter: TemplateId, rows: usize) -> Value {
    let mut all = vec![json!([
        "address line 1",
        "address line 2",
        "postcode",
        "name"
    ])];
    all.extend((0..rows).map(|row| json!(["Ada", format!("{row} Mill Lane"), "sw1a1aa", row])));
    json!({"name": "Bins", "template_id": letter, "rows": all, "reference": "spring"})
}

async fn bulk(world: &World, key: &pillarbox_stories::Key, order: &Value) -> TestResponse {
    world.post(key, "/v2/notifications/bulk", order).await
}

#[tokio::test]
async fn the_rows_of_a_request_become_letters_too() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    let made = bulk(&world, &service.normal, &order(letter, 4)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    world.print_letters().await;
    let path = format!("/v2/jobs/{}", made.json["id"].as_str().unwrap());
    let done = world.get(&service.normal, &path).await.json;
    assert_eq!(
        (&done["status"], &done["statistics"]),
        (&json!("finished"), &json!({"sending": 4}))
    );
    let path = "/v2/notifications?include_jobs=true&template_type=letter&reference=spring";
    let listed = world.get(&service.normal, path).await;
    assert_eq!(listed.json["notifications"].as_array().unwrap().len(), 4);

    let mut bad = order(letter, 2);
    bad["rows"][1][2] = json!("nowhere");
    let refused = bulk(&world, &service.normal, &bad).await;
    assert_eq!(refused.status, 400);
    let said = refused.json["errors"].to_string();
    assert!(
        said.contains("1 of 2 rows have errors") && said.contains("Row 2: "),
        "{said}"
    );
    let with_sender = {
        let mut order = order(letter, 1);
        order["reply_to_id"] = json!(service.id);
        order
    };
    let refused = bulk(&world, &service.normal, &with_sender).await;
    assert_eq!(
        refused.message(),
        "reply_to_id and sms_sender_id can not be given for letters"
    );
}

#[tokio::test]
async fn a_service_without_letters_sends_none_in_bulk() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    let refused = bulk(&world, &service.team, &order(letter, 1)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (403, "Cannot send letters with a team api key")
    );
    app::manage::services::set_mode(&world.app, service.id, true, true)
        .await
        .unwrap();
    let refused = bulk(&world, &service.normal, &order(letter, 1)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (403, "Cannot send letters when service is in trial mode")
    );
    let tried_out = bulk(&world, &service.test, &order(letter, 1)).await;
    assert_eq!(tried_out.status, 201, "{}", tried_out.json);
    let bare = world.service("No letters").await;
    let letter = template(&world, &bare, "").await;
    let refused = bulk(&world, &bare.normal, &order(letter, 1)).await;
    assert_eq!(refused.message(), "Service is not allowed to send letters");
    world.run_tasks().await;
    assert_eq!(world.letter.accepted(), []);
}

#[tokio::test]
async fn letters_in_bulk_with_a_test_key_get_pages_and_go_nowhere() {
    for waits_for_a_receipt in [false, true] {
        let world =
            World::with(|settings, _| settings.test_letters_fake_delivery = waits_for_a_receipt)
                .await;
        let service = service(&world).await;
        let letter = template(&world, &service, "").await;
        let made = bulk(&world, &service.test, &order(letter, 3)).await;
        let job = made.json["id"].as_str().unwrap().to_owned();
        world.runner().drain(&[JOBS]).await;
        let at_first = if waits_for_a_receipt {
            "sending"
        } else {
            "delivered"
        };
        assert_eq!(
            standing(&world, &service, &job).await,
            stands("finished", &[(at_first, 3)])
        );
        world.run_tasks().await;
        let done = world.job_status(service.id, &job).await;
        assert_eq!(count(&done, "delivered"), 3);
        let id = origin(&world, &service, &job).await.row(2);
        let row = kept(&world, &service, id).await;
        assert_eq!(
            (row.key_type, row.billable_units, row.sent_by),
            (KeyType::Test, 0, None)
        );
        assert_eq!(pages(&world, &service.test, id).await.status, 200);
        assert_eq!(world.letter.accepted(), []);
        assert_eq!(letters_spent(&world, &service).await, 0, "not counted");
    }
}
