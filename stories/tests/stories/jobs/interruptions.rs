//! Jobs that stop in the middle, and what they hold in memory.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc, time::Duration};

use domain::{Allowance, Clock as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{JOBS, count, four_workers_meet, interrupt_after, people};

#[tokio::test]
async fn a_job_resumes_where_it_stopped() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3500)).await;
    interrupt_after(&world, &service, &job, 2000).await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["rows_kept"]),
        (&json!("in progress"), &json!(2000))
    );

    let world = world.restarted().await;
    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 3500)
    );
}

#[tokio::test]
async fn two_workers_with_one_job_keep_each_row_once() {
    let world = Arc::new(World::new().await);
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3000)).await;
    four_workers_meet(&world, &service, std::slice::from_ref(&job)).await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 3000)
    );
    assert_eq!(
        world.sms.accepted().len(),
        3000,
        "each was handed over once"
    );
    let (mut session, day) = (world.app.read().await.unwrap(), world.clock.now().utc_day());
    let spent = store::counters::find_spent(&mut session, service.id, Allowance::Sms, day);
    assert_eq!(spent.await.unwrap(), 3000, "each was counted once");
    drop(session);
    drop(Arc::into_inner(world).expect("no request holds the world any more"));
}

#[tokio::test]
async fn a_job_stops_on_a_changed_file_and_loses_nothing() {
    let mut world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(10)).await;
    let path = world.files().join(format!(
        "spreadsheets/service-{}-notify/{job}.csv",
        service.id
    ));
    let good = std::fs::read(&path).unwrap();
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&path, changed).unwrap();
    world.expect_dead_letters();
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "error");
    assert!(
        status["problem"]
            .as_str()
            .unwrap()
            .contains("was changed or cut off"),
        "{status}"
    );

    std::fs::write(&path, good).unwrap();
    let dead = world.internal_request("GET", "/queue/dead", "").await;
    let task = dead.data()[0]["id"].as_str().unwrap().to_owned();
    let replayed = world
        .internal_request("POST", &format!("/queue/dead/{task}/replay"), "")
        .await;
    assert_eq!(replayed.status, 202);
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], count(&status, "sending")),
        (&json!("finished"), 10),
        "mended, it goes on"
    );
}

#[tokio::test]
async fn a_job_stops_without_its_file_and_continues_once_it_is_restored() {
    let mut world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3500)).await;
    interrupt_after(&world, &service, &job, 2000).await;
    let path = world.files().join(format!(
        "spreadsheets/service-{}-notify/{job}.csv",
        service.id
    ));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    world.expect_dead_letters();
    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["rows_kept"]),
        (&json!("error"), &json!(2000))
    );
    let problem = status["problem"].as_str().unwrap();
    assert!(problem.contains("there is no file"), "{problem}");
    assert_eq!(
        world.sms.accepted().len(),
        2000,
        "what is kept is handed over"
    );

    std::fs::write(&path, bytes).unwrap();
    let resume = format!("/service/{}/job/{job}/resume", service.id);
    let resumed = world.internal_request("POST", &resume, "").await;
    assert_eq!(resumed.status, 200, "{}", resumed.text);
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["problem"]),
        (&json!("finished"), &Value::Null)
    );
    let texts: BTreeSet<String> = world
        .sms
        .accepted()
        .into_iter()
        .map(|sms| sms.content)
        .collect();
    assert_eq!((world.sms.accepted().len(), texts.len()), (3500, 3500));
}

/// Returns the most bytes of rows that a job had in memory since the recorder was installed.
fn peak_bytes(handle: &PrometheusHandle) -> f64 {
    let metrics = handle.render();
    let mut lines = metrics.lines();
    let peak =
        lines.find_map(|line| line.strip_prefix("pillarbox_job_held_bytes{quantile=\"1\"} "));
    peak.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_jobs_memory_does_not_grow_with_its_file() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let mut world = World::new().await;
    world.expect_unfinished_tasks();
    let service = world.service("Riverside Council").await;
    let file = |rows: usize| {
        let mut file = "phone number,name,day\n".to_owned();
        for row in 0..rows {
            let _ = writeln!(
                file,
                "07700900{:03},{},Friday",
                row % 1000,
                "Ada ".repeat(50)
            );
        }
        file
    };
    let mut peaks = Vec::new();
    for rows in [3_000, 12_000] {
        let job = world.job(service.id, service.sms, file(rows)).await;
        world.runner().drain(&[JOBS]).await;
        let status = world.job_status(service.id, &job).await;
        assert_eq!(status["rows_kept"], rows);
        peaks.push(peak_bytes(&handle));
    }
    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
    let size = file(12_000).len() as f64;
    assert!(peaks[0] > 100_000.0, "{peaks:?}");
    assert!(peaks[1] < peaks[0] * 1.1, "{peaks:?}");
    assert!(peaks[1] < size / 3.0, "{peaks:?} of {size}");
}
