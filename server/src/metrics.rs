//! The metrics at `/metrics`, in the text format of Prometheus.
//!
//! Events are counted where they happen. Gauges such as the depth of the queue are read here, every ten seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
    time::Duration,
};

use app::{
    App,
    callbacks::ServiceBacklog,
    upkeep::queue_stats::{self, QueueStats},
};
use domain::{Lane, ServiceId};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing::warn;

const POLL_INTERVAL: Duration = Duration::from_secs(10);
const SECONDS: &[f64] = &[
    0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0,
];
const MESSAGES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the metrics recorder. Only the first call in a process has an effect.
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
            .expect("the bucket lists are not empty");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // A program that embeds the platform may have a recorder of its own; then `/metrics` is empty.
        metrics::set_global_recorder(recorder).ok()?;
        describe();
        Some(handle)
    });
}

/// Returns all metrics in the Prometheus text format.
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
        "Notifications accepted over the public API."
    );
    describe_counter!(
        "pillarbox_notifications_kept_total",
        "Notifications stored durably, from the API and from jobs."
    );
    describe_counter!(
        "pillarbox_notifications_handed_over_total",
        "Messages sent to a provider, by outcome."
    );
    describe_histogram!(
        "pillarbox_hand_over_seconds",
        "Time from the creation of a message until its provider had accepted it, by provider and lane."
    );
    describe_counter!(
        "pillarbox_hand_overs_total",
        "Messages that a provider accepted, by lane and whether that was within ten seconds of their creation."
    );
    describe_histogram!(
        "pillarbox_provider_call_seconds",
        "Duration of a call to a provider."
    );
    describe_counter!(
        "pillarbox_provider_errors_total",
        "Calls to a provider that it did not accept, by outcome."
    );
    describe_gauge!(
        "pillarbox_provider_breaker",
        "Circuit breaker of a provider in this process: 0 closed, 1 half open, 2 open."
    );
    describe_gauge!(
        "pillarbox_provider_priority",
        "Share of a provider; 0 if it is not active."
    );
    describe_gauge!(
        "pillarbox_sms_slow_share",
        "Share of a provider's text messages of the last 15 minutes that took at least so many minutes."
    );
    describe_counter!(
        "pillarbox_task_attempts_total",
        "Task attempts, by kind and outcome."
    );
    describe_counter!(
        "pillarbox_tasks_merged_total",
        "Waiting tasks whose messages were added to those of another task as it was claimed."
    );
    describe_counter!(
        "pillarbox_dead_letters_total",
        "Tasks that became dead letters since the start."
    );
    describe_histogram!(
        "pillarbox_job_held_bytes",
        "Bytes of rows that a job has in memory, read and not yet stored."
    );
    describe_counter!(
        "pillarbox_technical_failures_total",
        "Notifications that became technical-failure, by channel. The log says why."
    );
    describe_counter!(
        "pillarbox_partition_failures_total",
        "Daily partitions that could not be created; expected to stay 0. See the log for the reason."
    );
    describe_histogram!("pillarbox_task_seconds", "Duration of a task attempt.");
    describe_histogram!(
        "pillarbox_commit_batch_size",
        "Accepted notifications in one group commit."
    );
    describe_counter!(
        "pillarbox_busy_refusals_total",
        "Requests answered with 503 because the write queue was full: the database does not keep up."
    );
    describe_counter!(
        "pillarbox_intake_appended_total",
        "Notifications accepted by the intake log, by queue."
    );
    describe_counter!(
        "pillarbox_intake_saved_total",
        "Notifications that savers have stored from the intake log, by queue."
    );
    describe_counter!(
        "pillarbox_intake_repetitions_total",
        "Notifications of the intake log that are not sent because they repeat an idempotency key, by queue."
    );
    describe_counter!(
        "pillarbox_intake_aside_total",
        "Groups of notifications that could not be saved and were set aside, by queue; expected to stay 0."
    );
    describe_gauge!(
        "pillarbox_intake_groups",
        "Groups of notifications in the intake log, by queue and whether they wait or were set aside."
    );
    describe_counter!(
        "pillarbox_receipts_total",
        "Delivery receipts, by provider and what they did."
    );
    describe_counter!(
        "pillarbox_suppressions_total",
        "Recipients put on a suppression list, by channel and reason."
    );
    describe_counter!(
        "pillarbox_peer_limit_refusals_total",
        "Requests answered with 429 because their address sent too many."
    );
    describe_counter!(
        "pillarbox_log_lines_left_out_total",
        "Lines of a library that were not logged because it logged too many."
    );
    describe_counter!(
        "pillarbox_connections_refused_total",
        "Connections answered with 503 because too many were open."
    );
    describe_counter!(
        "pillarbox_connections_evicted_total",
        "Connections closed while they waited for their client, to make room for others."
    );
    describe_counter!(
        "pillarbox_heavy_requests_refused_total",
        "Previews, bulk requests and very large messages answered with 503 because too many waited."
    );
    describe_counter!(
        "pillarbox_bodies_refused_total",
        "Requests answered with 503 because their client, or all, held too much memory with bodies."
    );
    describe_counter!(
        "pillarbox_large_responses_refused_total",
        "Requests answered with 503 because their client, or all, held too much memory with large responses."
    );
    describe_counter!(
        "pillarbox_audit_findings_total",
        "Inconsistencies found and repaired by the auditors, by auditor; expected to stay 0."
    );
    describe_gauge!(
        "pillarbox_suspicious_services",
        "Live services with many permanent failures, or with many texts to numbers for drama, as of the last daily check."
    );
    describe_gauge!(
        "pillarbox_letter_alarm",
        "Letters, or response files, that the last check found where they should not be, by alarm; expected to be 0."
    );
    describe_counter!(
        "pillarbox_callbacks_total",
        "Attempts of callbacks to services, by kind and outcome."
    );
    describe_histogram!(
        "pillarbox_callback_seconds",
        "Time until a service answered a callback, by kind."
    );
    describe_counter!(
        "pillarbox_callback_endpoints_paused_total",
        "Endpoints of callbacks that were paused because they failed for long, by kind."
    );
    describe_gauge!(
        "pillarbox_callback_backlog_tasks",
        "Tasks with first attempts of callbacks, for the ten services that have the most."
    );
    describe_gauge!(
        "pillarbox_callback_oldest_seconds",
        "Wait of the oldest of them."
    );
    describe_gauge!(
        "pillarbox_tasks",
        "Tasks that wait or run, by pool and lane."
    );
    describe_gauge!(
        "pillarbox_oldest_task_seconds",
        "Wait of the oldest ready task, by pool and lane."
    );
    describe_gauge!(
        "pillarbox_dead_letters",
        "Dead letters that wait for an operator."
    );
}

/// Updates the gauges and reloads the key file every ten seconds until `stop` is cancelled.
pub async fn watch(app: &App, stop: &CancellationToken) {
    let mut labelled = BTreeSet::new();
    loop {
        match queue_stats::read(app).await {
            Ok(view) => publish(app, &view),
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "cannot read the state of the queue, will retry"
            ),
        }
        match app::callbacks::list_backlogs(app, MAX_LABELLED_SERVICES).await {
            Ok(backlogs) => labelled = publish_callbacks(app, &backlogs, &labelled),
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "cannot read the backlog of callbacks, will retry"
            ),
        }
        if let Err(error) = app::savers::publish_depths(app).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot read the state of the intake log, will retry"
            );
        }
        // `pillarbox keyring rotate` promises that a running platform uses a new key within ten seconds.
        if let Err(error) = app.store().keyring().reload() {
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot read the key file, still using the keys that were read before"
            );
        }
        if let Some(handle) = handle() {
            // Without it, the samples of histograms accumulate until the next scrape.
            handle.run_upkeep();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
    }
}

/// Services that have a label at a time: those with the most callbacks in the queue.
const MAX_LABELLED_SERVICES: u32 = 10;

/// Sets the gauges of the services with the most callbacks, and returns these. Those that had one before are set to 0.
fn publish_callbacks(
    app: &App,
    backlogs: &[ServiceBacklog],
    before: &BTreeSet<ServiceId>,
) -> BTreeSet<ServiceId> {
    let now = app.clock().now();
    let set = |service: ServiceId, tasks: u32, oldest: f64| {
        let service = service.to_string();
        metrics::gauge!("pillarbox_callback_backlog_tasks", "service" => service.clone())
            .set(tasks);
        metrics::gauge!("pillarbox_callback_oldest_seconds", "service" => service).set(oldest);
    };
    let current: BTreeSet<ServiceId> = backlogs.iter().map(|one| one.service_id).collect();
    for gone in before.difference(&current) {
        set(*gone, 0, 0.0);
    }
    for one in backlogs {
        let oldest = one.oldest_ready.map(|since| now.since(since));
        let oldest = oldest.map_or(0.0, |age| age.as_secs_f64());
        set(one.service_id, one.tasks, oldest);
    }
    current
}

fn publish(app: &App, view: &QueueStats) {
    let now = app.clock().now();
    let lanes: BTreeMap<(&str, Lane), _> = view
        .lanes
        .iter()
        .map(|one| ((one.pool.as_str(), one.lane), one))
        .collect();
    // Empty lanes are set to 0 too: a gauge keeps its last value.
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
    app.publish_provider_metrics();
}
