//! A failing database: every accepted message is stored, and what could not be written is written later.
//!
//! The fault is a trigger in the database, so that a real statement fails, in the middle of a commit too.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    sync::atomic::{AtomicBool, Ordering},
};

use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// A fault of the database until it is repaired.
pub(crate) struct Fault<'a> {
    world: &'a World,
    /// The statements that remove it.
    cure: [&'static str; 2],
}

impl<'a> Fault<'a> {
    /// Makes the database refuse this event (`INSERT`, `UPDATE`) for messages that meet the condition.
    pub(crate) async fn on(world: &'a World, event: &'static str, condition: &str) -> Self {
        let address = world.database_address();
        if address.starts_with("sqlite") {
            let trigger = format!(
                "CREATE TRIGGER refuse BEFORE {event} ON notifications WHEN {condition} \
                 BEGIN SELECT RAISE(ABORT, 'refused by the story'); END"
            );
            run(world, trigger).await;
        } else {
            // The error that PostgreSQL gives for a full disk.
            let function = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                            $$ BEGIN RAISE EXCEPTION 'refused by the story: no space left on device' \
                            USING ERRCODE = 'disk_full'; END $$";
            let trigger = format!(
                "CREATE TRIGGER refuse BEFORE {event} ON notifications FOR EACH ROW WHEN ({condition}) \
                 EXECUTE FUNCTION refuse()"
            );
            run(world, function.to_owned()).await;
            run(world, trigger).await;
        }
        let cure = ["DROP TRIGGER refuse", "DROP FUNCTION refuse CASCADE"];
        Self { world, cure }
    }

    /// Makes the commit fail that moves a job's cursor to this row, after all of its statements were executed.
    async fn at_the_commit_of(world: &'a World, rows_kept: u32) -> Self {
        let sqlite = [
            // The foreign key is checked at the commit, and no such user exists.
            "CREATE TABLE refuse (id BLOB REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)"
                .to_owned(),
            format!(
                "CREATE TRIGGER refuse_later AFTER UPDATE OF rows_kept ON jobs WHEN NEW.rows_kept = {rows_kept} \
                 BEGIN INSERT INTO refuse VALUES (x'00'); END"
            ),
        ];
        let postgres = [
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'refused by the story: could not fsync' USING ERRCODE = 'io_error'; END $$"
                .to_owned(),
            format!(
                "CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE OF rows_kept ON jobs DEFERRABLE INITIALLY DEFERRED \
                 FOR EACH ROW WHEN (NEW.rows_kept = {rows_kept}) EXECUTE FUNCTION refuse()"
            ),
        ];
        let statements = if world.database_address().starts_with("sqlite") {
            sqlite
        } else {
            postgres
        };
        for statement in statements {
            run(world, statement).await;
        }
        let cure = ["DROP TRIGGER refuse_later", "DROP FUNCTION refuse CASCADE"];
        Self { world, cure }
    }

    pub(crate) async fn mend(self) {
        let [sqlite, postgres] = self.cure;
        let cure = if self.world.database_address().starts_with("sqlite") {
            sqlite
        } else {
            postgres
        };
        run(self.world, cure.to_owned()).await;
    }
}

/// Runs a statement outside the platform.
pub(crate) async fn run(world: &World, statement: String) {
    let address = world.database_address();
    if address.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(&address).await.unwrap();
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    } else {
        let mut connection = PgConnection::connect(&address).await.unwrap();
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    }
}

async fn post(
    world: &World,
    service: &TestService,
    reference: &str,
) -> pillarbox_stories::TestResponse {
    let body = json!({
        "phone_number": "07700900123", "template_id": service.sms, "reference": reference,
        "personalisation": {"name": "Ada", "day": "Friday"},
    });
    world
        .post(&service.normal, "/v2/notifications/sms", &body)
        .await
}

#[tokio::test]
async fn a_refused_group_commit_fails_only_its_own_requests() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let fault = Fault::on(&world, "INSERT", "NEW.client_reference = 'poison'").await;
    let references: Vec<String> = (0..120)
        .map(|number| {
            if number == 60 {
                "poison".to_owned()
            } else {
                format!("good-{number}")
            }
        })
        .collect();
    // In two waves, so that some commits contain the failing message and some do not.
    let mut answers = Vec::new();
    for wave in references.chunks(61) {
        let posts = wave
            .iter()
            .map(|reference| post(&world, &service, reference));
        answers.extend(futures::future::join_all(posts).await);
    }
    let mut kept = BTreeSet::new();
    for (answer, reference) in answers.iter().zip(&references) {
        match answer.status.as_u16() {
            201 => drop(kept.insert(answer.json["id"].as_str().unwrap().to_owned())),
            // SQLite's error counts as internal; PostgreSQL's says that its disk is full, which is transient.
            500 => assert_eq!(answer.json["errors"][0]["message"], "Internal server error"),
            503 => assert_eq!(answer.headers["retry-after"], "5"),
            other => panic!("{reference} was answered with {other}"),
        }
    }
    let is_sqlite = world.database_address().starts_with("sqlite");
    let refusal = if is_sqlite { 500 } else { 503 };
    assert_eq!(answers[60].status, refusal, "the poison is in no commit");
    assert!(
        (59..120).contains(&kept.len()),
        "the second wave is kept whole: {}",
        kept.len()
    );

    fault.mend().await;
    let mended = post(&world, &service, "poison").await;
    kept.insert(mended.json["id"].as_str().unwrap().to_owned());
    world.run_tasks().await;
    let reached: BTreeSet<String> = world
        .sms
        .accepted()
        .iter()
        .map(|sms| sms.id.to_string())
        .collect();
    assert_eq!(
        reached, kept,
        "handed over is exactly what was answered with 201"
    );
    assert_eq!(world.sms.accepted().len(), kept.len(), "each once");
}

#[tokio::test]
async fn a_refused_batch_of_rows_is_retried_without_loss_or_duplicates() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let mut file = "phone number,name,day\n".to_owned();
    for row in 0..2300 {
        let _ = writeln!(file, "07700900{:03},Person {row},Friday", row % 1000);
    }
    let job = world.job(service.id, service.sms, file).await;
    let fault = Fault::on(&world, "INSERT", "NEW.job_row_number = 1500").await;
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["rows_kept"]),
        (&json!("in progress"), &json!(1000))
    );
    says_that_it_is_tried_again(&status, "the store failed");

    fault.mend().await;
    goes_on_and_ends_whole(&world, &service, &job, 2300).await;
}

/// Asserts that soon after the repair the job shows no error and each of its rows was sent once.
async fn goes_on_and_ends_whole(
    world: &World,
    service: &pillarbox_stories::TestService,
    job: &str,
    rows: usize,
) {
    world.advance(std::time::Duration::from_secs(6));
    world.run_tasks().await;
    let status = world.job_status(service.id, job).await;
    assert_eq!(
        (&status["job_status"], &status["problem"]),
        (&json!("finished"), &Value::Null)
    );
    let taken = world.sms.accepted();
    let different: BTreeSet<&str> = taken.iter().map(|sms| sms.content.as_str()).collect();
    assert_eq!((taken.len(), different.len()), (rows, rows));
}

fn says_that_it_is_tried_again(job: &Value, why: &str) {
    let problem = job["problem"].as_str().unwrap_or_default();
    assert!(
        problem.starts_with("cannot go on now, and is tried again: ") && problem.contains(why),
        "{job}"
    );
}

/// A failing fsync: everything was written and cannot be made durable.
#[tokio::test]
async fn rows_of_a_failed_commit_are_written_again_once() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let people = crate::jobs::people(2300);
    let job = world.job(service.id, service.sms, people).await;
    let fault = Fault::at_the_commit_of(&world, 2000).await;
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["rows_kept"], 1000);
    says_that_it_is_tried_again(&status, "the store failed");
    assert_eq!(
        world.sms.accepted().len(),
        1000,
        "what is kept is handed over"
    );

    fault.mend().await;
    goes_on_and_ends_whole(&world, &service, &job, 2300).await;
}

#[tokio::test]
async fn a_job_waits_while_the_file_storage_cannot_be_read() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let people = crate::jobs::people(20);
    let job = world.job(service.id, service.sms, people).await;
    // Where its directory was is now a file.
    let (there, aside) = (
        world.files().join("spreadsheets"),
        world.files().join("aside"),
    );
    std::fs::rename(&there, &aside).unwrap();
    std::fs::write(&there, "not a directory").unwrap();
    for _ in 0..3 {
        world.run_tasks().await;
        let status = world.job_status(service.id, &job).await;
        assert_eq!(
            (&status["job_status"], &status["rows_kept"]),
            (&json!("in progress"), &json!(0))
        );
        says_that_it_is_tried_again(&status, "the spreadsheet cannot be read");
        world.advance(std::time::Duration::from_secs(6));
    }

    std::fs::remove_file(&there).unwrap();
    std::fs::rename(&aside, &there).unwrap();
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(
        (&status["job_status"], &status["problem"]),
        (&json!("finished"), &Value::Null),
        "no operator had to act"
    );
    assert_eq!(world.sms.accepted().len(), 20);
}

#[tokio::test]
async fn an_unrecorded_outcome_is_recorded_later_without_sending_again() {
    let world = World::new().await;
    let council = world.service("Riverside Council").await;
    let ids: Vec<Value> = futures::future::join_all(
        (0..5).map(|_| async { post(&world, &council, "bins").await.json["id"].clone() }),
    )
    .await;
    let fault = Fault::on(&world, "UPDATE", "NEW.status = 'sending'").await;
    world.run_tasks().await;
    world.advance(std::time::Duration::from_secs(6));
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 5, "each was sent once");

    fault.mend().await;
    world.advance(std::time::Duration::from_secs(6));
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 5, "and none a second time");
    for id in ids {
        let status = world.status_of(&council, id.as_str().unwrap()).await;
        assert_eq!(status, "sending");
    }
}

#[tokio::test]
async fn an_outcome_that_a_restart_forgets_is_resent_under_the_same_reference() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = post(&world, &service, "bins").await.json["id"].clone();
    let fault = Fault::on(&world, "UPDATE", "NEW.status = 'sending'").await;
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 1, "the provider said yes");
    assert_eq!(
        world.status_of(&service, id.as_str().unwrap()).await,
        "created",
        "and we could not keep it"
    );

    fault.mend().await;
    let first = json!(world.sms.accepted()[0].id);
    let world = world.restarted().await;
    world.advance(std::time::Duration::from_secs(6));
    world.run_tasks().await;
    assert!(
        world.sms.accepted().is_empty(),
        "its receipt is waited for first"
    );
    world.advance(std::time::Duration::from_mins(5));
    world.run_tasks().await;
    let again = json!(world.sms.accepted()[0].id);
    assert_eq!(
        [first, again],
        [id.clone(), id.clone()],
        "the one honest window"
    );
    assert_eq!(
        world.status_of(&service, id.as_str().unwrap()).await,
        "sending"
    );
}

#[tokio::test]
async fn a_job_interrupted_after_each_batch_writes_each_row_once() {
    let mut world = World::new().await;
    let service = world.service("Riverside Council").await;
    let mut file = "phone number,name,day\n".to_owned();
    for row in 0..4200 {
        let _ = writeln!(file, "07700900{:03},Person {row},Friday", row % 1000);
    }
    let job = world.job(service.id, service.sms, file).await;
    let mut stops = 0;
    loop {
        let status = world.job_status(service.id, &job).await;
        if status["job_status"] == "finished" {
            break;
        }
        assert_eq!(status["rows_kept"], 1000 * stops, "a slice keeps one batch");
        stops += 1;
        work_on_one_batch(&world).await;
        // The worker dies with the task, and its lease has to expire. A new world begins at nine again.
        world = world.restarted().await;
        world.advance(std::time::Duration::from_secs(31 * (stops + 1)));
    }
    assert_eq!(stops, 5);
    world.run_tasks().await;
    let names: BTreeSet<String> = world
        .sms
        .accepted()
        .into_iter()
        .map(|sms| sms.content)
        .collect();
    assert_eq!((world.sms.accepted().len(), names.len()), (4200, 4200));
}

/// Runs one batch as a worker that is asked to stop and then dies before it releases its task.
async fn work_on_one_batch(world: &World) {
    let entropy = std::sync::Arc::new(pillarbox_stories::SeededRandom::new(3));
    let source =
        queue::DatabaseSource::new(world.app.store().clone(), world.clock.clone(), entropy);
    let lease = std::time::Duration::from_secs(30);
    let taken = queue::TaskSource::claim(
        &source,
        "job-tasks",
        1,
        &queue::ClaimLimits::uniform(1),
        lease,
    )
    .await
    .unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    queue::TaskHandler::handle(&world.app, &queue::TaskContext::new(taken[0].clone(), stop)).await;
}

/// Connections that are cut off while messages are sent.
const CUTS: i64 = 276;

/// Ends all connections to the database of the story, again and again, until it has ended many.
async fn cut_connections(address: &str, is_over: &AtomicBool) {
    let mut killer = PgConnection::connect(address).await.unwrap();
    let mut cut = 0;
    while cut < CUTS {
        let statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let (ended,): (i64,) = sqlx::query_as(statement)
            .fetch_one(&mut killer)
            .await
            .unwrap();
        cut += ended;
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    is_over.store(true, Ordering::Relaxed);
}

/// Works on the tasks that are ready, as long as there are any: what failed comes again after six seconds.
async fn work_until_sent(world: &World, count: usize) {
    for _ in 0..40 {
        world.run_tasks().await;
        world.advance(std::time::Duration::from_secs(6));
        if world.sms.accepted().len() >= count {
            break;
        }
    }
    // The leases of tasks that could not be released expire.
    for _ in 0..3 {
        world.advance(std::time::Duration::from_secs(31));
        world.run_tasks().await;
    }
}

#[tokio::test]
async fn nothing_is_sent_twice_while_connections_are_cut() {
    const MESSAGES: usize = 300;
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.sms.yield_while_sending();
    let address = world.database_address();
    let mut ids = BTreeSet::new();
    for number in 0..MESSAGES {
        let made = post(&world, &service, &format!("bins-{number}")).await;
        ids.insert(made.json["id"].as_str().unwrap().to_owned());
    }
    if address.starts_with("sqlite") {
        // There is no connection to cut: the commits of results fail instead, three times.
        for _ in 0..3 {
            let fault = Fault::on(&world, "UPDATE", "NEW.status = 'sending'").await;
            world.run_tasks().await;
            fault.mend().await;
            world.advance(std::time::Duration::from_secs(6));
        }
    } else {
        let is_over = AtomicBool::new(false);
        let working = async {
            while !is_over.load(Ordering::Relaxed) {
                world.run_tasks().await;
                world.advance(std::time::Duration::from_secs(6));
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(cut_connections(&address, &is_over), working);
    }
    work_until_sent(&world, MESSAGES).await;
    let sent: Vec<String> = world
        .sms
        .accepted()
        .iter()
        .map(|sms| sms.id.to_string())
        .collect();
    assert_eq!(sent.len(), MESSAGES, "none is sent twice");
    assert_eq!(sent.into_iter().collect::<BTreeSet<_>>(), ids);
    for id in &ids {
        assert_eq!(world.status_of(&service, id).await, "sending");
    }
}
