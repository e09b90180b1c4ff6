//! What `/metrics` tells, in the text form of Prometheus.
//!
//! The rooms count what happens where it happens; what can only be looked at – how much waits, and since when – is looked
//! at here, every ten seconds.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use app::{
    App,
    upkeep::queue_stats::{self, QueueStats},
};
use domain::Lane;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing::warn;

const LOOK_EVERY: Duration = Duration::from_secs(10);
const SECONDS: &[f64] = &[
    0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0,
];
const MESSAGES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Begins to count. The first call in a process counts; later ones share it.
pub fn start() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(
                    Matcher::Full("pillarbox_commit_batch_size".to_owned()),
                    MESSAGES,
                )
            })
            .expect("the buckets are not empty");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Somebody who embeds the platform may count in a way of their own; then `/metrics` is empty.
        metrics::set_global_recorder(recorder).ok()?;
        describe();
        Some(handle)
    });
}

/// Everything that was counted, as text.
pub fn render() -> String {
    handle().map(PrometheusHandle::render).unwrap_or_default()
}

fn handle() -> Option<&'static PrometheusHandle> {
    RECORDER.get()?.as_ref()
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!(
        "pillarbox_notifications_accepted_total",
        "Messages that were asked for over the public API."
    );
    describe_counter!(
        "pillarbox_notifications_kept_total",
        "Messages that were made durable, from the API and from jobs."
    );
    describe_counter!(
        "pillarbox_notifications_handed_over_total",
        "Messages that a provider was given, by outcome."
    );
    describe_counter!(
        "pillarbox_task_attempts_total",
        "Tasks that were worked on, by kind and outcome."
    );
    describe_counter!(
        "pillarbox_dead_letters_total",
        "Tasks that were given up since the start."
    );
    describe_histogram!("pillarbox_task_seconds", "How long a task was worked on.");
    describe_histogram!(
        "pillarbox_commit_batch_size",
        "How many accepted messages shared a commit."
    );
    describe_counter!(
        "pillarbox_busy_refusals_total",
        "Messages that were answered with 503 because too many waited to be stored: the database does not keep up."
    );
    describe_counter!(
        "pillarbox_audit_findings_total",
        "What the auditors found that should never be there, by auditor."
    );
    describe_gauge!(
        "pillarbox_tasks",
        "Tasks that wait or are worked on, by pool and lane."
    );
    describe_gauge!(
        "pillarbox_oldest_task_seconds",
        "How long the oldest task that is ready has waited, by pool and lane."
    );
    describe_gauge!(
        "pillarbox_dead_letters",
        "Tasks that were given up and wait for a person."
    );
}

/// Looks at what waits, again and again, until `stop`; and lets a key that was added to the key file be used.
pub async fn watch(app: &App, stop: &CancellationToken) {
    loop {
        match queue_stats::read(app).await {
            Ok(view) => publish(app, &view),
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "cannot look at the queue, will look again"
            ),
        }
        if let Err(error) = app.store().keyring().reload() {
            warn!(
                error = &error as &dyn std::error::Error,
                "the key file does not read, the keys of before are used"
            );
        }
        if let Some(handle) = handle() {
            handle.run_upkeep();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

fn publish(app: &App, view: &QueueStats) {
    let now = app.clock().now();
    let lanes: BTreeMap<(&str, Lane), _> = view
        .lanes
        .iter()
        .map(|one| ((one.pool.as_str(), one.lane), one))
        .collect();
    // A lane that has emptied is told too, or its last number would stand for ever.
    for pool in app::tasks::POOLS {
        for lane in Lane::ALL {
            let depth = lanes.get(&(pool.name, *lane));
            let tasks = depth.map_or(0, |depth| depth.tasks);
            let oldest = depth
                .and_then(|depth| depth.oldest_ready)
                .map_or(0.0, |since| now.since(since).as_secs_f64());
            metrics::gauge!("pillarbox_tasks", "pool" => pool.name, "lane" => lane.as_str())
                .set(tasks);
            metrics::gauge!("pillarbox_oldest_task_seconds", "pool" => pool.name, "lane" => lane.as_str()).set(oldest);
        }
    }
    metrics::gauge!("pillarbox_dead_letters").set(view.dead_letters);
}
