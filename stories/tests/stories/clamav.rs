//! Supplied letters through a real `ClamAV`. `PILLARBOX_TEST_CLAMAV` is JSON: its address, and text that it takes for a virus.
//! Test runs without one report the story as ignored.

use std::sync::Arc;

use pillarbox_stories::World;
use providers::scan::Clamd;
use serde_json::Value;

use crate::letter_delivery::{kept, pdf, post_pdf, service};

#[tokio::test]
#[ignore = "needs ClamAV: make test-distributed"]
async fn clamav_finds_the_virus_in_a_letter_and_lets_others_pass() {
    let clamav = std::env::var("PILLARBOX_TEST_CLAMAV").expect("where ClamAV is");
    let clamav: Value = serde_json::from_str(&clamav).unwrap();
    let scanner = Clamd::at(clamav["address"].as_str().unwrap()).unwrap();
    let world = World::with(|_, providers| providers.scanner = Some(Arc::new(scanner))).await;
    let service = service(&world).await;
    let good = post_pdf(&world, &service.test, &pdf(1, "good")).await;
    let virus = clamav["virus"].as_str().unwrap();
    let infected = post_pdf(&world, &service.test, &pdf(1, virus)).await;
    world.run_tasks().await;
    let status = async |id| kept(&world, &service, id).await.status.as_str();
    assert_eq!(status(good).await, "delivered");
    assert_eq!(status(infected).await, "virus-scan-failed");
}
