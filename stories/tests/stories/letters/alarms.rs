//! Alarms about letters (`docs/spec/letters.md` §14).

use std::time::Duration;

use domain::{NotificationStatus as S, Timestamp};
use pillarbox_stories::World;
use tracing_core::Level;

use super::{Printed, insert_printed, post_pdf, service};
use crate::captured_log::CapturedLog;

/// Advances to a time, and runs the schedule of that minute.
async fn at(world: &World, time: &str) {
    let time: Timestamp = time.parse().unwrap();
    world.advance(time.since(domain::Clock::now(&*world.clock)));
    world.run_schedule().await;
}

#[tokio::test]
async fn letters_that_no_print_run_took_raise_an_alarm_on_weekdays() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    // The world begins on a Monday at nine.
    let letter = Printed {
        status: S::Created,
        ..Printed::sending("AAAABBBBCCCC0001")
    };
    insert_printed(&world, (service.id, service.sms), &letter).await;
    let log = CapturedLog::start();
    at(&world, "2026-03-03T07:00:00Z").await;
    let says = "Letters still in 'created' status: 1 letters were created before 17.30 yesterday and still have 'created' \
                status.";
    assert_eq!(log.errors_with(says).len(), 1);
    at(&world, "2026-03-07T07:00:00Z").await;
    assert_eq!(log.errors_with(says).len(), 1, "not on a Saturday");
}

#[tokio::test]
async fn letters_in_technical_failure_raise_an_alarm_for_three_days() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let letter = Printed {
        status: S::TechnicalFailure,
        ..Printed::sending("AAAABBBBCCCC0001")
    };
    insert_printed(&world, (service.id, service.sms), &letter).await;
    let log = CapturedLog::start();
    let says = "Letters in 'technical-failure' status: 1 letters have 'technical-failure' status.";
    for (time, count) in [
        ("2026-03-03T07:00:00Z", 1),
        ("2026-03-05T07:00:00Z", 2),
        ("2026-03-06T07:00:00Z", 2),
    ] {
        at(&world, time).await;
        assert_eq!(log.errors_with(says).len(), count, "{time}");
    }
}

#[tokio::test]
async fn letters_that_are_not_reported_on_raise_an_alarm_on_working_days() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    // Sent on Monday, so the second working day after it is Wednesday.
    insert_printed(
        &world,
        (service.id, service.sms),
        &Printed::sending("AAAABBBBCCCC0001"),
    )
    .await;
    let log = CapturedLog::start();
    at(&world, "2026-03-03T19:00:00Z").await;
    assert_eq!(
        log.errors_with("Letters still sending"),
        Vec::<String>::new()
    );
    at(&world, "2026-03-04T19:00:00Z").await;
    let says =
        "Letters still sending: There are 1 letters in the 'sending' state from Monday 02 March.";
    assert_eq!(log.errors_with(says).len(), 1);
    at(&world, "2026-03-07T19:00:00Z").await;
    assert_eq!(
        log.errors_with("Letters still sending").len(),
        1,
        "not on a Saturday"
    );
}

#[tokio::test]
async fn a_letter_that_waits_for_its_scan_is_scanned_again_and_one_without_pdf_raises_an_alarm() {
    let mut world = World::new().await;
    world.expect_unfinished_tasks();
    let service = service(&world, "Riverside Council").await;
    let lost = Printed {
        status: S::PendingVirusCheck,
        ..Printed::sending("AAAABBBBCCCC0001")
    };
    let lost = insert_printed(&world, (service.id, service.sms), &lost).await;
    world.scanner.set_unavailable(true);
    post_pdf(&world, &service.normal, "waits").await;
    world.run_tasks().await;
    let log = CapturedLog::start();
    world.advance(Duration::from_mins(20));
    world.run_schedule().await;
    let says = "still waits for its virus scan and is scanned again";
    assert_eq!(log.lines_with(Level::WARN, says).len(), 1);
    let says = format!("letter {lost} waits for its virus scan, and its PDF is missing");
    assert_eq!(log.lines_with(Level::WARN, &says).len(), 1);
    let says = "Letters still pending virus check: 1 letters cannot be scanned";
    assert_eq!(log.errors_with(says).len(), 1);
}

#[tokio::test]
async fn a_response_file_without_counts_raises_an_alarm() {
    let world = World::new().await;
    let name = "NOTIFY-20260302170000-RSP.TXT";
    let path = format!("/letters/response-files?file_name={name}");
    let answer = world
        .internal_request("POST", &path, "AAAABBBBCCCC0001|Sent|1|Nonsense")
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    world.run_tasks().await;
    let log = CapturedLog::start();
    at(&world, "2026-03-03T08:00:00Z").await;
    let says = format!(
        "Letters without sorted counts: 1 response files of the last three days are not counted: {name}."
    );
    assert_eq!(log.errors_with(&says).len(), 1);
}
