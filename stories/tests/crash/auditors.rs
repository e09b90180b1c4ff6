//! The audits search for what has existed for half an hour or more. They run here over the same database, in a
//! platform whose clock is hours ahead.

use std::sync::Arc;

use domain::{Clock as _, Timestamp};
use pillarbox_stories::ManualClock;
use server::{
    metrics,
    settings::Settings,
    system::{SystemClock, SystemRandom},
    wiring,
};

use crate::platform::Platform;

const AN_HOUR: i64 = 3600;
const FINDINGS: &str = "pillarbox_audit_findings_total";

/// Runs every audit and returns the number of findings. Nothing else may run.
pub(crate) async fn findings(platform: &Platform) -> u64 {
    metrics::start();
    let settings = Settings {
        database: Some(platform.database_address().into()),
        ..Settings::in_directory(platform.data_dir())
    };
    // On the hour every audit is due.
    let hour = SystemClock.now().unix_seconds() / AN_HOUR + 3;
    let hour = Timestamp::from_unix_seconds(hour * AN_HOUR);
    let clock = Arc::new(ManualClock::at(&hour.to_string()));
    let ahead = wiring::open_with(settings, clock, Arc::new(SystemRandom))
        .await
        .expect("the platform opens");
    app::upkeep::schedule::fire(&ahead.app, hour)
        .await
        .expect("the clock can enqueue");
    let runner = ahead.app.runner(ahead.queue_settings());
    runner.drain(app::tasks::POOLS).await;
    ahead.app.store().close().await;

    let rendered = metrics::render();
    let counts: Vec<u64> = rendered
        .lines()
        .filter(|line| line.starts_with(FINDINGS))
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(counts.len() >= 3, "the auditors did not look: {rendered}");
    counts.iter().sum()
}
