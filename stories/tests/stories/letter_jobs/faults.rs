//! Faults of letter jobs: workers that stop or overlap, letters that cannot be printed, lost tasks and rows.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc, time::Duration};

use domain::NotificationStatus;
use pillarbox_stories::World;

use super::{
    STILL_PROCESSING, cancel, count_rows, kept, letters_spent, origin, people, service, standing,
    stands, template,
};
use crate::{
    auditors::{lose_rows, lose_tasks},
    jobs::{JOBS, count, four_workers_meet, interrupt_after},
};

#[tokio::test]
async fn a_letter_job_resumes_where_it_stopped() {
    let world = World::with(|settings, _| settings.job_rows_at_once = 5).await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    let job = world.job(service.id, letter, people(23)).await;
    // Two batches.
    interrupt_after(&world, &service, &job, 2000).await;
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("in progress", &[("created", 10)])
    );
    assert_eq!(
        cancel(&world, &service, &job).await.message(),
        STILL_PROCESSING
    );

    let world = world.restarted().await;
    world.advance(Duration::from_secs(31));
    world.print_letters().await;
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("finished", &[("sending", 23)])
    );
    assert_eq!(world.letter.accepted().len(), 23);
}

#[tokio::test]
async fn two_workers_with_one_letter_job_make_and_print_each_letter_once() {
    let world = World::with(|settings, _| settings.job_rows_at_once = 3).await;
    let world = Arc::new(world);
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    let job = world.job(service.id, letter, people(20)).await;
    four_workers_meet(&world, &service, std::slice::from_ref(&job)).await;
    world.print_letters().await;
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("finished", &[("sending", 20)])
    );
    assert_eq!(letters_spent(&world, &service).await, 20, "counted once");
    let handed: BTreeSet<_> = world.letter.accepted().iter().map(|one| one.id).collect();
    assert_eq!((world.letter.accepted().len(), handed.len()), (20, 20));
    drop(Arc::into_inner(world).expect("no request holds the world any more"));
}

#[tokio::test]
async fn a_letter_that_cannot_be_printed_fails_alone() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "\n\n((story))").await;
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
    let job = world.job(service.id, letter, file).await;
    world.print_letters().await;
    let expected = [
        ("sending", 2),
        ("technical-failure", 1),
        ("validation-failed", 1),
    ];
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("finished", &expected)
    );
    let origin = origin(&world, &service, &job).await;
    let too_long = kept(&world, &service, origin.row(1)).await;
    assert_eq!(
        (too_long.status, too_long.billable_units),
        (NotificationStatus::ValidationFailed, 0)
    );
    let problem = too_long.problem.unwrap();
    assert!(problem.contains("at most 10 can be sent"), "{problem}");
    assert_eq!(
        kept(&world, &service, origin.row(0)).await.billable_units,
        1
    );
    let sheets = kept(&world, &service, origin.row(3)).await.billable_units;
    assert!(
        (2..=5).contains(&sheets),
        "{sheets} sheets of several pages"
    );
    count_rows(&world).await;
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("finished all notifications created", &expected),
        "it adds up"
    );
}

#[tokio::test]
async fn letters_without_a_task_are_requeued_after_an_hour() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    let job = world.job(service.id, letter, people(3)).await;
    world.runner().drain(&[JOBS]).await;
    assert_eq!(lose_tasks(&world, "create-letters-pdf-tasks").await, 1);
    world.advance(Duration::from_mins(75));
    world.run_schedule().await;
    world.print_letters().await;
    let found = world.job_status(service.id, &job).await;
    assert_eq!(count(&found, "sending"), 3);
    assert_eq!(world.letter.accepted().len(), 3);
}

#[tokio::test]
async fn a_missing_letter_of_a_job_is_recreated_with_its_id() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    let job = world.job(service.id, letter, people(4)).await;
    world.print_letters().await;
    let lost = origin(&world, &service, &job).await.row(2);
    lose_rows(&world, &[lost]).await;
    world.advance(Duration::from_mins(30));
    world.run_schedule().await;
    world.print_letters().await;
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("finished all notifications created", &[("sending", 4)])
    );
    let row = kept(&world, &service, lost).await;
    assert_eq!(row.job_row_number, Some(2));
    assert!(row.reference.is_some_and(|reference| reference.len() == 16));
}
