//! The intake log: messages are accepted while the database is away, and each is saved and sent once.

mod accepting;
mod saving;

use std::{collections::BTreeSet, time::Duration};

use app::{Intake, IntakeMode};
use domain::Channel;
use pillarbox_stories::{TestResponse, TestService, World};

/// Returns a world whose messages are accepted by a log in this mode.
async fn world(mode: IntakeMode) -> World {
    world_with(|intake| intake.mode = mode).await
}

async fn world_with(change: impl FnOnce(&mut Intake)) -> World {
    World::with(|settings, _| {
        // A database that does not answer is found out soon, and a busy machine is not taken for one.
        settings.intake.patience = Duration::from_secs(2);
        change(&mut settings.intake);
    })
    .await
}

async fn send(world: &World, service: &TestService) -> TestResponse {
    world
        .send_sms(service, &service.normal, "07700900123")
        .await
}

/// Sends a text message, which is accepted, and returns its id.
async fn accepted(world: &World, service: &TestService) -> String {
    let answer = send(world, service).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    id_of(&answer)
}

fn id_of(answer: &TestResponse) -> String {
    answer.json["id"].as_str().unwrap().to_owned()
}

/// Asserts that exactly these text messages were sent, each once.
fn assert_sent_once(world: &World, ids: &[String]) {
    let sent: Vec<String> = world
        .sms
        .accepted()
        .iter()
        .map(|sms| sms.id.to_string())
        .collect();
    assert_eq!(sent.len(), ids.len(), "nothing is sent twice");
    let (sent, ids): (BTreeSet<_>, BTreeSet<_>) = (sent.iter().collect(), ids.iter().collect());
    assert_eq!(sent, ids, "nothing is lost");
}

/// Asserts that so many groups wait. A broker needs a moment to take back what a reader held.
async fn assert_depth(world: &World, expected: u64) {
    let found = async {
        while world.intake().depth(Channel::Sms).await.unwrap() != expected {
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(5), found).await;
    let depth = world.intake().depth(Channel::Sms).await.unwrap();
    assert!(found.is_ok(), "{depth} groups wait rather than {expected}");
}
