//! Letters that the post has returned.

use std::collections::BTreeSet;

use app::manage::callbacks::CallbackChange;
use domain::{CallbackKind, NotificationStatus};
use pillarbox_stories::{TestService, World};
use serde_json::json;

use tracing_core::Level;

use super::{
    Printed, archive, becomes, id_of, insert_printed, kept, post, post_pdf, service, template,
    to_ada,
};
use crate::captured_log::CapturedLog;

#[tokio::test]
async fn returned_letters_are_recorded_once_for_their_services() {
    use NotificationStatus as S;
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world, "Ours").await,
        service(&world, "Theirs").await,
    );
    let (ours_template, theirs_template) = (
        template(&world, ours.id).await,
        template(&world, theirs.id).await,
    );
    let delivered = id_of(&post(&world, &ours.normal, &to_ada(ours_template)).await);
    let sending = id_of(&post(&world, &theirs.normal, &to_ada(theirs_template)).await);
    let cancelled = id_of(&post(&world, &ours.normal, &to_ada(ours_template)).await);
    becomes(&world, delivered, &[S::Sending, S::Delivered]).await;
    becomes(&world, sending, &[S::Sending]).await;
    becomes(&world, cancelled, &[S::Cancelled]).await;
    let mut references = vec!["ZZZZZZZZZZZZZZZZ".to_owned()];
    for (service, id) in [(&ours, delivered), (&theirs, sending), (&ours, cancelled)] {
        references.push(kept(&world, service, id).await.reference.unwrap());
    }
    let body = json!({"references": references});
    for _ in 0..2 {
        let answer = world
            .internal_request("POST", "/letters/returned", body.to_string())
            .await;
        assert_eq!((answer.status.as_u16(), &answer.json), (200, &body));
        world.run_tasks().await;
        world.advance(std::time::Duration::from_hours(24));
    }
    for (service, id, status) in [
        (&ours, delivered, S::ReturnedLetter),
        (&theirs, sending, S::ReturnedLetter),
        (&ours, cancelled, S::Cancelled),
    ] {
        assert_eq!(kept(&world, service, id).await.status, status);
    }
    let mut session = world.app.read().await.unwrap();
    let since = domain::Timestamp::default();
    let recorded = store::returned_letters::list(&mut session, ours.id, since, 10).await;
    let recorded = recorded.unwrap();
    assert_eq!(
        recorded.len(),
        1,
        "in one report, though it was told twice; what was never sent is in none"
    );
    assert_eq!(recorded[0].0, delivered);
    assert_eq!(recorded[0].1.to_string(), "2026-03-02T00:00:00.000000Z");
    drop(session);
    assert_eq!(
        world.status_of(&ours, &delivered.to_string()).await,
        "received"
    );
}

#[tokio::test]
async fn many_returned_letters_are_many_tasks_and_nonsense_is_none() {
    let world = World::new().await;
    let references: Vec<String> = (0..5001).map(|number| format!("{number:0>16}")).collect();
    let body = json!({"references": references}).to_string();
    let answer = world
        .internal_request("POST", "/letters/returned", body)
        .await;
    assert_eq!(answer.status, 200);
    let view = app::upkeep::queue_stats::read(&world.app).await.unwrap();
    let queued: Vec<_> = view
        .lanes
        .iter()
        .map(|lane| (&*lane.pool, lane.tasks))
        .collect();
    assert_eq!(
        queued,
        [("database-tasks", 2)],
        "`docs/spec/letters.md` §10.1"
    );
    world.run_tasks().await;

    for (body, message) in [
        (json!({}), "references is a required property"),
        (
            json!({"references": []}),
            "references [] should be non-empty",
        ),
        (
            json!({"references": "A"}),
            "references A is not of type array",
        ),
        (
            json!({"references": [5]}),
            "references 5 is not of type string",
        ),
        (
            json!({"references": ["0123456789ABCDEF\n"]}),
            "references 0123456789ABCDEF\\n does not match ^[0-9A-Z]{16}$",
        ),
    ] {
        let answer = world
            .internal_request("POST", "/letters/returned", body.to_string())
            .await;
        assert_eq!((answer.status.as_u16(), answer.message()), (400, message));
    }
}

const URL: &str = "https://riverside.example.org/told";

async fn tell(world: &World, service: &TestService, kind: CallbackKind, letters: Option<bool>) {
    let change = CallbackChange {
        url: Some(URL.to_owned()),
        bearer_token: Some("a-token-of-theirs".to_owned()),
        letters,
        updated_by: None,
    };
    app::manage::callbacks::set(&world.app, service.id, kind, change)
        .await
        .unwrap();
}

async fn report(world: &World, reference: &str) {
    let body = json!({"references": [reference]}).to_string();
    world
        .internal_request("POST", "/letters/returned", body)
        .await;
    world.run_tasks().await;
}

#[tokio::test]
async fn a_service_is_told_of_a_returned_letter_once() {
    use NotificationStatus as S;
    let world = World::new().await;
    let ours = service(&world, "Ours").await;
    tell(&world, &ours, CallbackKind::ReturnedLetter, None).await;
    let template = template(&world, ours.id).await;
    let mut body = to_ada(template);
    body["reference"] = json!("case 5");
    let sent = id_of(&post(&world, &ours.normal, &body).await);
    let supplied = id_of(&post_pdf(&world, &ours.normal, "supplied").await);
    becomes(&world, sent, &[S::Sending, S::Delivered]).await;
    becomes(&world, supplied, &[S::Created, S::Sending, S::Delivered]).await;
    for id in [sent, supplied, sent] {
        let reference = kept(&world, &ours, id).await.reference.unwrap();
        report(&world, &reference).await;
    }
    let told = world.receiver.received(URL);
    assert_eq!(told.len(), 2);
    let created = kept(&world, &ours, sent).await.created_at;
    assert_eq!(
        told[0].body,
        format!(
            "{{\"notification_id\": \"{sent}\", \"reference\": \"case 5\", \
             \"date_sent\": \"{created}\", \"sent_by\": \"API\", \"template_name\": \"A letter\", \
             \"template_id\": \"{template}\", \"template_version\": 1, \"spreadsheet_file_name\": null, \
             \"spreadsheet_row_number\": null, \"upload_letter_file_name\": null}}"
        )
    );
    let supplied = told[1].json();
    assert_eq!(supplied["reference"], "supplied");
    for key in ["template_name", "template_id", "template_version"] {
        assert!(supplied[key].is_null(), "{key}");
    }
}

#[tokio::test]
async fn statuses_of_letters_are_told_behind_a_switch() {
    use NotificationStatus as S;
    for letters in [None, Some(false), Some(true)] {
        let world = World::new().await;
        let ours = service(&world, "Ours").await;
        tell(&world, &ours, CallbackKind::DeliveryStatus, letters).await;
        let template = template(&world, ours.id).await;
        let sent = id_of(&post(&world, &ours.normal, &to_ada(template)).await);
        becomes(&world, sent, &[S::Sending, S::Delivered]).await;
        let reference = kept(&world, &ours, sent).await.reference.unwrap();
        report(&world, &reference).await;
        let told = world.receiver.received(URL);
        let statuses: Vec<_> = told
            .iter()
            .map(|one| one.json()["status"].clone())
            .collect();
        if letters == Some(true) {
            assert_eq!(statuses.first(), Some(&json!("returned-letter")));
        } else {
            assert_eq!(statuses, Vec::<serde_json::Value>::new());
        }
    }
}

#[tokio::test]
async fn a_template_decides_whether_the_statuses_of_its_letters_are_told() {
    use NotificationStatus as S;
    // What the callback says, what the template says, and whether the service is told.
    for (of_service, of_template, is_told) in [
        (false, json!(true), true),
        (true, json!(false), false),
        (true, json!(null), true),
        (false, json!(null), false),
    ] {
        let world = World::new().await;
        let ours = service(&world, "Ours").await;
        tell(
            &world,
            &ours,
            CallbackKind::DeliveryStatus,
            Some(of_service),
        )
        .await;
        let template = template(&world, ours.id).await;
        // Accepted before the change: its version of the template says nothing.
        let earlier = id_of(&post(&world, &ours.normal, &to_ada(template)).await);
        let path = format!("/service/{}/template/{template}", ours.id);
        let body = json!({
            "template_type": "letter", "name": "A letter", "subject": "About ((thing))", "content": "Dear ((name))",
            "letter_callbacks": of_template,
        });
        let changed = world
            .internal_request("POST", &path, body.to_string())
            .await;
        assert_eq!(
            (changed.status.as_u16(), &changed.data()["letter_callbacks"]),
            (200, &of_template)
        );
        let sent = id_of(&post(&world, &ours.normal, &to_ada(template)).await);
        let archived = id_of(&post(&world, &ours.normal, &to_ada(template)).await);
        for letter in [earlier, sent, archived] {
            becomes(&world, letter, &[S::Sending, S::Delivered]).await;
        }
        let mut references = Vec::new();
        for letter in [earlier, sent, archived] {
            references.push(kept(&world, &ours, letter).await.reference.unwrap());
        }
        let mut tx = world.app.store().write().await.unwrap();
        archive(&mut tx, ours.id, archived).await;
        tx.commit().await.unwrap();
        let body = json!({"references": references}).to_string();
        world
            .internal_request("POST", "/letters/returned", body)
            .await;
        world.run_tasks().await;
        let told = world.receiver.received(URL);
        let told: BTreeSet<_> = told
            .iter()
            .map(|one| one.json()["id"].to_string())
            .collect();
        let expected = [(earlier, of_service), (sent, is_told), (archived, is_told)];
        let expected: BTreeSet<_> = expected
            .iter()
            .filter(|(_, is_told)| *is_told)
            .map(|(id, _)| json!(id).to_string())
            .collect();
        assert_eq!(told, expected, "{of_service} {of_template}");
    }
}

#[tokio::test]
async fn only_letter_templates_have_a_switch_for_callbacks() {
    let world = World::new().await;
    let ours = service(&world, "Ours").await;
    let body = json!({
        "template_type": "sms", "name": "A text", "content": "Dear ((name))", "letter_callbacks": true,
    });
    let path = format!("/service/{}/template", ours.id);
    let refused = world
        .internal_request("POST", &path, body.to_string())
        .await;
    assert_eq!(refused.status, 400, "{}", refused.text);
}

#[tokio::test]
async fn returned_letters_are_found_in_the_history_and_counted() {
    use NotificationStatus as S;
    let world = World::new().await;
    let ours = service(&world, "Ours").await;
    tell(&world, &ours, CallbackKind::ReturnedLetter, None).await;
    let mut letters = Vec::new();
    for (number, is_archived) in [(1, false), (2, true), (3, true)] {
        let reference = format!("AAAABBBBCCCC000{number}");
        let letter = Printed {
            status: S::Delivered,
            is_archived,
            ..Printed::sending(&reference)
        };
        letters.push(insert_printed(&world, (ours.id, ours.sms), &letter).await);
    }
    let log = CapturedLog::start();
    let references: Vec<String> = (1..=5).map(|one| format!("AAAABBBBCCCC000{one}")).collect();
    for _ in 0..2 {
        let body = json!({"references": references}).to_string();
        world
            .internal_request("POST", "/letters/returned", body)
            .await;
        world.run_tasks().await;
    }
    for id in &letters {
        let mut tx = world.app.store().write().await.unwrap();
        let letter = store::printed_letters::lock_by_id(&mut tx, *id).await;
        assert_eq!(letter.unwrap().unwrap().status, S::ReturnedLetter);
    }
    let says = "Updated 1 letter notifications (2 history notifications, from 5 references) to returned-letter";
    assert_eq!(log.lines_with(Level::INFO, says).len(), 2);
    for reference in &references[3..] {
        let says = format!(
            "Notification with reference {reference} not found in notifications or notifications history"
        );
        assert_eq!(log.lines_with(Level::WARN, &says).len(), 2);
    }
    let says = "AAAABBBBCCCC0004, AAAABBBBCCCC0005";
    assert_eq!(
        log.lines_with(Level::WARN, says).len(),
        2,
        "they are listed"
    );
    assert_eq!(
        world.receiver.received(URL).len(),
        3,
        "each is told of once"
    );
}

#[tokio::test]
async fn a_service_reads_which_of_its_letters_came_back_on_a_day() {
    use NotificationStatus as S;
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world, "Ours").await,
        service(&world, "Theirs").await,
    );
    let template = template(&world, ours.id).await;
    let mut body = to_ada(template);
    body["reference"] = json!("=HYPERLINK(1)");
    let sent = id_of(&post(&world, &ours.normal, &body).await);
    becomes(&world, sent, &[S::Sending, S::Delivered]).await;
    let archived = Printed {
        status: S::Delivered,
        is_archived: true,
        ..Printed::sending("AAAABBBBCCCC0009")
    };
    insert_printed(&world, (ours.id, ours.sms), &archived).await;
    report(&world, &kept(&world, &ours, sent).await.reference.unwrap()).await;
    report(&world, "AAAABBBBCCCC0009").await;
    let get = async |service: &TestService, path: &str| {
        let path = format!("/service/{}/{path}", service.id);
        world.internal_request("GET", &path, "").await
    };
    let statistics = get(&ours, "returned-letter-statistics").await;
    assert_eq!(
        statistics.data(),
        &json!({"returned_letter_count": 2, "most_recent_report": "2026-03-02"})
    );
    let summary = get(&ours, "returned-letter-summary").await;
    assert_eq!(
        summary.data(),
        &json!([{"returned_letter_count": 2, "reported_at": "2026-03-02"}])
    );
    let report = get(&ours, "returned-letters?reported_at=2026-03-02").await;
    assert_eq!(report.data()["orphaned_count"], 0);
    let letters = report.data()["returned_letters"].as_array().unwrap();
    assert_eq!(letters.len(), 2);
    let ours_view = letters
        .iter()
        .find(|one| one["notification_id"] == json!(sent))
        .unwrap();
    for (key, value) in [
        ("client_reference", json!("=HYPERLINK(1)")),
        ("reported_at", json!("2026-03-02")),
        ("template_name", json!("A letter")),
        ("template_version", json!(1)),
        ("user_name", json!("API")),
        ("email_address", json!("API")),
        ("job_row_number", json!(null)),
        ("uploaded_letter_file_name", json!(null)),
    ] {
        assert_eq!(ours_view[key], value, "{key}");
    }
    let csv = get(&ours, "returned-letters?reported_at=2026-03-02&format=csv").await;
    assert!(csv.text.contains(",'=HYPERLINK(1),"), "{}", csv.text);
    assert_eq!(csv.text.lines().count(), 3);

    let none = get(&theirs, "returned-letters?reported_at=2026-03-02").await;
    assert_eq!(none.data()["returned_letters"], json!([]));
    assert_eq!(get(&ours, "returned-letters").await.status, 400);
    world.advance(std::time::Duration::from_hours(9 * 24));
    let statistics = get(&ours, "returned-letter-statistics").await;
    assert_eq!(
        statistics.data(),
        &json!({"returned_letter_count": 0, "most_recent_report": "2026-03-02"})
    );
}
