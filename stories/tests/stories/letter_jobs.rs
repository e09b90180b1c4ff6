//! Letters by spreadsheet and in bulk: every row once, with its address, postage and reference; pages come later, one
//! by one, and a whole job can be cancelled until it is printed (letters §4.1, §12; workers §4).

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc, time::Duration};

use app::{
    erasure::{Erasure, Recipient},
    services::{NewService, ServiceChange},
};
use domain::{
    Allowance, Channel, Clock as _, JobOrigin, KeyType, LetterContactId, NotificationId,
    NotificationStatus, Permission, Postage, TemplateId, Timestamp,
};
use serde_json::{Value, json};
use store::{letter_contacts::LetterContact, notifications::Notification};
use stories::{Answer, Council, Gate, Mood, World};

use crate::{
    auditors::{lose_rows, lose_tasks},
    jobs::{JOBS, count, interrupt_after},
};

/// When a letter that was not taken is tried again.
const RETRY: Duration = Duration::from_secs(301);
const TOO_LATE: &str = "It’s too late to cancel sending, these letters have already been sent.";
const STILL_PROCESSING: &str =
    "We are still processing these letters, please try again in 5 minutes.";

fn that_sends_letters() -> NewService {
    NewService {
        rate_limit: 100_000,
        permissions: [Permission::Email, Permission::Sms, Permission::Letter].into(),
        ..NewService::named("Riverside Council")
    }
}

async fn council(world: &World) -> Council {
    world.service_like(that_sends_letters()).await
}

async fn council_that_writes_abroad(world: &World) -> Council {
    let mut new = that_sends_letters();
    new.permissions.insert(Permission::InternationalLetters);
    world.service_like(new).await
}

/// A letter `Dear ((name))`, and what more it says.
async fn template(world: &World, council: &Council, more: &str) -> TemplateId {
    let new = app::templates::NewTemplate {
        template_type: Channel::Letter,
        name: "A letter".to_owned(),
        subject: Some("Your bins".to_owned()),
        content: format!("Dear ((name)){more}"),
        lane: None,
        created_by: None,
    };
    let made = app::templates::create(&world.app, council.id, new).await;
    made.unwrap().id
}

/// The letter with a contact block, a Welsh side and first class postage.
async fn dress_up(world: &World, council: &Council, id: TemplateId) {
    let contact = LetterContact {
        id: LetterContactId::mint(world.clock.now(), world.app.entropy()),
        contact_block: "((office))\n2 Town Square".to_owned(),
        is_default: false,
    };
    let mut tx = world.app.store().write().await.unwrap();
    let now = world.clock.now();
    store::letter_contacts::insert(&mut tx, council.id, &contact, now)
        .await
        .unwrap();
    let found = store::templates::find(&mut tx, council.id, id).await;
    let mut next = found.unwrap().unwrap();
    next.version += 1;
    next.letter_contact_id = Some(contact.id);
    next.welsh_subject = Some("Eich biniau".to_owned());
    next.welsh_content = Some("Annwyl ((enw))".to_owned());
    next.postage = Some(Postage::First);
    assert!(store::templates::update(&mut tx, &next).await.unwrap());
    tx.commit().await.unwrap();
}

/// People who live at these last lines.
fn people_in(last_lines: &[&str]) -> String {
    let mut file = "Address Line 1,address_line_2,POSTCODE,name,unused,reference\n".to_owned();
    for (row, last_line) in last_lines.iter().enumerate() {
        let _ = writeln!(
            file,
            "Ada {row},{row} Mill Lane,{last_line},\"Ada, {row}\",x,ref-{row}"
        );
    }
    file
}

fn people(rows: usize) -> String {
    people_in(&vec![" sw1a1aa"; rows])
}

async fn origin(world: &World, council: &Council, job: &str) -> JobOrigin {
    let status = world.job_status(council.id, job).await;
    let due = status["scheduled_for"].as_str();
    let due = due.or(status["created_at"].as_str()).unwrap();
    JobOrigin {
        job: job.parse().unwrap(),
        service: council.id,
        due: due.parse().unwrap(),
    }
}

async fn kept(world: &World, council: &Council, id: NotificationId) -> Notification {
    let mut session = world.app.read().await.unwrap();
    let found = store::notifications::find(&mut session, council.id, id).await;
    found.unwrap().unwrap()
}

async fn letters_spent(world: &World, council: &Council) -> i64 {
    let (mut session, day) = (world.app.read().await.unwrap(), world.clock.now().utc_day());
    let spent = store::counters::find_spent(&mut session, council.id, Allowance::Letter, day);
    spent.await.unwrap()
}

async fn pages(world: &World, key: &stories::Key, id: NotificationId) -> Answer {
    world.get(key, &format!("/v2/notifications/{id}/pdf")).await
}

async fn cancel(world: &World, council: &Council, job: &str) -> Answer {
    let path = format!("/service/{}/job/{job}/cancel-letter-job", council.id);
    world.ask_internally("POST", &path, "").await
}

/// The status of a job, and of how many of its rows which is known.
async fn standing(world: &World, council: &Council, job: &str) -> (String, Vec<(String, u64)>) {
    let status = world.job_status(council.id, job).await;
    let statistics = status["statistics"].as_array().unwrap().iter();
    let statistics = statistics.map(|one| {
        let status = one["status"].as_str().unwrap().to_owned();
        (status, one["count"].as_u64().unwrap())
    });
    let mut statistics: Vec<_> = statistics.collect();
    statistics.sort();
    (
        status["job_status"].as_str().unwrap().to_owned(),
        statistics,
    )
}

fn stands(status: &str, statistics: &[(&str, u64)]) -> (String, Vec<(String, u64)>) {
    let statistics = statistics
        .iter()
        .map(|(status, count)| ((*status).to_owned(), *count));
    (status.to_owned(), statistics.collect())
}

/// A job all of whose letters wait for a printer who is away, counted.
async fn waiting_job(world: &World, council: &Council, letter: TemplateId, file: String) -> String {
    world.letter.is(Mood::IsAway);
    let job = world.job(council.id, letter, file).await;
    world.run_tasks().await;
    count_rows(world).await;
    job
}

/// The clock counts the rows of jobs that finished a minute ago.
async fn count_rows(world: &World) {
    world.advance(Duration::from_secs(61));
    world.run_the_clock().await;
}

/// The printer is there again; what is left is taken.
async fn print_the_rest(world: &World) {
    world.letter.calms_down();
    world.advance(RETRY);
    world.run_tasks().await;
}

#[tokio::test]
async fn every_row_of_a_file_becomes_a_letter_with_all_that_one_from_the_api_has() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    dress_up(&world, &council, letter).await;
    let mut file = "address line 1,address line 2,postcode,name,Office,enw,reference\n".to_owned();
    for row in 0..12 {
        let _ = writeln!(
            file,
            "Ada {row},\"{row}  Mill Lane,\",sw1a1aa,Ada,Bins,Ada,ref-{row}"
        );
    }
    let job = world.job(council.id, letter, file).await;
    world.run_tasks().await;
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("finished", &[("sending", 12)])
    );
    assert_eq!(letters_spent(&world, &council).await, 12);
    let handed = world.letter.taken();
    let references: BTreeSet<_> = handed.iter().map(|one| one.reference.clone()).collect();
    assert_eq!((handed.len(), references.len()), (12, 12));

    let id = origin(&world, &council, &job).await.row(7);
    let row = kept(&world, &council, id).await;
    let of_it = handed.iter().find(|one| one.id == id.as_uuid()).unwrap();
    assert_eq!(of_it.address, ["Ada 7", "7 Mill Lane", "SW1A 1AA"]);
    assert_eq!(of_it.postage.as_str(), "first");
    let reference = row.reference.clone().unwrap();
    assert_eq!((&of_it.reference, reference.len()), (&reference, 16));
    let is_fitting = |one: u8| one.is_ascii_uppercase() || one.is_ascii_digit();
    assert!(reference.bytes().all(is_fitting), "{reference}");
    let contents = row.open(world.app.store().vault()).unwrap();
    assert_eq!(
        contents.recipient.reveal(),
        "Ada 7\n7 Mill Lane\nSW1A 1AA",
        "the whole address"
    );
    assert_eq!(contents.normalised.reveal(), "ada77milllanesw1a1aa");
    assert_eq!(
        row.reply_to_text.as_deref(),
        Some("((office))\n2 Town Square"),
        "as it is at this moment"
    );
    assert_eq!(
        (row.postage, row.international, row.billable_units),
        (Some(Postage::First), false, 1)
    );
    assert_eq!(
        (row.key_type, row.job_row_number),
        (KeyType::Normal, Some(7))
    );

    let path = format!("/v2/notifications/{id}");
    let shown = world.get(&council.normal, &path).await.json;
    for (key, value) in [
        ("line_1", "Ada 7"),
        ("line_2", "7  Mill Lane,"),
        ("postcode", "sw1a1aa"),
        ("reference", "ref-7"),
        ("postage", "first"),
        ("status", "accepted"),
        ("body", "Dear Ada"),
    ] {
        assert_eq!(shown[key], value, "{key}");
    }
    let pdf = pages(&world, &council.normal, id).await;
    assert_eq!((pdf.status.as_u16(), &pdf.bytes), (200, &of_it.pdf));
    world.end().await;
}

#[tokio::test]
async fn the_address_of_a_row_decides_how_its_letter_goes_abroad() {
    let world = World::new().await;
    let council = council_that_writes_abroad(&world).await;
    let letter = template(&world, &council, "").await;
    let last_lines = ["France", "japan", "sw1a1aa", "bfpo 61", "JE2 3AB"];
    let job = world.job(council.id, letter, people_in(&last_lines)).await;
    world.run_tasks().await;
    let origin = origin(&world, &council, &job).await;
    for (row, (postage, last_line)) in (0..).zip([
        (Postage::Europe, "France"),
        (Postage::RestOfWorld, "Japan"),
        (Postage::Second, "SW1A 1AA"),
        (Postage::Second, "BFPO 61"),
        (Postage::Second, "JE2 3AB"),
    ]) {
        let found = kept(&world, &council, origin.row(row)).await;
        assert_eq!(found.postage, Some(postage), "{last_line}");
        assert_eq!(found.international, postage != Postage::Second);
        assert_eq!(found.status, NotificationStatus::Sending);
        let contents = found.open(world.app.store().vault()).unwrap();
        assert_eq!(
            contents.recipient.reveal(),
            &format!("Ada {row}\n{row} Mill Lane\n{last_line}")
        );
    }
    world.end().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_file_of_letters_is_said_by_row() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    dress_up(&world, &council, letter).await;
    let check = async |file: &str| {
        let answer = world.upload(council.id, letter, "people.csv", file).await;
        assert_eq!(answer.data()["valid"], false, "{}", answer.json);
        answer.data().clone()
    };
    let bad = check(
        "address line 1,address line 2,postcode,name,office,enw\nAda,1 Mill Lane,France,Ada,Bins,Ada\n\
         Ada,,sw1a1aa,Ada,Bins,Ada\nAda,1 Mill Lane,sw1a1aa,,Bins,Ada\nnfa,1 Mill Lane,sw1a1aa,Ada,Bins,Ada\n",
    )
    .await;
    let errors: Vec<_> = bad["errors"].as_array().unwrap().iter().collect();
    let named: Vec<_> = errors
        .iter()
        .map(|one| {
            (
                one["spreadsheet_row_number"].as_u64().unwrap(),
                &one["column_header"],
            )
        })
        .collect();
    let name = json!("name");
    assert_eq!(
        named,
        [
            (2, &Value::Null),
            (3, &Value::Null),
            (4, &name),
            (5, &Value::Null)
        ]
    );
    for (error, words) in errors
        .iter()
        .zip(["postcode", "3 lines", "Missing", "real address"])
    {
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
    let bare = check("address line 1,postcode,name\nAda,sw1a1aa,Ada\n").await;
    assert_eq!(bare["missing_column_headers"], json!(["office", "enw"]));
    let problems = bare["problems"].to_string();
    assert!(
        problems.contains("not enough columns for an address"),
        "{problems}"
    );

    let path = format!(
        "/service/{0}/spreadsheet?template_id={letter}&sender_id={0}",
        council.id
    );
    let refused = world.ask_internally("POST", &path, people(1)).await;
    assert_eq!(refused.status, 404);
    assert!(
        refused.message().contains("letters have none"),
        "{}",
        refused.json
    );

    let made = world.make_job(council.id, &json!({"id": bad["id"]})).await;
    assert_eq!(made.message(), "File is not valid, can't create job");
    world.end().await;
}

#[tokio::test]
async fn a_row_whose_address_is_not_valid_any_more_is_kept_and_counted_and_costs_nothing() {
    let world = World::new().await;
    let council = council_that_writes_abroad(&world).await;
    let letter = template(&world, &council, "").await;
    let file = people_in(&["France", "sw1a1aa", "Japan"]);
    let job = world.job(council.id, letter, file).await;
    let change = ServiceChange {
        permissions: Some([Permission::Letter].into()),
        ..ServiceChange::default()
    };
    app::services::update(&world.app, council.id, change)
        .await
        .unwrap();
    world.run_tasks().await;
    let expected = [("sending", 1), ("validation-failed", 2)];
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("finished", &expected)
    );
    let first = origin(&world, &council, &job).await.row(0);
    let row = kept(&world, &council, first).await;
    assert_eq!((row.billable_units, row.sent_by.as_deref()), (0, None));
    let problem = row.problem.as_deref().unwrap();
    assert!(problem.contains("postcode"), "{problem}");
    let contents = row.open(world.app.store().vault()).unwrap();
    assert_eq!(contents.recipient.reveal(), "Ada 0\n0 Mill Lane\nFrance");
    assert_eq!(world.letter.taken().len(), 1);
    count_rows(&world).await;
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("finished all notifications created", &expected)
    );
    world.end().await;
}

#[tokio::test]
async fn no_letter_is_sent_in_trial_mode_whenever_it_begins() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    let before = world.job(council.id, letter, people(2)).await;
    let uploaded = world
        .upload(council.id, letter, "people.csv", people(2))
        .await;
    app::services::set_mode(&world.app, council.id, true, true)
        .await
        .unwrap();
    let refused = world
        .make_job(council.id, &json!({"id": uploaded.data()["id"]}))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (
            403,
            "Create letter job is not allowed for service in trial mode "
        )
    );
    world.run_tasks().await;
    assert_eq!(
        standing(&world, &council, &before).await,
        stands("finished", &[("validation-failed", 2)])
    );
    assert_eq!(world.letter.taken(), []);
    world.end().await;
}

#[tokio::test]
async fn a_letter_job_that_would_pass_the_days_limit_makes_no_letter_at_all() {
    let world = World::new().await;
    let mut new = that_sends_letters();
    new.limits = [(Allowance::Letter, 5)].into();
    let council = world.service_like(new).await;
    let letter = template(&world, &council, "").await;
    let first = world.job(council.id, letter, people(3)).await;
    let second = world.job(council.id, letter, people(3)).await;
    world.run_tasks().await;
    assert_eq!(
        standing(&world, &council, &first).await,
        stands("finished", &[("sending", 3)])
    );
    assert_eq!(
        standing(&world, &council, &second).await,
        stands("sending limits exceeded", &[])
    );
    assert_eq!(letters_spent(&world, &council).await, 3);
    world.end().await;
}

#[tokio::test]
async fn a_letter_job_that_was_interrupted_goes_on_where_it_was() {
    let world = World::like(|settings, _| settings.job_rows_at_once = 5).await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    let job = world.job(council.id, letter, people(23)).await;
    // Two batches.
    interrupt_after(&world, &council, &job, 2000).await;
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("in progress", &[("created", 10)])
    );
    assert_eq!(
        cancel(&world, &council, &job).await.message(),
        STILL_PROCESSING
    );

    let world = world.restarted().await;
    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("finished", &[("sending", 23)])
    );
    assert_eq!(world.letter.taken().len(), 23);
    world.end().await;
}

#[tokio::test]
async fn two_workers_with_one_letter_job_make_and_print_each_letter_once() {
    let world = World::like(|settings, _| settings.job_rows_at_once = 3).await;
    let world = Arc::new(world);
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    let job = world.job(council.id, letter, people(20)).await;
    let mut tx = world.app.store().write().await.unwrap();
    let now = world.clock.now();
    for _ in 0..3 {
        let again = queue::NewTask {
            id: domain::TaskId::mint(now, world.app.entropy()),
            pool: "job-tasks",
            lane: domain::Lane::Normal,
            service_id: council.id,
            kind: "process-job.v1",
            payload: json!({"job": job}).to_string(),
            attempt: 0,
            ready_at: now,
            created_at: now,
        };
        queue::Enqueue::enqueue(&mut tx, vec![again]).await.unwrap();
    }
    tx.commit().await.unwrap();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.runner().drain(&[JOBS]).await })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    world.advance(Duration::from_secs(10));
    world.run_tasks().await;
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("finished", &[("sending", 20)])
    );
    assert_eq!(letters_spent(&world, &council).await, 20, "counted once");
    let handed: BTreeSet<_> = world.letter.taken().iter().map(|one| one.id).collect();
    assert_eq!((world.letter.taken().len(), handed.len()), (20, 20));
    Arc::into_inner(world).unwrap().end().await;
}

#[tokio::test]
async fn a_letter_that_cannot_be_printed_fails_alone() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "\n\n((story))").await;
    let (short, middling, long) = (
        "One line.".to_owned(),
        "Line upon line. ".repeat(700),
        "Line upon line. ".repeat(3_000),
    );
    let very_wide = "Very ".repeat(300);
    let rows = [
        ("1 Mill Lane", &short),
        ("2 Mill Lane", &long),
        (&very_wide, &short),
        ("4 Mill Lane", &middling),
    ];
    let mut file = "address line 1,address line 2,postcode,name,story\n".to_owned();
    for (street, story) in rows {
        let _ = writeln!(file, "Ada,{street},sw1a1aa,Ada,{story}");
    }
    let job = world.job(council.id, letter, file).await;
    world.run_tasks().await;
    let expected = [
        ("sending", 2),
        ("technical-failure", 1),
        ("validation-failed", 1),
    ];
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("finished", &expected)
    );
    let origin = origin(&world, &council, &job).await;
    let too_long = kept(&world, &council, origin.row(1)).await;
    assert_eq!(
        (too_long.status, too_long.billable_units),
        (NotificationStatus::ValidationFailed, 0)
    );
    let problem = too_long.problem.unwrap();
    assert!(problem.contains("at most 10 can be sent"), "{problem}");
    assert_eq!(
        kept(&world, &council, origin.row(0)).await.billable_units,
        1
    );
    let sheets = kept(&world, &council, origin.row(3)).await.billable_units;
    assert!(
        (2..=5).contains(&sheets),
        "{sheets} sheets of several pages"
    );
    count_rows(&world).await;
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("finished all notifications created", &expected),
        "it adds up"
    );
    world.end().await;
}

#[tokio::test]
async fn the_letters_of_a_job_can_be_cancelled_once_all_are_made_and_not_twice() {
    let world = World::new().await;
    let council = council(&world).await;
    let other = world.service("Other").await;
    let letter = template(&world, &council, "\n\n((story))").await;
    world.letter.is(Mood::IsAway);
    let mut file = "address line 1,address line 2,postcode,name,story\n".to_owned();
    for story in ["short", "short", &"Line upon line. ".repeat(3_000), "short"] {
        let _ = writeln!(file, "Ada,1 Mill Lane,sw1a1aa,Ada,{story}");
    }
    let job = world.job(council.id, letter, file).await;
    let refused = cancel(&world, &council, &job).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (400, STILL_PROCESSING)
    );
    world.run_tasks().await;
    let expected = [("created", 3), ("validation-failed", 1)];
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("finished", &expected)
    );
    assert_eq!(
        cancel(&world, &council, &job).await.message(),
        STILL_PROCESSING
    );
    count_rows(&world).await;
    assert_eq!(cancel(&world, &other, &job).await.status, 404);

    // One of them alone, then the rest.
    let alone = origin(&world, &council, &job).await.row(3);
    let path = format!("/service/{}/notifications/{alone}/cancel", council.id);
    assert_eq!(world.ask_internally("POST", &path, "").await.status, 200);
    assert_eq!(letters_spent(&world, &council).await, 3);
    let done = cancel(&world, &council, &job).await;
    assert_eq!((done.status.as_u16(), &done.json), (200, &json!(2)));
    let expected = [("cancelled", 3), ("validation-failed", 1)];
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("cancelled", &expected)
    );
    assert_eq!(
        letters_spent(&world, &council).await,
        1,
        "they are given back"
    );

    let again = cancel(&world, &council, &job).await;
    assert_eq!(
        (again.status.as_u16(), again.message()),
        (400, STILL_PROCESSING)
    );
    assert_eq!(letters_spent(&world, &council).await, 1, "once");
    print_the_rest(&world).await;
    assert_eq!(
        world.letter.taken(),
        [],
        "a cancelled letter is not printed"
    );
    let first = origin(&world, &council, &job).await.row(0);
    let row = kept(&world, &council, first).await;
    assert_eq!(
        (row.status, row.billable_units),
        (NotificationStatus::Cancelled, 0)
    );
    world.end().await;
}

#[tokio::test]
async fn a_letter_job_is_not_cancelled_any_more_once_a_letter_is_printed_or_its_day_is_over() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    world.letter.will_be([Mood::Takes]);
    let one_is_printed = waiting_job(&world, &council, letter, people(3)).await;
    let evening = waiting_job(&world, &council, letter, people(2)).await;
    let refused = cancel(&world, &council, &one_is_printed).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (400, TOO_LATE)
    );
    assert_eq!(
        standing(&world, &council, &one_is_printed).await.1,
        stands("", &[("created", 2), ("sending", 1)]).1,
        "none is cancelled"
    );
    let half_past_five: Timestamp = "2026-03-02T17:30:00Z".parse().unwrap();
    world.advance(half_past_five.since(world.clock.now()));
    let refused = cancel(&world, &council, &evening).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (400, TOO_LATE)
    );
    print_the_rest(&world).await;
    assert_eq!(world.letter.taken().len(), 5);
    world.end().await;
}

#[tokio::test]
async fn of_two_who_cancel_a_letter_job_at_once_one_does() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    let job = waiting_job(&world, &council, letter, people(12)).await;
    let answers = tokio::join!(
        cancel(&world, &council, &job),
        cancel(&world, &council, &job),
        cancel(&world, &council, &job)
    );
    let mut statuses = [&answers.0, &answers.1, &answers.2].map(|one| one.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400]);
    assert_eq!(letters_spent(&world, &council).await, 0);
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("cancelled", &[("cancelled", 12)])
    );
    print_the_rest(&world).await;
    assert_eq!(world.letter.taken(), []);
    world.end().await;
}

#[tokio::test]
async fn a_letter_that_is_being_handed_over_cannot_be_cancelled_and_a_cancelled_one_is_not_printed()
{
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    let job = waiting_job(&world, &council, letter, people(1)).await;
    let gate = Arc::new(Gate::default());
    world.letter.is(Mood::WaitsAt(gate.clone()));
    world.advance(RETRY);
    let id = origin(&world, &council, &job).await.row(0);
    let meanwhile = async {
        gate.arrived.notified().await;
        let refused = cancel(&world, &council, &job).await;
        assert_eq!(refused.message(), STILL_PROCESSING);
        let path = format!("/service/{}/notifications/{id}/cancel", council.id);
        let refused = world.ask_internally("POST", &path, "").await;
        let why = "We could not cancel this letter. Letter status: created";
        assert!(refused.message().starts_with(why), "{}", refused.json);
        gate.open.notify_one();
    };
    tokio::join!(world.run_tasks(), meanwhile);
    assert_eq!(cancel(&world, &council, &job).await.message(), TOO_LATE);
    assert_eq!(
        standing(&world, &council, &job).await.1,
        stands("", &[("sending", 1)]).1
    );
    assert_eq!(letters_spent(&world, &council).await, 1);
    world.end().await;
}

#[tokio::test]
async fn what_counts_for_cancelling_a_scheduled_job_is_when_its_letters_were_made() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    world.letter.is(Mood::IsAway);
    let uploaded = world
        .upload(council.id, letter, "people.csv", people(2))
        .await;
    let id = uploaded.data()["id"].as_str().unwrap().to_owned();
    let asked = json!({"id": id, "scheduled_for": "2026-03-05T10:00:00"});
    assert_eq!(world.make_job(council.id, &asked).await.status, 201);
    let then: Timestamp = "2026-03-05T10:00:00Z".parse().unwrap();
    world.advance(then.since(world.clock.now()));
    world.run_the_clock().await;
    count_rows(&world).await;
    let done = cancel(&world, &council, &id).await;
    assert_eq!((done.status.as_u16(), &done.json), (200, &json!(2)));
    assert_eq!(letters_spent(&world, &council).await, 0);
    print_the_rest(&world).await;
    assert_eq!(world.letter.taken(), []);
    world.end().await;
}

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

async fn bulk(world: &World, key: &stories::Key, order: &Value) -> Answer {
    world.post(key, "/v2/notifications/bulk", order).await
}

#[tokio::test]
async fn the_rows_of_a_request_become_letters_too() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    let made = bulk(&world, &council.normal, &order(letter, 4)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    world.run_tasks().await;
    let path = format!("/v2/jobs/{}", made.json["id"].as_str().unwrap());
    let done = world.get(&council.normal, &path).await.json;
    assert_eq!(
        (&done["status"], &done["statistics"]),
        (&json!("finished"), &json!({"sending": 4}))
    );
    let path = "/v2/notifications?include_jobs=true&template_type=letter&reference=spring";
    let listed = world.get(&council.normal, path).await;
    assert_eq!(listed.json["notifications"].as_array().unwrap().len(), 4);

    let mut bad = order(letter, 2);
    bad["rows"][1][2] = json!("nowhere");
    let refused = bulk(&world, &council.normal, &bad).await;
    assert_eq!(refused.status, 400);
    let said = refused.json["errors"].to_string();
    assert!(
        said.contains("1 of 2 rows have errors") && said.contains("Row 2: "),
        "{said}"
    );
    let with_sender = {
        let mut order = order(letter, 1);
        order["reply_to_id"] = json!(council.id);
        order
    };
    let refused = bulk(&world, &council.normal, &with_sender).await;
    assert_eq!(
        refused.message(),
        "reply_to_id and sms_sender_id can not be given for letters"
    );
    world.end().await;
}

#[tokio::test]
async fn who_may_not_send_one_letter_sends_none_in_bulk() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    let refused = bulk(&world, &council.team, &order(letter, 1)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (403, "Cannot send letters with a team api key")
    );
    app::services::set_mode(&world.app, council.id, true, true)
        .await
        .unwrap();
    let refused = bulk(&world, &council.normal, &order(letter, 1)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (403, "Cannot send letters when service is in trial mode")
    );
    let tried_out = bulk(&world, &council.test, &order(letter, 1)).await;
    assert_eq!(tried_out.status, 201, "{}", tried_out.json);
    let bare = world.service("No letters").await;
    let letter = template(&world, &bare, "").await;
    let refused = bulk(&world, &bare.normal, &order(letter, 1)).await;
    assert_eq!(refused.message(), "Service is not allowed to send letters");
    world.run_tasks().await;
    assert_eq!(world.letter.taken(), []);
    world.end().await;
}

#[tokio::test]
async fn letters_in_bulk_with_a_test_key_get_pages_and_go_nowhere() {
    for waits_for_a_receipt in [false, true] {
        let world =
            World::like(|settings, _| settings.test_letters_fake_delivery = waits_for_a_receipt)
                .await;
        let council = council(&world).await;
        let letter = template(&world, &council, "").await;
        let made = bulk(&world, &council.test, &order(letter, 3)).await;
        let job = made.json["id"].as_str().unwrap().to_owned();
        world.runner().drain(&[JOBS]).await;
        let at_first = if waits_for_a_receipt {
            "sending"
        } else {
            "delivered"
        };
        assert_eq!(
            standing(&world, &council, &job).await,
            stands("finished", &[(at_first, 3)])
        );
        world.run_tasks().await;
        let done = world.job_status(council.id, &job).await;
        assert_eq!(count(&done, "delivered"), 3);
        let id = origin(&world, &council, &job).await.row(2);
        let row = kept(&world, &council, id).await;
        assert_eq!(
            (row.key_type, row.billable_units, row.sent_by),
            (KeyType::Test, 0, None)
        );
        assert_eq!(pages(&world, &council.test, id).await.status, 200);
        assert_eq!(world.letter.taken(), []);
        assert_eq!(letters_spent(&world, &council).await, 0, "not counted");
        world.end().await;
    }
}

#[tokio::test]
async fn letters_that_wait_without_a_task_are_put_back_in_the_queue_after_an_hour() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    let job = world.job(council.id, letter, people(3)).await;
    world.runner().drain(&[JOBS]).await;
    assert_eq!(lose_tasks(&world, "send-letter-tasks").await, 1);
    world.advance(Duration::from_mins(75));
    world.run_the_clock().await;
    let found = world.job_status(council.id, &job).await;
    assert_eq!(count(&found, "sending"), 3);
    assert_eq!(world.letter.taken().len(), 3);
    world.end().await;
}

#[tokio::test]
async fn a_letter_that_a_job_lacks_is_made_again_under_its_own_id() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, "").await;
    let job = world.job(council.id, letter, people(4)).await;
    world.run_tasks().await;
    let lost = origin(&world, &council, &job).await.row(2);
    lose_rows(&world, &[lost]).await;
    world.advance(Duration::from_mins(30));
    world.run_the_clock().await;
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("finished all notifications created", &[("sending", 4)])
    );
    let row = kept(&world, &council, lost).await;
    assert_eq!(row.job_row_number, Some(2));
    assert!(row.reference.is_some_and(|reference| reference.len() == 16));
    world.end().await;
}

#[tokio::test]
async fn erasing_somebody_passes_over_letters_and_retention_forgets_them_with_their_pages() {
    let world = World::new().await;
    let council = council(&world).await;
    let letter = template(&world, &council, " at ((phone number))").await;
    world.letter.reports(false);
    let mut file = "address line 1,address line 2,postcode,name,phone number\n".to_owned();
    for row in 0..3 {
        let _ = writeln!(file, "Ada,{row} Mill Lane,sw1a1aa,Ada,07700900123");
    }
    let job = world.job(council.id, letter, file).await;
    let recipient = Recipient::parse("07700900123").unwrap();
    let mut erasure = Erasure::new(&world.app, recipient, None);
    assert!(erasure.go_on().await.unwrap());
    assert_eq!(
        erasure.report().rows,
        0,
        "what a letter says is no recipient"
    );
    world.run_tasks().await;
    assert_eq!(
        standing(&world, &council, &job).await,
        stands("finished", &[("delivered", 3)])
    );
    let id = origin(&world, &council, &job).await.row(1);
    assert_eq!(pages(&world, &council.normal, id).await.status, 200);

    for night in ["2026-03-10T03:00:00Z", "2026-03-10T04:00:00Z"] {
        let night: Timestamp = night.parse().unwrap();
        world.advance(night.since(world.clock.now()));
        world.run_the_clock().await;
    }
    let path = format!("/v2/notifications/{id}");
    assert_eq!(world.get(&council.normal, &path).await.status, 404);
    let found = app::letters::find_pages(&world.app, council.id, id).await;
    assert!(found.unwrap().is_none(), "the pages go with the letter");
    assert_eq!(world.job_status(council.id, &job).await["archived"], true);
    world.end().await;
}
