//! Letters that the post has returned.

use domain::NotificationStatus;
use pillarbox_stories::World;
use serde_json::json;

use super::{becomes, id_of, kept, post, service, template, to_ada};

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
    assert_eq!(view.lanes[0].tasks, 2);
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
