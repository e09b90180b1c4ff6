//! Letters to a print shop that takes files: zips of a print run in a file drop (`docs/spec/letters.md` §7.3).

use std::{fs, path::Path, sync::Arc, time::Duration};

use domain::{Clock as _, NotificationStatus, TemplateId};
use pillarbox_stories::{Fate, PrintShop, PrintedLetter, TestService, World};
use providers::{LetterProvider, ProviderSettings as _, letter::file_drop::FileDropSettings};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{id_of, kept, post, service, template, to_ada};
use crate::captured_log::CapturedLog;

/// Pause between two attempts to put a zip.
const RETRY: Duration = Duration::from_secs(181);

pub(super) fn provider(settings: Value) -> Arc<dyn LetterProvider> {
    let settings: FileDropSettings = serde_json::from_value(settings).unwrap();
    settings.build(Path::new("/nowhere")).unwrap()
}

async fn world_with(settings: Value) -> World {
    World::with(|_, providers| providers.letter[0].provider = provider(settings)).await
}

/// Returns settings of a file drop in a directory.
pub(super) fn in_directory(directory: &Path) -> Value {
    json!({ "name": "print-shop", "directory": directory })
}

/// Returns a spreadsheet with this many rows.
fn people(count: usize) -> String {
    let rows = (0..count).map(|row| format!("Ada {row},{row} Mill Lane,SW1A 1AA,Ada {row},bins\n"));
    let header = "address_line_1,address_line_2,postcode,name,thing\n".to_owned();
    std::iter::once(header).chain(rows).collect()
}

fn references(letters: &[PrintedLetter]) -> Vec<&str> {
    letters.iter().map(|letter| &*letter.reference).collect()
}

/// Returns the settings of a file drop in a directory of the SFTP server, and the directory.
pub(super) fn over_sftp() -> (Value, TempDir) {
    let server = std::env::var("PILLARBOX_TEST_SFTP").expect("set by make test-distributed");
    let server: Value = serde_json::from_str(&server).unwrap();
    let directory = TempDir::new_in(server["root"].as_str().unwrap()).unwrap();
    let (user, port) = (server["user"].as_str().unwrap(), &server["port"]);
    let settings = json!({
        "name": "print-shop",
        "sftp": format!("sftp://{user}@127.0.0.1:{port}{}", directory.path().display()),
        "host_keys": [server["host_key"]],
        "key_file": server["key_file"],
    });
    (settings, directory)
}

/// Sends two hundred letters of a spreadsheet to a print shop, twice, and looks at what it got.
async fn a_job_is_printed_once(settings: Value, directory: &Path) {
    let world = world_with(settings).await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    world.job(service.id, template, people(200)).await;
    let mut shop = PrintShop::new(directory, directory);
    world.run_tasks().await;
    assert_eq!(shop.collect(), 0, "letters wait for the print run");

    world.print_letters().await;
    assert_eq!(shop.collect(), 1);
    assert_eq!((shop.printed().len(), shop.copies()), (200, 0));
    let zip = shop.collected()[0].to_owned();
    assert!(
        zip.starts_with("NOTIFY.2026-03-02.001.") && zip.split('.').next_back() == Some("ZIP"),
        "{zip}"
    );
    for letter in shop.printed() {
        let name = letter.file_name.as_deref().unwrap();
        let start = format!("NOTIFY.{}.D.2.C.20260302", letter.reference);
        assert!(
            name.starts_with(&start) && name.split('.').next_back() == Some("PDF"),
            "{name}"
        );
        assert!(letter.pdf.starts_with(b"%PDF-"));
    }

    // Again, by an operator.
    world.print_letters().await;
    assert_eq!(shop.collect(), 0, "all letters are printed");
    assert!(
        fs::read_dir(directory).unwrap().next().is_none(),
        "nothing is left behind"
    );
}

#[tokio::test]
async fn a_job_of_letters_reaches_the_print_shop_in_zips() {
    let directory = TempDir::new().unwrap();
    a_job_is_printed_once(in_directory(directory.path()), directory.path()).await;
}

#[tokio::test]
#[ignore = "needs an SFTP server: make test-distributed"]
async fn a_job_of_letters_reaches_the_print_shop_over_sftp() {
    let (settings, directory) = over_sftp();
    a_job_is_printed_once(settings, directory.path()).await;
}

/// Prints three letters and reports on them, twice and out of order, in a folder of the drop.
async fn the_shop_reports(mut settings: Value, directory: &Path) {
    let responses = directory.join("responses");
    fs::create_dir(&responses).unwrap();
    settings["responses"] = json!(responses);
    let world = world_with(settings).await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let mut letters = Vec::new();
    for _ in 0..3 {
        letters.push(id_of(
            &post(&world, &service.normal, &to_ada(template)).await,
        ));
    }
    world.print_letters().await;
    let mut shop = PrintShop::new(directory, &responses);
    shop.collect();
    let printed: Vec<String> = references(shop.printed())
        .into_iter()
        .map(str::to_owned)
        .collect();
    let fates = [Fate::Unsorted, Fate::Spoilt, Fate::Lost];
    let lines = printed.iter().zip(fates);
    let name = shop.respond(
        "20260303090000",
        lines.rev().map(|(one, fate)| (&**one, 1, fate)),
    );
    for _ in 0..2 {
        world.advance(Duration::from_mins(1));
        world.run_schedule().await;
    }
    let statuses = [
        NotificationStatus::Delivered,
        NotificationStatus::TemporaryFailure,
        NotificationStatus::Sending,
    ];
    for reference in &printed {
        let position = printed.iter().position(|one| one == reference).unwrap();
        let mut found = Vec::new();
        for id in &letters {
            let letter = kept(&world, &service, *id).await;
            if letter.reference.as_ref() == Some(reference) {
                found.push(letter.status);
            }
        }
        assert_eq!(found, [statuses[position]]);
    }
    assert!(responses.join("processed").join(&name).exists());
    assert!(!responses.join(&name).exists());
    let day = app::letters::response_files::parse_day("2026-03-03").unwrap();
    let counts = app::letters::response_files::list_counts(&world.app, day, day).await;
    let counts: Vec<_> = counts
        .unwrap()
        .into_iter()
        .map(|one| (one.file_name, one.sorted_count, one.unsorted_count))
        .collect();
    assert_eq!(counts, [(name, 0, 2)]);
}

#[tokio::test]
async fn response_files_are_noticed_in_the_drop() {
    let directory = TempDir::new().unwrap();
    the_shop_reports(in_directory(directory.path()), directory.path()).await;
}

#[tokio::test]
#[ignore = "needs an SFTP server: make test-distributed"]
async fn response_files_are_noticed_over_sftp() {
    let (settings, directory) = over_sftp();
    the_shop_reports(settings, directory.path()).await;
}

#[tokio::test]
async fn a_zip_that_the_print_shop_does_not_acknowledge_raises_an_alarm() {
    let directory = TempDir::new().unwrap();
    let mut settings = in_directory(directory.path());
    settings["acknowledgements"] = json!(directory.path());
    let world = world_with(settings).await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let mut shop = PrintShop::new(directory.path(), directory.path());
    for _ in 0..2 {
        post(&world, &service.normal, &to_ada(template)).await;
        world.print_letters().await;
        shop.collect();
    }
    let zips = shop.collected();
    shop.acknowledge(zips[0]);
    let log = CapturedLog::start();
    let mut alarms = Vec::new();
    // The evening of the run, and the next.
    for time in ["2026-03-02T22:30:00Z", "2026-03-03T22:30:00Z"] {
        let time: domain::Timestamp = time.parse().unwrap();
        world.advance(time.since(world.clock.now()));
        world.run_schedule().await;
        alarms.push(log.errors_with("Letter acknowledge error").len());
    }
    assert_eq!(alarms, [1, 1]);
    let says = format!(
        "Letter acknowledge error: Letter ack file does not contain all zip files sent. Missing ack for zip files: [{}].",
        zips[1]
    );
    assert_eq!(log.errors_with(&says).len(), 1);
}

#[tokio::test]
async fn a_letter_is_sending_once_the_print_shop_has_it() {
    let directory = TempDir::new().unwrap();
    let world = world_with(in_directory(directory.path())).await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let id = id_of(&post(&world, &service.normal, &to_ada(template)).await);
    let test = id_of(&post(&world, &service.test, &to_ada(template)).await);
    world.print_letters().await;

    let letter = kept(&world, &service, id).await;
    assert_eq!(letter.status, NotificationStatus::Sending);
    assert_eq!(letter.sent_by.as_deref(), Some("print-shop"));
    // The time at which the zip was there, which is a little before this.
    let since = world.clock.now().since(letter.sent_at.unwrap());
    assert!(since < Duration::from_secs(1), "{since:?}");
    let mut shop = PrintShop::new(directory.path(), directory.path());
    shop.collect();
    assert_eq!(
        references(shop.printed()),
        [letter.reference.as_deref().unwrap()]
    );
    let test = kept(&world, &service, test).await;
    assert_eq!(
        test.status,
        NotificationStatus::Delivered,
        "a test letter is never printed"
    );
}

#[tokio::test]
async fn letters_wait_while_the_drop_is_away() {
    let home = TempDir::new().unwrap();
    let directory = home.path().join("mounted-later");
    let world = world_with(in_directory(&directory)).await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let id = id_of(&post(&world, &service.normal, &to_ada(template)).await);
    world.print_letters().await;
    assert_eq!(
        kept(&world, &service, id).await.status,
        NotificationStatus::Created
    );

    // It was claimed: a cancelled letter must not be printed.
    let path = format!("/service/{}/notifications/{id}/cancel", service.id);
    let cancelled = world.internal_request("POST", &path, "{}").await;
    assert_eq!(cancelled.status, 400, "{}", cancelled.json);

    fs::create_dir(&directory).unwrap();
    world.advance(RETRY);
    world.run_tasks().await;
    assert_eq!(
        kept(&world, &service, id).await.status,
        NotificationStatus::Sending
    );
    let mut shop = PrintShop::new(&directory, &directory);
    assert_eq!(shop.collect(), 1);
}

#[tokio::test]
async fn letters_fail_when_the_drop_stays_away() {
    let home = TempDir::new().unwrap();
    let mut world = world_with(in_directory(&home.path().join("never-mounted"))).await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let id = id_of(&post(&world, &service.normal, &to_ada(template)).await);
    world.print_letters().await;
    for _ in 0..55 {
        assert_eq!(
            kept(&world, &service, id).await.status,
            NotificationStatus::Created
        );
        world.advance(RETRY);
        world.run_tasks().await;
    }
    let letter = kept(&world, &service, id).await;
    assert_eq!(letter.status, NotificationStatus::TechnicalFailure);
    world.expect_dead_letters();
}

#[tokio::test]
async fn a_letter_without_its_pages_does_not_hold_up_the_others() {
    let directory = TempDir::new().unwrap();
    let world = world_with(in_directory(directory.path())).await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let lost = id_of(&post(&world, &service.normal, &to_ada(template)).await);
    world.run_tasks().await;
    remove_files(&world.files());
    let whole = id_of(&post(&world, &service.normal, &to_ada(template)).await);
    world.print_letters().await;

    let lost = kept(&world, &service, lost).await;
    assert_eq!(lost.status, NotificationStatus::TechnicalFailure);
    let whole = kept(&world, &service, whole).await;
    assert_eq!(whole.status, NotificationStatus::Sending);
    let mut shop = PrintShop::new(directory.path(), directory.path());
    shop.collect();
    assert_eq!(
        references(shop.printed()),
        [whole.reference.as_deref().unwrap()]
    );
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

/// An e-mail template of the platform's own service about volumes.
async fn volumes_template(world: &World, platform: &TestService) -> TemplateId {
    let new = app::manage::templates::NewTemplate {
        template_type: domain::Channel::Email,
        name: "Volumes".to_owned(),
        subject: Some("Letters of ((date))".to_owned()),
        content: "((total_volume)) letters on ((total_sheets)) sheets, ((second_class_volume)) second class, \
                  ((international_volume)) abroad"
            .to_owned(),
        lane: None,
        created_by: None,
    };
    let made = app::manage::templates::create(&world.app, platform.id, new).await;
    made.unwrap().id
}

#[tokio::test]
async fn the_print_shop_is_told_how_many_letters_to_expect() {
    let directory = TempDir::new().unwrap();
    let mut settings = in_directory(directory.path());
    settings["volumes_to"] = json!(["print.room@example.com", "office@example.com"]);
    let world = world_with(settings.clone()).await;
    let platform = world.service("Platform").await;
    let about_volumes = volumes_template(&world, &platform).await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    for _ in 0..3 {
        post(&world, &service.normal, &to_ada(template)).await;
    }
    let process = world.another_process_with(|settings| {
        settings.letter_volumes = Some(app::NoticeTemplate {
            service: platform.id,
            template: about_volumes,
        });
    });
    let runner = process.runner(queue::RunnerSettings::default());
    runner.drain(app::tasks::POOLS).await;
    world.advance(Duration::from_secs(1));
    let deadline = world.clock.now();
    for _ in 0..2 {
        app::letters::print_run::start(&process, Some(deadline))
            .await
            .unwrap();
        runner.drain(app::tasks::POOLS).await;
    }
    let mut told = world.email.accepted();
    told.sort_by(|one, other| one.to.cmp(&other.to));
    let to: Vec<_> = told.iter().map(|email| &*email.to).collect();
    assert_eq!(
        to,
        ["office@example.com", "print.room@example.com"],
        "once each"
    );
    assert_eq!(told[0].subject, "Letters of 2 March 2026");
    assert!(
        told[0]
            .plain_body
            .contains("3 letters on 3 sheets, 3 second class, 0 abroad"),
        "{}",
        told[0].plain_body
    );
}
