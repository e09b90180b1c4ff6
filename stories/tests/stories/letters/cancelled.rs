//! Letters that are cancelled, alone or with their job, before they are printed.

use domain::{Allowance, Channel, KeyType, NotificationStatus, Postage, TemplateId};
use serde_json::json;
use stories::{Answer, Council, World};

use super::{becomes, council, id_of, kept, post, template, to_ada};

async fn cancel(world: &World, council: &Council, id: &str) -> Answer {
    let path = format!("/service/{}/notifications/{id}/cancel", council.id);
    world.ask_internally("POST", &path, "").await
}

async fn letters_spent(world: &World, council: &Council) -> i64 {
    let (mut session, day) = (
        world.app.read().await.unwrap(),
        domain::Clock::now(&*world.clock).utc_day(),
    );
    store::counters::find_spent(&mut session, council.id, Allowance::Letter, day)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_letter_is_cancelled_until_it_is_printed_and_gives_back_what_it_spent() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let other = world.service("Other").await;
    let letter = template(&world, council.id).await;
    let early = id_of(&post(&world, &council.normal, &to_ada(letter)).await).to_string();
    let late = id_of(&post(&world, &council.normal, &to_ada(letter)).await).to_string();
    let gone = id_of(&post(&world, &council.normal, &to_ada(letter)).await);
    assert_eq!(letters_spent(&world, &council).await, 3);

    assert_eq!(cancel(&world, &other, &early).await.status, 404);
    let done = cancel(&world, &council, &early).await;
    assert_eq!(
        (done.status.as_u16(), &done.data()["status"]),
        (200, &json!("cancelled"))
    );
    assert_eq!(letters_spent(&world, &council).await, 2);
    let again = cancel(&world, &council, &early).await;
    assert_eq!(again.message(), "This letter has already been cancelled.");
    assert_eq!(letters_spent(&world, &council).await, 2, "once");
    becomes(&world, gone, &[NotificationStatus::Sending]).await;
    let taken = cancel(&world, &council, &gone.to_string()).await;
    assert!(
        taken
            .message()
            .starts_with("We could not cancel this letter. Letter status: sending"),
        "{}",
        taken.json
    );
    let text = world
        .send_sms(&council, &council.normal, "07700900123")
        .await;
    let text = cancel(&world, &council, text.json["id"].as_str().unwrap()).await;
    let why = "Notification cannot be cancelled - only letters can be cancelled";
    assert_eq!((text.status.as_u16(), text.message()), (400, why));

    world.advance(std::time::Duration::from_mins(510));
    let too_late = cancel(&world, &council, &late).await;
    let why = "It’s too late to cancel this letter. Printing started today at 5.30pm";
    assert_eq!((too_late.status.as_u16(), too_late.message()), (400, why));
    assert_eq!(letters_spent(&world, &council).await, 2);
    world.run_tasks().await;
    world.end().await;
}

/// A letter job with two letters, as spreadsheets of letters will make them.
async fn letter_job(world: &World, council: &Council, letter: TemplateId) -> app::Job {
    let now = domain::Clock::now(&*world.clock);
    let job = app::Job {
        id: domain::JobId::mint(now, world.app.entropy()),
        service_id: council.id,
        template_id: letter,
        template_version: 1,
        original_file_name: "people.csv".to_owned(),
        notification_count: 2,
        sender_id: None,
        created_by: None,
        api_key_id: None,
        key_type: KeyType::Normal,
        client_reference: None,
        status: domain::JobStatus::FinishedAllNotificationsCreated,
        problem: None,
        due: now,
        scheduled_for: None,
        rows_kept: 2,
        created_at: now,
        updated_at: None,
        processing_started: None,
        processing_finished: None,
        archived: true,
        contact_list_id: None,
        resumptions: 0,
    };
    let row = |number: u32| store::notifications::NewNotification {
        id: job.origin().row(number),
        service_id: council.id,
        job_row: Some((job.id, number)),
        template_id: letter,
        template_version: 1,
        api_key_id: None,
        key_type: KeyType::Normal,
        channel: Channel::Letter,
        status: NotificationStatus::Created,
        contents: store::notifications::Contents::erased(),
        client_reference: None,
        reply_to_text: None,
        international: false,
        phone_prefix: None,
        rate_multiplier: None,
        postage: Some(Postage::Second),
        reference: None,
        documents: 0,
        created_by: None,
        created_at: now,
        problem: None,
    };
    let vault = world.app.store().vault();
    let rows = [row(0).seal(vault), row(1).seal(vault)];
    let mut tx = world.app.store().write().await.unwrap();
    store::jobs::insert(&mut tx, &job).await.unwrap();
    store::notifications::insert_many(&mut tx, &rows)
        .await
        .unwrap();
    let (allowance, day) = (Allowance::Letter, now.utc_day());
    store::counters::spend(&mut tx, council.id, allowance, day, 2, 1000)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    job
}

async fn cancel_job(world: &World, council: &Council, job: &str) -> Answer {
    let path = format!("/service/{}/job/{job}/cancel-letter-job", council.id);
    world.ask_internally("POST", &path, "").await
}

#[tokio::test]
async fn the_letters_of_a_job_are_cancelled_together_or_not_at_all() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let letter = template(&world, council.id).await;
    let (whole, printed) = (
        letter_job(&world, &council, letter).await,
        letter_job(&world, &council, letter).await,
    );
    let done = cancel_job(&world, &council, &whole.id.to_string()).await;
    assert_eq!((done.status.as_u16(), &done.json), (200, &json!(2)));
    assert_eq!(letters_spent(&world, &council).await, 2);
    let status = world.job_status(council.id, &whole.id.to_string()).await;
    assert_eq!(status["job_status"], "cancelled");

    becomes(
        &world,
        printed.origin().row(1),
        &[NotificationStatus::Sending],
    )
    .await;
    let refused = cancel_job(&world, &council, &printed.id.to_string()).await;
    let why = "It’s too late to cancel sending, these letters have already been sent.";
    assert_eq!((refused.status.as_u16(), refused.message()), (400, why));
    let first = kept(&world, &council, printed.origin().row(0)).await;
    assert_eq!(
        first.status,
        NotificationStatus::Created,
        "none is cancelled"
    );

    let texts = world
        .job(
            council.id,
            council.sms,
            "phone number,name,day\n07700900001,Ada,Friday\n",
        )
        .await;
    let refused = cancel_job(&world, &council, &texts).await;
    let why = "Only letter jobs can be cancelled through this endpoint. This is not a letter job.";
    assert_eq!(refused.message(), why);
    world.run_tasks().await;
    world.end().await;
}
