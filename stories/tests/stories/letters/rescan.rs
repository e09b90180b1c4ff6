//! Supplied letters that could not be scanned are scanned again by an operator (`docs/spec/letters.md` §5.2).

use std::{fs, path::Path, time::Duration};

use domain::{NotificationId, NotificationStatus as S};
use pillarbox_stories::{FakeScanner, TestService, World};
use serde_json::json;

use super::{kept, service};
use crate::letter_delivery::{address, pdf_of, post_pdf};

/// Sends a supplied letter while the scanner is away, until it has failed.
async fn fail(world: &World, service: &TestService) -> NotificationId {
    world.scanner.set_unavailable(true);
    let pages = [address(&["Ada Lovelace", "1 Mill Lane", "SW1A 1AA"])];
    let id = post_pdf(world, &service.normal, &pdf_of(&pages, "letter")).await;
    world.run_tasks().await;
    while kept(world, service, id).await.status == S::PendingVirusCheck {
        world.advance(Duration::from_secs(301));
        world.run_tasks().await;
    }
    world.scanner.set_unavailable(false);
    let status = kept(world, service, id).await.status;
    assert_eq!(status, S::TechnicalFailure);
    id
}

async fn rescan(world: &World, service: &TestService, id: NotificationId) -> u16 {
    let path = format!("/service/{}/notifications/{id}/rescan", service.id);
    let answer = world.internal_request("POST", &path, "{}").await;
    world.run_tasks().await;
    answer.status.as_u16()
}

#[tokio::test]
async fn a_letter_that_could_not_be_scanned_is_scanned_again_and_printed() {
    let mut world = World::new().await;
    world.expect_dead_letters();
    let service = service(&world, "Riverside Council").await;
    let id = fail(&world, &service).await;
    assert_eq!(rescan(&world, &service, id).await, 200);
    let letter = kept(&world, &service, id).await;
    assert_eq!((letter.status, letter.billable_units), (S::Created, 1));
    // Once is enough.
    assert_eq!(rescan(&world, &service, id).await, 400);
    world.print_letters().await;
    let letter = kept(&world, &service, id).await;
    assert_eq!(letter.status, S::Sending);
    assert_eq!(rescan(&world, &service, id).await, 400);
}

#[tokio::test]
async fn all_letters_that_could_not_be_scanned_are_scanned_again_and_no_others() {
    let mut world = World::new().await;
    world.expect_dead_letters();
    let here = service(&world, "Riverside Council").await;
    let there = service(&world, "Hillside Council").await;
    let lost = fail(&world, &here).await;
    remove_files(&world.files());
    let failed = [
        (&here, fail(&world, &here).await),
        (&there, fail(&world, &there).await),
    ];
    let pages = [address(&["Ada Lovelace", "1 Mill Lane", "SW1A 1AA"])];
    let virus = post_pdf(&world, &here.normal, &pdf_of(&pages, FakeScanner::VIRUS)).await;
    world.run_tasks().await;

    let answer = world
        .internal_request("POST", "/letters/rescan", "{}")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let done = answer.json.get("data").unwrap_or(&answer.json);
    assert_eq!(*done, json!({"rescanned": 2, "without_pdf": [lost]}));
    world.run_tasks().await;
    for (service, id) in failed {
        assert_eq!(kept(&world, service, id).await.status, S::Created);
    }
    let status = kept(&world, &here, lost).await.status;
    assert_eq!(status, S::TechnicalFailure);
    assert_eq!(kept(&world, &here, virus).await.status, S::VirusScanFailed);
    assert_eq!(rescan(&world, &here, virus).await, 400);
    assert_eq!(rescan(&world, &there, virus).await, 404);
}

fn remove_files(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            remove_files(&path);
        } else {
            fs::remove_file(path).unwrap();
        }
    }
}
