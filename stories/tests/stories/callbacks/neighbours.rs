use std::time::Duration;

use pillarbox_stories::{Answer, World};
use tokio_util::sync::CancellationToken;

use super::{OTHER_URL, URL, mmg_reports, sent_sms, told_service};

const THIRD_URL: &str = "https://seaside.example.org/told";

#[tokio::test]
async fn an_endpoint_that_hangs_and_one_that_fails_delay_no_other_service() {
    let mut world = World::new().await;
    let hanging = told_service(&world, "Riverside Council", URL).await;
    let failing = told_service(&world, "Hilltop Council", OTHER_URL).await;
    let working = told_service(&world, "Seaside Council", THIRD_URL).await;
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(sent_sms(&world, &hanging).await);
        ids.push(sent_sms(&world, &failing).await);
    }
    for _ in 0..5 {
        ids.push(sent_sms(&world, &working).await);
    }
    world
        .receiver
        .always_answers(URL, Some(Answer::HangForEver));
    world
        .receiver
        .always_answers(OTHER_URL, Some(Answer::Status(500, "")));
    let stop = CancellationToken::new();
    let runner = world.runner().clone();
    let running = {
        let (stop, pools) = (stop.clone(), app::tasks::POOLS.to_vec());
        tokio::spawn(async move { runner.run(pools, stop).await })
    };
    // One by one, so that there are many tasks of each service.
    for id in &ids {
        mmg_reports(&world, id, "3").await;
    }
    let told = async {
        while world.receiver.received(THIRD_URL).len() < 5
            || world.receiver.received(OTHER_URL).len() < 60
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_mins(1), told).await;
    assert!(told.is_ok(), "the others are told meanwhile");
    let open = world.receiver.received(URL).len();
    assert!(
        open <= 20,
        "{open} calls to the endpoint that hangs are open"
    );
    stop.cancel();
    running.abort();
    world.expect_unfinished_tasks();
}
