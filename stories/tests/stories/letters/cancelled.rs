//! Cancelling a letter before it is printed. Whole jobs are in `letter_jobs`.

use domain::{Allowance, NotificationStatus};
use pillarbox_stories::{TestResponse, TestService, World};
use serde_json::json;

use super::{becomes, id_of, post, service, template, to_ada};

async fn cancel(world: &World, service: &TestService, id: &str) -> TestResponse {
    let path = format!("/service/{}/notifications/{id}/cancel", service.id);
    world.internal_request("POST", &path, "").await
}

async fn letters_spent(world: &World, service: &TestService) -> i64 {
    let (mut session, day) = (
        world.app.read().await.unwrap(),
        domain::Clock::now(&*world.clock).utc_day(),
    );
    store::counters::find_spent(&mut session, service.id, Allowance::Letter, day)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_unprinted_letter_can_be_cancelled_and_refunds_its_quota() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let other = world.service("Other").await;
    let letter = template(&world, service.id).await;
    let early = id_of(&post(&world, &service.normal, &to_ada(letter)).await).to_string();
    let late = id_of(&post(&world, &service.normal, &to_ada(letter)).await).to_string();
    let gone = id_of(&post(&world, &service.normal, &to_ada(letter)).await);
    assert_eq!(letters_spent(&world, &service).await, 3);

    assert_eq!(cancel(&world, &other, &early).await.status, 404);
    let done = cancel(&world, &service, &early).await;
    assert_eq!(
        (done.status.as_u16(), &done.data()["status"]),
        (200, &json!("cancelled"))
    );
    assert_eq!(letters_spent(&world, &service).await, 2);
    let again = cancel(&world, &service, &early).await;
    assert_eq!(again.message(), "This letter has already been cancelled.");
    assert_eq!(letters_spent(&world, &service).await, 2, "once");
    becomes(&world, gone, &[NotificationStatus::Sending]).await;
    let taken = cancel(&world, &service, &gone.to_string()).await;
    assert!(
        taken
            .message()
            .starts_with("We could not cancel this letter. Letter status: sending"),
        "{}",
        taken.json
    );
    let text = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let text = cancel(&world, &service, text.json["id"].as_str().unwrap()).await;
    let why = "Notification cannot be cancelled - only letters can be cancelled";
    assert_eq!((text.status.as_u16(), text.message()), (400, why));

    world.advance(std::time::Duration::from_mins(510));
    let too_late = cancel(&world, &service, &late).await;
    let why = "It’s too late to cancel this letter. Printing started today at 5.30pm";
    assert_eq!((too_late.status.as_u16(), too_late.message()), (400, why));
    assert_eq!(letters_spent(&world, &service).await, 2);
    world.run_tasks().await;
}
