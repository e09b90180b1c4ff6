//! Cancelling a whole letter job, after its letters are created and before the first is printed.

use std::{fmt::Write as _, sync::Arc};

use domain::{Clock as _, NotificationStatus, TemplateId, Timestamp};
use pillarbox_stories::{Behaviour, Gate, TestService, World};
use serde_json::json;

use super::{
    RETRY, STILL_PROCESSING, cancel, count_rows, kept, letters_spent, origin, people,
    print_the_rest, service, standing, stands, template,
};

const TOO_LATE: &str = "It’s too late to cancel sending, these letters have already been sent.";

/// Creates a job whose letters wait for an unavailable printer.
async fn waiting_job(
    world: &World,
    service: &TestService,
    letter: TemplateId,
    file: String,
) -> String {
    world.letter.set_behaviour(Behaviour::BeUnavailable);
    let job = world.job(service.id, letter, file).await;
    world.run_tasks().await;
    count_rows(world).await;
    job
}

#[tokio::test]
async fn a_letter_job_can_be_cancelled_once_after_all_letters_exist() {
    let world = World::new().await;
    let service = service(&world).await;
    let other = world.service("Other").await;
    let letter = template(&world, &service, "\n\n((story))").await;
    world.letter.set_behaviour(Behaviour::BeUnavailable);
    let mut file = "address line 1,address line 2,postcode,name,story\n".to_owned();
    for story in ["short", "short", &"Line upon line. ".repeat(3_000), "short"] {
        let _ = writeln!(file, "Ada,1 Mill Lane,sw1a1aa,Ada,{story}");
    }
    let job = world.job(service.id, letter, file).await;
    let refused = cancel(&world, &service, &job).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (400, STILL_PROCESSING)
    );
    world.run_tasks().await;
    let expected = [("created", 3), ("validation-failed", 1)];
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("finished", &expected)
    );
    assert_eq!(
        cancel(&world, &service, &job).await.message(),
        STILL_PROCESSING
    );
    count_rows(&world).await;
    assert_eq!(cancel(&world, &other, &job).await.status, 404);

    // One of them alone, then the others.
    let alone = origin(&world, &service, &job).await.row(3);
    let path = format!("/service/{}/notifications/{alone}/cancel", service.id);
    assert_eq!(world.internal_request("POST", &path, "").await.status, 200);
    assert_eq!(letters_spent(&world, &service).await, 3);
    let done = cancel(&world, &service, &job).await;
    assert_eq!((done.status.as_u16(), &done.json), (200, &json!(2)));
    let expected = [("cancelled", 3), ("validation-failed", 1)];
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("cancelled", &expected)
    );
    assert_eq!(
        letters_spent(&world, &service).await,
        1,
        "they are given back"
    );

    let again = cancel(&world, &service, &job).await;
    assert_eq!(
        (again.status.as_u16(), again.message()),
        (400, STILL_PROCESSING)
    );
    assert_eq!(letters_spent(&world, &service).await, 1, "once");
    print_the_rest(&world).await;
    assert_eq!(
        world.letter.accepted(),
        [],
        "a cancelled letter is not printed"
    );
    let first = origin(&world, &service, &job).await.row(0);
    let row = kept(&world, &service, first).await;
    assert_eq!(
        (row.status, row.billable_units),
        (NotificationStatus::Cancelled, 0)
    );
}

#[tokio::test]
async fn a_letter_job_cannot_be_cancelled_after_printing_or_the_deadline() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    world.letter.queue_behaviours([Behaviour::Accept]);
    let one_is_printed = waiting_job(&world, &service, letter, people(3)).await;
    world.print_letters().await;
    let evening = waiting_job(&world, &service, letter, people(2)).await;
    let refused = cancel(&world, &service, &one_is_printed).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (400, TOO_LATE)
    );
    assert_eq!(
        standing(&world, &service, &one_is_printed).await.1,
        stands("", &[("created", 2), ("sending", 1)]).1,
        "none is cancelled"
    );
    let half_past_five: Timestamp = "2026-03-02T17:30:00Z".parse().unwrap();
    world.advance(half_past_five.since(world.clock.now()));
    let refused = cancel(&world, &service, &evening).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (400, TOO_LATE)
    );
    print_the_rest(&world).await;
    assert_eq!(world.letter.accepted().len(), 5);
}

#[tokio::test]
async fn a_letter_job_is_cancelled_once_by_concurrent_requests() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    let job = waiting_job(&world, &service, letter, people(12)).await;
    let answers = tokio::join!(
        cancel(&world, &service, &job),
        cancel(&world, &service, &job),
        cancel(&world, &service, &job)
    );
    let mut statuses = [&answers.0, &answers.1, &answers.2].map(|one| one.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400]);
    assert_eq!(letters_spent(&world, &service).await, 0);
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("cancelled", &[("cancelled", 12)])
    );
    print_the_rest(&world).await;
    assert_eq!(world.letter.accepted(), []);
}

#[tokio::test]
async fn sending_and_cancelling_a_letter_exclude_each_other() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    let job = waiting_job(&world, &service, letter, people(1)).await;
    let gate = Arc::new(Gate::default());
    world.letter.set_behaviour(Behaviour::WaitAt(gate.clone()));
    world.advance(RETRY);
    let id = origin(&world, &service, &job).await.row(0);
    let meanwhile = async {
        gate.arrived.notified().await;
        let refused = cancel(&world, &service, &job).await;
        assert_eq!(refused.message(), TOO_LATE);
        let path = format!("/service/{}/notifications/{id}/cancel", service.id);
        let refused = world.internal_request("POST", &path, "").await;
        let why = "It’s too late to cancel this letter. Printing started today at 5.30pm";
        assert_eq!(refused.message(), why);
        gate.open.notify_one();
    };
    tokio::join!(world.print_letters(), meanwhile);
    assert_eq!(cancel(&world, &service, &job).await.message(), TOO_LATE);
    assert_eq!(
        standing(&world, &service, &job).await.1,
        stands("", &[("sending", 1)]).1
    );
    assert_eq!(letters_spent(&world, &service).await, 1);
}

#[tokio::test]
async fn the_cancellation_deadline_follows_the_creation_of_the_letters() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    world.letter.set_behaviour(Behaviour::BeUnavailable);
    let uploaded = world
        .upload(service.id, letter, "people.csv", people(2))
        .await;
    let id = uploaded.data()["id"].as_str().unwrap().to_owned();
    let asked = json!({"id": id, "scheduled_for": "2026-03-05T10:00:00"});
    assert_eq!(world.create_job(service.id, &asked).await.status, 201);
    let then: Timestamp = "2026-03-05T10:00:00Z".parse().unwrap();
    world.advance(then.since(world.clock.now()));
    world.run_schedule().await;
    count_rows(&world).await;
    let done = cancel(&world, &service, &id).await;
    assert_eq!((done.status.as_u16(), &done.json), (200, &json!(2)));
    assert_eq!(letters_spent(&world, &service).await, 0);
    print_the_rest(&world).await;
    assert_eq!(world.letter.accepted(), []);
}

#[tokio::test]
async fn a_job_of_texts_is_not_cancelled_as_one_of_letters() {
    let world = World::new().await;
    let service = service(&world).await;
    let file = "phone number,name,day\n07700900001,Ada,Friday\n";
    let texts = world.job(service.id, service.sms, file).await;
    let refused = cancel(&world, &service, &texts).await;
    let why = "Only letter jobs can be cancelled through this endpoint. This is not a letter job.";
    assert_eq!((refused.status.as_u16(), refused.message()), (400, why));
    world.run_tasks().await;
}
