//! Files in a bucket. That the stories of files hold there too is checked by running them once more with it
//! (`scripts/test-distributed.sh`); here is what only a bucket can do.

use std::time::Duration;

use pillarbox_stories::{BlackHole, World, files_in_bucket, s3_server};
use serde_json::{Value, json};

use crate::jobs::people;

#[tokio::test]
#[ignore = "needs an S3 server: make test-distributed"]
async fn while_a_bucket_does_not_answer_callers_come_back_and_jobs_wait() {
    let network = BlackHole::before_server(s3_server()).await;
    let files = files_in_bucket("outage", Some(network.port()));
    let world = World::with_files(files).await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(20)).await;

    network.vanish();
    let upload = || world.upload(service.id, service.sms, "people.csv", people(20));
    let refused = upload().await;
    assert_eq!(refused.status, 503, "{}", refused.json);
    assert_eq!(refused.headers["retry-after"], "5");
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["rows_kept"]),
        (&json!("in progress"), &json!(0))
    );
    let problem = status["problem"].as_str().unwrap();
    assert!(
        problem.contains("the spreadsheet cannot be read"),
        "{problem}"
    );

    network.return_for_new_connections();
    world.advance(Duration::from_secs(6));
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["problem"]),
        (&json!("finished"), &Value::Null),
        "no operator had to act"
    );
    assert_eq!(world.sms.accepted().len(), 20);
    assert_eq!(upload().await.data()["valid"], true);
}
