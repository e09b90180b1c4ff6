//! An erasure that is interrupted anywhere is completed by the next one. No other process rewrites files meanwhile,
//! because the later of two would bring back the recipient that the first had erased.

use std::{
    future::poll_fn,
    path::Path,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use app::{
    RewriteLockError,
    privacy::{
        erasure::{EraseError, Erasure, Recipient, Report},
        reencryption,
    },
};
use pillarbox_stories::{SeededRandom, TestService, World};
use serde_json::{Value, json};
use store::Keyring;

use crate::erasure::{PEOPLE, erase, text};

/// Longer than a killed process keeps the rewrite lock.
const LEASE: Duration = Duration::from_secs(61);
/// Number of awaits at which the erasure is interrupted.
const DEATHS: usize = 16;

fn erasure(world: &World) -> Erasure<'_> {
    let recipient = Recipient::parse("07700900123").unwrap();
    Erasure::new(&world.app, recipient, None)
}

/// Polls a future until its n-th await and drops it there, as if the process were killed.
async fn dies_after<T>(waits: usize, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut left) = (pin!(work), waits);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// Counts the awaits of a future.
async fn count_waits<T>(work: impl Future<Output = T>) -> (usize, T) {
    let (mut work, mut waits) = (pin!(work), 0);
    poll_fn(|context| {
        waits += 1;
        work.as_mut().poll(context).map(|done| (waits, done))
    })
    .await
}

/// Polls a future until it has begun to write a file, and leaves it there, as a stalled process.
async fn until_it_writes<T>(world: &World, mut work: Pin<&mut impl Future<Output = T>>) {
    poll_fn(|context| {
        if has_drafts(&world.files()) {
            return Poll::Ready(());
        }
        work.as_mut()
            .poll(context)
            .map(|_| panic!("it has ended and wrote nothing"))
    })
    .await;
}

/// A spreadsheet with the same recipients and many others, large enough to be interrupted in the middle of a rewrite.
fn many() -> String {
    let others =
        (0..OTHERS).map(|row| format!("07700900{:03},{},Friday\n", 200 + row, "x".repeat(500)));
    std::iter::once(PEOPLE.to_owned()).chain(others).collect()
}

/// Number of other recipients, none of whom is erased.
const OTHERS: usize = 500;

/// Returns whether a file is being written.
fn has_drafts(directory: &Path) -> bool {
    std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| {
            let path = entry.path();
            path.to_string_lossy().contains('#') || has_drafts(&path)
        })
}

/// Stores the recipient once in everything that can hold one.
struct Held {
    service: TestService,
    jobs: [String; 2],
}

async fn hold_the_recipient_everywhere(world: &World) -> Held {
    let service = world.service("Riverside Council").await;
    let done = world.job(service.id, service.sms, PEOPLE).await;
    text(world, &service, "07700900123").await;
    ask_once(world, &service).await;
    world.run_tasks().await;
    let path = format!("/service/{}/contact-list?template_type=sms", service.id);
    let list = world.internal_request("POST", &path, PEOPLE).await;
    assert_eq!(list.status, 201, "{}", list.text);
    app::manage::guests::add(&world.app, service.id, "07700900123")
        .await
        .unwrap();
    text(world, &service, "07700900123").await;
    let waits = world.job(service.id, service.sms, PEOPLE).await;
    Held {
        service,
        jobs: [done, waits],
    }
}

/// Sends a message with an idempotency key and returns the response.
async fn ask_once(world: &World, service: &TestService) -> pillarbox_stories::TestResponse {
    let body = json!({
        "phone_number": "07700900123", "template_id": service.sms,
        "personalisation": {"name": "Grace", "day": "Friday"},
    });
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let headers = [
        ("authorization", token.as_str()),
        ("idempotency-key", "k-1"),
    ];
    let path = "/v2/notifications/sms";
    world
        .request_with("POST", path, &headers, body.to_string())
        .await
}

/// Returns how many messages still name the recipient.
async fn left(world: &World, service: &TestService) -> usize {
    let path = "/v2/notifications?include_jobs=true";
    let list = world.get(&service.normal, path).await;
    let all = list.json["notifications"].as_array().unwrap().clone();
    assert!(all.len() > 4, "{}", list.text);
    let is_theirs = |message: &&Value| {
        let number = message["phone_number"].as_str().unwrap_or_default();
        number.replace(' ', "").ends_with("7700900123")
    };
    all.iter().filter(is_theirs).count()
}

async fn assert_nobody_is_left(world: &World, held: &Held) {
    world.run_tasks().await;
    for job in &held.jobs {
        let status = world.job_status(held.service.id, job).await;
        assert_eq!(status["job_status"], "finished", "{status}");
        assert_eq!(status["rows_kept"], 4, "{status}");
        let counts = status["statistics"].as_array().unwrap().iter();
        let counted: u64 = counts.map(|one| one["count"].as_u64().unwrap()).sum();
        assert_eq!(counted, 4, "{status}");
        assert_eq!(status["problem"], Value::Null, "{status}");
    }
    assert_eq!(left(world, &held.service).await, 0);
    let again = ask_once(world, &held.service).await;
    assert_eq!(again.headers["idempotent-replay"], "true");
    assert!(!again.text.contains("Grace"), "{}", again.text);
    assert_eq!(erase(world, "07700900123").await, Report::default());
}

#[tokio::test]
async fn an_interrupted_erasure_is_completed_by_the_next() {
    let world = World::new().await;
    let held = hold_the_recipient_everywhere(&world).await;
    let (waits, done) = count_waits(async { erasure(&world).run().await.unwrap() }).await;
    assert!(done && waits > DEATHS, "{waits}");
    assert_nobody_is_left(&world, &held).await;

    for death in 0..DEATHS {
        let world = World::new().await;
        let held = hold_the_recipient_everywhere(&world).await;
        let sent_before = world.sms.accepted().len();
        let dying = async { erasure(&world).run().await.unwrap() };
        dies_after(1 + death * waits / DEATHS, dying).await;
        // A killed process leaves nothing behind that continues to write.
        while has_drafts(&world.files()) {
            tokio::task::yield_now().await;
        }
        world.advance(LEASE);
        // The platform continues beside it, or was killed with it.
        let goes_on = death % 2 == 0;
        if goes_on {
            world.run_tasks().await;
        }
        let before = left(&world, &held.service).await;
        let report = erase(&world, "07700900123").await;
        assert_eq!(
            usize::try_from(report.notifications).unwrap(),
            before,
            "death {death}: it says what it did itself"
        );
        assert_nobody_is_left(&world, &held).await;
        if !goes_on {
            // The two other rows of the job that waited, and no others.
            assert_eq!(world.sms.accepted().len(), sent_before + 2, "death {death}");
        }
    }
}

#[tokio::test]
async fn a_job_paused_during_an_erasure_stays_paused() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, many()).await;
    let mut at_work = Box::pin(async { erasure(&world).run().await });
    until_it_writes(&world, at_work.as_mut()).await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "paused");
    let why = status["problem"].as_str().unwrap();
    assert!(why.contains("`pillarbox erase`"), "{why}");
    let id = job.parse().unwrap();
    app::jobs::pause(&world.app, service.id, id).await.unwrap();
    assert!(at_work.await.unwrap());
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["problem"]),
        (&json!("paused"), &Value::Null)
    );
    assert_eq!(world.sms.accepted().len(), 0);
    app::jobs::resume(&world.app, service.id, id).await.unwrap();
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 2 + OTHERS);
}

fn add_a_key(world: &World) {
    let line = Keyring::new_key_line(2, &SeededRandom::new(99));
    let both = std::fs::read_to_string(world.keyring()).unwrap() + &line;
    std::fs::write(world.keyring(), both).unwrap();
    world.app.store().keyring().reload().unwrap();
}

fn says_who_is_at_it(error: &RewriteLockError, what: &str) {
    let said = error.to_string();
    assert!(
        said.starts_with(what) && said.contains("run this again"),
        "{said}"
    );
}

#[tokio::test]
async fn erasure_and_reencryption_exclude_each_other_for_a_minute_at_most() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.job(service.id, service.sms, many()).await;
    add_a_key(&world);
    let mut at_work = Box::pin(async { erasure(&world).run().await });
    until_it_writes(&world, at_work.as_mut()).await;
    let elsewhere = world.another_process();
    let refused = reencryption::reencrypt(&elsewhere).await.unwrap_err();
    says_who_is_at_it(&refused, "an erasure has been running since ");
    let other = Recipient::parse("07700900001").unwrap();
    let mut other = Erasure::new(&elsewhere, other, None);
    let Err(EraseError::Rewriting(refused)) = other.run().await else {
        panic!("the other waits");
    };
    says_who_is_at_it(&refused, "an erasure has been running since ");

    drop(at_work);
    assert!(
        reencryption::reencrypt(&elsewhere).await.is_err(),
        "for a minute"
    );
    world.advance(LEASE);
    let done = reencryption::reencrypt(&elsewhere).await.unwrap().files;
    assert_eq!(done.spreadsheets, 1);
    assert!(
        other.run().await.unwrap(),
        "the lock of the other run has expired"
    );
    assert_eq!(erase(&world, "07700900123").await.rows, 2);
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 1 + OTHERS);
}

#[tokio::test]
async fn a_stalled_reencryption_does_not_restore_erased_data() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.job(service.id, service.sms, many()).await;
    add_a_key(&world);
    let elsewhere = world.another_process();
    let mut at_work = Box::pin(reencryption::reencrypt(&elsewhere));
    until_it_writes(&world, at_work.as_mut()).await;
    let mut early = erasure(&world);
    let Err(EraseError::Rewriting(refused)) = early.run().await else {
        panic!("the erasure waits");
    };
    says_who_is_at_it(&refused, "a change of keys has been running since ");

    world.advance(LEASE);
    assert_eq!(erase(&world, "07700900123").await.rows, 2);
    let late = at_work.await;
    assert!(matches!(late, Err(RewriteLockError::Lost)), "{late:?}");
    assert_eq!(erase(&world, "07700900123").await, Report::default());
    reencryption::reencrypt(&elsewhere).await.unwrap();
    assert_eq!(erase(&world, "07700900123").await, Report::default());
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 2 + OTHERS);
}

#[tokio::test]
async fn a_stalled_erasure_overwrites_nothing_sealed_since() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, many()).await;
    add_a_key(&world);
    let mut at_work = Box::pin(async { erasure(&world).run().await });
    until_it_writes(&world, at_work.as_mut()).await;
    world.advance(LEASE);
    let elsewhere = world.another_process();
    reencryption::reencrypt(&elsewhere).await.unwrap();
    let late = at_work.await;
    assert!(
        matches!(late, Err(EraseError::Rewriting(RewriteLockError::Lost))),
        "{late:?}"
    );
    let again = reencryption::reencrypt(&elsewhere).await.unwrap();
    assert_eq!(
        again,
        reencryption::ReencryptionReport::default(),
        "all is sealed with the new key"
    );

    assert_eq!(erase(&world, "07700900123").await.rows, 2);
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "finished", "{status}");
    assert_eq!(world.sms.accepted().len(), 2 + OTHERS);
}
