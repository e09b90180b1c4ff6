//! Letters to a print provider with an API: one call each, and reports by callback (`docs/spec/letters.md` §7.2, §9).

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use app::Weighted;
use axum::http::StatusCode;
use domain::{Clock as _, NotificationStatus as S, Timestamp};
use pillarbox_stories::{FakePrintService, SeededRandom, TestService, World};
use queue::{ClaimLimits, DatabaseSource, TaskContext, TaskHandler as _};
use serde_json::{Value, json};

use super::{archive, id_of, kept, post, service, template, to_ada};

struct Office {
    world: World,
    printer: FakePrintService,
    service: TestService,
}

impl Office {
    async fn new() -> Self {
        let printer = FakePrintService::start().await;
        let provider = printer.provider();
        let with_printer = |_: &mut _, providers: &mut app::Providers| {
            providers.letter = vec![Weighted::new(provider, 100)];
        };
        let world = World::with(with_printer).await;
        let service = service(&world, "Riverside Council").await;
        Self {
            world,
            printer,
            service,
        }
    }

    /// Returns another process, whose settings have the credentials of the beginning.
    fn another_process(&self) -> app::App {
        let provider = self.printer.provider();
        self.world
            .process_with(|providers| providers.letter = vec![Weighted::new(provider, 100)])
    }

    async fn report(&self, path: &str, report: &Value) -> u16 {
        let answer = self
            .world
            .request("POST", path, None, report.to_string())
            .await;
        answer.status.as_u16()
    }

    fn until(&self, time: &str) {
        let time: Timestamp = time.parse().unwrap();
        self.world.advance(time.since(self.world.clock.now()));
    }
}

#[tokio::test]
async fn the_letters_of_a_job_are_delivered_by_the_printers_callbacks() {
    let office = Office::new().await;
    let (world, service) = (&office.world, &office.service);
    let template = template(world, service.id).await;
    let rows = (0..12).map(|row| format!("Ada {row},{row} Mill Lane,SW1A 1AA,Ada {row},bins\n"));
    let header = "address_line_1,address_line_2,postcode,name,thing\n".to_owned();
    let people: String = std::iter::once(header).chain(rows).collect();
    let job = world.job(service.id, template, people).await;
    world.run_tasks().await;
    world.print_letters().await;

    let jobs = office.printer.jobs();
    let names: BTreeSet<_> = jobs
        .iter()
        .map(|job| job.params["recipientName"].clone().to_string())
        .collect();
    assert_eq!((jobs.len(), names.len()), (12, 12));
    let first = &jobs[0];
    let number = first.params["recipientName"]
        .as_str()
        .unwrap()
        .trim_start_matches("Ada ");
    assert_eq!(
        first.params,
        json!({
            "jobType": "NOTIFY", "templateReference": "NOTIFY", "businessIdentifier": first.reference(),
            "recipientName": format!("Ada {number}"),
            "address": {"unstructuredAddress": {"line1": format!("{number} Mill Lane"), "postcode": "SW1A 1AA"}},
        })
    );
    assert!(first.pdf.starts_with(b"%PDF"));
    assert!(first.target.starts_with(&world.app.settings.api_base_url));

    for (index, printed) in jobs.iter().enumerate() {
        let id = printed.id.parse().unwrap();
        assert_eq!(kept(world, service, id).await.status, S::Sending);
        // The token of one letter says nothing about another.
        let other = &jobs[(index + 1) % jobs.len()];
        let report = printed.despatched(1, "MM");
        assert_eq!(office.report(other.report_path(), &report).await, 400);
        if index == 0 {
            let mut tx = world.app.store().write().await.unwrap();
            archive(&mut tx, service.id, id).await;
            tx.commit().await.unwrap();
        }
        for _ in 0..2 {
            assert_eq!(office.report(printed.report_path(), &report).await, 204);
        }
        world.run_tasks().await;
    }
    let rejected = id_of(&post(world, &service.normal, &to_ada(template)).await);
    world.print_letters().await;
    let last = office.printer.jobs().pop().unwrap();
    assert_eq!(last.id, rejected.to_string());
    assert_eq!(
        office.report(last.report_path(), &last.rejected()).await,
        204
    );
    world.run_tasks().await;
    assert_eq!(
        kept(world, service, rejected).await.status,
        S::TechnicalFailure
    );
    // All but the archived one, of which history tells.
    let statistics = world.job_status(service.id, &job).await["statistics"].to_string();
    assert!(statistics.contains(r#""count":12"#), "{statistics}");
    assert!(statistics.contains("delivered"), "{statistics}");
    assert_eq!(office.printer.conflicts(), 0);
}

#[tokio::test]
async fn a_letter_whose_sender_died_after_the_printer_took_it_is_printed_once() {
    let office = Office::new().await;
    let (world, service) = (&office.world, &office.service);
    let template = template(world, service.id).await;
    let id = id_of(&post(world, &service.normal, &to_ada(template)).await);
    world.claim_letters().await;
    let (store, clock) = (world.app.store().clone(), world.clock.clone());
    let source = DatabaseSource::new(store, clock, Arc::new(SeededRandom::new(23)));
    let (lease, limits) = (Duration::from_secs(30), ClaimLimits::uniform(1));
    let taken = queue::TaskSource::claim(&source, "send-letter-tasks", 1, &limits, lease).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let task = TaskContext::new(taken.unwrap()[0].clone(), stop);
    // The process dies as soon as the printer has the letter, before its answer is committed.
    tokio::select! {
        biased;
        () = office.printer.has_received() => {}
        _ = world.app.handle(&task) => panic!("it is killed before"),
    }
    assert_eq!(office.printer.jobs().len(), 1);
    assert_eq!(kept(world, service, id).await.status, S::Created);
    world.advance(Duration::from_secs(31));
    let other = office.another_process();
    let runner = other.runner(queue::RunnerSettings::default());
    runner.drain(app::tasks::POOLS).await;
    let letter = kept(world, service, id).await;
    assert_eq!(
        (letter.status, letter.sent_by.as_deref()),
        (S::Sending, Some("dvla"))
    );
    assert_eq!(
        (office.printer.jobs().len(), office.printer.conflicts()),
        (1, 1)
    );
}

#[tokio::test]
async fn the_password_and_the_key_change_every_month_and_all_processes_use_the_new_ones() {
    let office = Office::new().await;
    let (world, service) = (&office.world, &office.service);
    let template = template(world, service.id).await;
    let send = async |process: &app::App| {
        let id = id_of(&post(world, &service.normal, &to_ada(template)).await);
        world.claim_letters().await;
        let runner = process.runner(queue::RunnerSettings::default());
        runner.drain(app::tasks::POOLS).await;
        assert_eq!(kept(world, service, id).await.status, S::Sending);
    };
    // It is Monday; the key is due on Tuesday and the password on Wednesday.
    let other = office.another_process();
    for (time, changes) in [
        ("2026-03-03T08:00:00Z", (0, 0)),
        ("2026-03-03T09:00:00Z", (0, 1)),
        ("2026-03-04T09:00:00Z", (1, 1)),
        ("2026-03-05T09:00:00Z", (1, 1)),
        // Nobody was there on the first Tuesday.
        ("2026-04-09T09:00:00Z", (2, 2)),
    ] {
        office.until(time);
        world.run_schedule().await;
        assert_eq!(office.printer.changes(), changes, "{time}");
        send(&world.app).await;
        send(&other).await;
        // A process that starts now has not even a token.
        send(&office.another_process()).await;
    }
    assert_eq!(office.printer.conflicts(), 0);
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_found_out() {
    // Whatever the answer is: the service may have failed after it had changed the password.
    for answer in [504, 500, 502, 429] {
        is_found_out_after(StatusCode::from_u16(answer).unwrap()).await;
    }
}

async fn is_found_out_after(answer: StatusCode) {
    let office = Office::new().await;
    let (world, service) = (&office.world, &office.service);
    let template = template(world, service.id).await;
    office.until("2026-03-04T09:00:00Z");
    office.printer.set_answer_to_change(answer);
    world.run_schedule().await;
    assert_eq!(
        office.printer.changes().0,
        1,
        "it was changed, and we do not know"
    );
    let id = id_of(&post(world, &service.normal, &to_ada(template)).await);
    world.claim_letters().await;
    let other = office.another_process();
    let runner = other.runner(queue::RunnerSettings::default());
    runner.drain(app::tasks::POOLS).await;
    assert_eq!(kept(world, service, id).await.status, S::Sending);
    office.printer.set_answer_to_change(StatusCode::OK);
    world.advance(Duration::from_secs(61));
    world.run_tasks().await;
    assert_eq!(office.printer.changes().0, 1, "and not a second time");
    office.until("2026-03-05T09:00:00Z");
    world.run_schedule().await;
    assert_eq!(office.printer.changes().0, 1);
}

#[tokio::test]
async fn two_processes_change_the_password_once() {
    let office = Office::new().await;
    office.until("2026-03-04T09:00:00Z");
    let (one, other) = (office.another_process(), office.another_process());
    let minute = office.world.clock.now();
    // Two tasks, as if the clocks of two processes had differed.
    for at in [minute, minute.plus(Duration::from_mins(1))] {
        app::upkeep::schedule::fire(&office.world.app, at)
            .await
            .unwrap();
        enqueue_change(&office.world, at).await;
    }
    let runners = [&one, &other].map(|app| app.runner(queue::RunnerSettings::default()));
    tokio::join!(
        runners[0].drain(app::tasks::POOLS),
        runners[1].drain(app::tasks::POOLS)
    );
    office.world.advance(Duration::from_mins(2));
    office.world.run_tasks().await;
    assert_eq!(office.printer.changes().0, 1);
}

async fn enqueue_change(world: &World, at: Timestamp) {
    use queue::Enqueue as _;
    let task = queue::NewTask {
        id: domain::TaskId::generate(at, world.app.random()),
        pool: "periodic-tasks",
        lane: domain::Lane::Normal,
        service_id: uuid::Uuid::nil().into(),
        kind: "change-dvla-password.v1",
        payload: "{}".to_owned(),
        subjects: None,
        attempt: 0,
        ready_at: world.clock.now(),
        created_at: world.clock.now(),
    };
    let mut tx = world.app.store().write().await.unwrap();
    tx.enqueue(vec![task]).await.unwrap();
    tx.commit().await.unwrap();
}
