//! `pillarbox check`: nothing is found on a platform that works, and what is broken is found and repaired.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};

use app::consistency::{self, Finding};
use domain::{Clock as _, NotificationId};
use pillarbox_stories::World;
use store::stored_bytes::{self, Stored};

use super::{HALF_AN_HOUR, lose_rows, lose_tasks, status};
use crate::jobs::{JOBS, count, people};

/// Returns what was found, without what is as it should be: subject, count, examples.
async fn found(world: &World) -> Vec<(&'static str, u64, Vec<String>)> {
    let all = consistency::check(&world.app).await.unwrap();
    assert_eq!(all.len(), 6);
    let wrong = all.into_iter().filter(|one| one.count > 0);
    wrong
        .map(
            |Finding {
                 subject,
                 count,
                 examples,
                 ..
             }| (subject, count, examples),
        )
        .collect()
}

async fn repair(world: &World) {
    consistency::repair(&world.app).await.unwrap();
}

/// Makes a file look as if it had last been written two days before the platform's clock, which is not that of the machine.
fn make_old(world: &World, file: &Path) {
    let since_1970 = Duration::from_secs(world.clock.now().unix_seconds().unsigned_abs());
    let two_days = Duration::from_hours(48);
    let then = SystemTime::UNIX_EPOCH + since_1970 - two_days;
    File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_modified(then)
        .unwrap();
}

#[tokio::test]
async fn a_check_finds_nothing_on_a_platform_that_works() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(20)).await;
    world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    world.send_sms(&service, &service.test, "07700900123").await;
    // While everything waits, when it is sent, and days later.
    assert_eq!(found(&world).await, []);
    world.run_tasks().await;
    assert_eq!(found(&world).await, []);
    for _ in 0..10 {
        world.advance(Duration::from_hours(24));
        world.run_schedule().await;
    }
    assert_eq!(found(&world).await, []);
    repair(&world).await;
    assert_eq!(world.run_tasks().await, 0, "there was nothing to repair");
    assert_eq!(
        status(&world, &service, &job).await["job_status"],
        "finished all notifications created"
    );
}

#[tokio::test]
async fn a_message_without_a_task_is_found_and_sent_after_a_repair() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let id = sent.json["id"].as_str().unwrap().to_owned();
    assert_eq!(lose_tasks(&world, "send-sms-tasks").await, 1);
    world.advance(Duration::from_mins(61));
    let expected = ("messages without a task", 1, vec![id.clone()]);
    assert_eq!(found(&world).await, [expected]);
    assert_eq!(
        world.status_of(&service, &id).await,
        "created",
        "looking changes nothing"
    );
    repair(&world).await;
    assert_eq!(found(&world).await, []);
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "sending");
}

#[tokio::test]
async fn a_stopped_job_and_lost_rows_are_found_and_repaired() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(20)).await;
    lose_tasks(&world, JOBS.name).await;
    world.advance(HALF_AN_HOUR);
    assert_eq!(
        found(&world).await,
        [("jobs without a task", 1, vec![job.clone()])]
    );
    repair(&world).await;
    world.run_tasks().await;
    assert_eq!(count(&status(&world, &service, &job).await, "sending"), 20);

    let rows = world
        .get(&service.normal, "/v2/notifications?include_jobs=true")
        .await;
    let id: NotificationId = rows.json["notifications"][3]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    lose_rows(&world, &[id]).await;
    world.advance(Duration::from_mins(2));
    let subjects: Vec<_> = found(&world)
        .await
        .into_iter()
        .map(|(subject, count, _)| (subject, count))
        .collect();
    assert_eq!(subjects, [("finished jobs that lack rows", 1)]);
    repair(&world).await;
    world.run_tasks().await;
    assert_eq!(found(&world).await, []);
    let found = status(&world, &service, &job).await;
    assert_eq!(found["job_status"], "finished all notifications created");
}

#[tokio::test]
async fn missing_and_abandoned_files_are_named_and_the_abandoned_are_removed() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let uploaded = world
        .upload(service.id, service.sms, "people.csv", people(3))
        .await;
    let id = uploaded.data()["id"].as_str().unwrap().to_owned();
    world.advance(Duration::from_hours(2));
    let key = format!("spreadsheets/service-{}-notify/{id}.csv", service.id);
    let (path, away) = (world.files().join(&key), world.files().join("away"));
    fs::rename(&path, &away).unwrap();
    assert_eq!(
        found(&world).await,
        [("files that are missing", 1, vec![key.clone()])]
    );
    repair(&world).await;
    assert_eq!(
        found(&world).await.len(),
        1,
        "nothing can bring it back but a backup"
    );
    fs::rename(&away, &path).unwrap();
    assert_eq!(found(&world).await, []);

    let stray = format!(
        "contact-lists/service-{}/{}.csv",
        service.id,
        uuid::Uuid::from_u128(99)
    );
    let stray_path = world.files().join(&stray);
    fs::create_dir_all(stray_path.parent().unwrap()).unwrap();
    fs::write(&stray_path, "nobody's").unwrap();
    assert_eq!(found(&world).await, [], "its row may still be on its way");
    make_old(&world, &stray_path);
    make_old(&world, &path);
    assert_eq!(
        found(&world).await,
        [("files without an owner", 1, vec![stray])]
    );
    repair(&world).await;
    assert!(stray_path.exists(), "a repair removes nothing");
    consistency::remove_abandoned_files(&world.app)
        .await
        .unwrap();
    assert!(!stray_path.exists() && path.exists());
    assert_eq!(found(&world).await, []);
}

#[tokio::test]
async fn a_wrong_counter_of_stored_bytes_is_corrected() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world
        .upload(service.id, service.sms, "people.csv", people(3))
        .await;
    let mut tx = world.app.store().write().await.unwrap();
    stored_bytes::add(&mut tx, service.id, Stored::Files, 1000)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let example = format!("service {}: -1000 bytes", service.id);
    assert_eq!(
        found(&world).await,
        [("counters of stored bytes", 1, vec![example])]
    );
    repair(&world).await;
    assert_eq!(found(&world).await, []);
}
