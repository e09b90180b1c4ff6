//! A provider's `concurrency` is reached whatever the sizes of batches, no service takes all of it, and a provider that
//! hangs holds up only the messages that it has (`docs/spec/workers.md` §7.2).

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc, sync::Mutex, time::Duration};

use app::Weighted;
use async_trait::async_trait;
use pillarbox_stories::{TestService, World};
use providers::{SendError, SendReceipt, Sms, SmsProvider};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longest wait for something that should happen at once.
const PATIENCE: Duration = Duration::from_mins(1);

/// A provider that holds calls until it is told to answer, and counts those that are open.
struct Holding {
    name: &'static str,
    concurrency: usize,
    /// Numbers that it holds; all, if there are none.
    holds_only: Vec<&'static str>,
    /// Numbers of which it refuses the first message for now.
    refuses_once: Mutex<BTreeSet<&'static str>>,
    answers: Semaphore,
    open: watch::Sender<usize>,
    most: watch::Sender<usize>,
    accepted: watch::Sender<usize>,
}

impl Holding {
    fn new(name: &'static str, concurrency: usize) -> Self {
        Self {
            name,
            concurrency,
            holds_only: Vec::new(),
            refuses_once: Mutex::default(),
            answers: Semaphore::new(0),
            open: watch::Sender::default(),
            most: watch::Sender::default(),
            accepted: watch::Sender::default(),
        }
    }

    fn answer_all(&self) {
        self.answers.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    async fn until_open(&self, count: usize) {
        until(&self.open, count).await;
    }

    async fn until_accepted(&self, count: usize) {
        until(&self.accepted, count).await;
    }
}

async fn until(value: &watch::Sender<usize>, count: usize) {
    let mut value = value.subscribe();
    let reached = timeout(PATIENCE, value.wait_for(|value| *value == count)).await;
    let now = reached.map(|_| ());
    assert!(now.is_ok(), "{} instead of {count}", *value.borrow());
}

#[async_trait]
impl SmsProvider for Holding {
    fn name(&self) -> &str {
        self.name
    }

    fn reports_delivery(&self) -> bool {
        true
    }

    fn supports_international(&self) -> bool {
        true
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError> {
        if self.refuses_once.lock().unwrap().remove(&*sms.to) {
            return Err(SendError::unavailable("nobody answers"));
        }
        if self.holds_only.is_empty() || self.holds_only.contains(&&*sms.to) {
            self.open.send_modify(|open| *open += 1);
            let open = *self.open.borrow();
            self.most.send_if_modified(|most| {
                let is_more = open > *most;
                *most = open.max(*most);
                is_more
            });
            self.answers.acquire().await.unwrap().forget();
            self.open.send_modify(|open| *open -= 1);
        }
        self.accepted.send_modify(|count| *count += 1);
        Ok(SendReceipt::default())
    }
}

async fn world_with(all: &[&Arc<Holding>]) -> World {
    let weighted =
        |provider: &&Arc<Holding>| Weighted::new(Arc::clone(provider) as Arc<dyn SmsProvider>, 50);
    let sms = all.iter().map(weighted).collect();
    World::with(|_, providers| providers.sms = sms).await
}

/// Running workers.
struct Workers {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Workers {
    fn start(world: &World) -> Self {
        let stop = CancellationToken::new();
        let (runner, until) = (world.runner().clone(), stop.clone());
        let pools = app::tasks::POOLS.to_vec();
        Self {
            stop,
            running: tokio::spawn(async move { runner.run(pools, until).await }),
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

async fn send_singles(world: &World, service: &TestService, count: usize) {
    for number in 0..count {
        // Not from 0770090 0000 on: some of those are simulated recipients.
        let to = format!("0770091{number:04}");
        let sent = world.send_sms(service, &service.normal, &to).await;
        assert_eq!(sent.status, 201, "{}", sent.json);
    }
}

async fn send_job(world: &World, service: &TestService, rows: usize) {
    let mut file = "phone number,name,day\n".to_owned();
    for row in 0..rows {
        let _ = writeln!(file, "0770090{row:04},Ada,Friday");
    }
    world.job(service.id, service.sms, file).await;
}

/// Lets time go on until a provider has accepted this many: a message that finds no room comes again a second later, and may
/// have looked for it at any time.
async fn until_all_came_again(world: &World, provider: &Holding, count: usize) {
    let mut accepted = provider.accepted.subscribe();
    for _ in 0..PATIENCE.as_secs() {
        world.advance(Duration::from_secs(2));
        let wait = accepted.wait_for(|accepted| *accepted == count);
        if timeout(Duration::from_secs(1), wait).await.is_ok() {
            return;
        }
    }
    panic!("{} instead of {count}", *provider.accepted.borrow());
}

#[tokio::test]
async fn single_messages_of_one_service_use_all_of_a_provider_but_one_place() {
    let provider = Arc::new(Holding::new("held", 20));
    let world = world_with(&[&provider]).await;
    let (busy, other) = (world.service("Busy").await, world.service("Other").await);
    send_singles(&world, &busy, 40).await;
    let workers = Workers::start(&world);
    provider.until_open(19).await;

    send_singles(&world, &other, 1).await;
    provider.until_open(20).await;
    provider.answer_all();
    until_all_came_again(&world, &provider, 41).await;
    workers.stop().await;
    assert_eq!(*provider.most.borrow(), 20);
}

#[tokio::test]
async fn a_job_and_single_messages_share_the_places_of_a_provider() {
    let provider = Arc::new(Holding::new("held", 20));
    let world = world_with(&[&provider]).await;
    let (busy, other) = (world.service("Busy").await, world.service("Other").await);
    send_job(&world, &busy, 350).await;
    let workers = Workers::start(&world);
    provider.until_open(19).await;
    send_singles(&world, &other, 5).await;
    provider.until_open(20).await;
    provider.answer_all();
    provider.until_accepted(355).await;
    workers.stop().await;
    assert_eq!(*provider.most.borrow(), 20);
}

#[tokio::test]
async fn many_services_with_few_messages_use_all_of_a_provider() {
    let provider = Arc::new(Holding::new("held", 12));
    let world = world_with(&[&provider]).await;
    for number in 0..8 {
        let service = world.service(&format!("Council {number}")).await;
        send_singles(&world, &service, 2).await;
    }
    let workers = Workers::start(&world);
    provider.until_open(12).await;
    provider.answer_all();
    provider.until_accepted(16).await;
    workers.stop().await;
    assert_eq!(*provider.most.borrow(), 12);
}

#[tokio::test]
async fn a_provider_that_hangs_holds_up_only_the_messages_that_it_has() {
    let hanging = Arc::new(Holding::new("hanging", 6));
    let healthy = Arc::new(Holding::new("healthy", 6));
    healthy.answer_all();
    let world = world_with(&[&hanging, &healthy]).await;
    let service = world.service("Riverside Council").await;
    send_job(&world, &service, 250).await;
    send_singles(&world, &service, 50).await;
    let workers = Workers::start(&world);
    // All but those that the other one has, of which one place is for another service.
    healthy.until_accepted(300 - 5).await;
    assert_eq!(*hanging.open.borrow(), 5);
    hanging.answer_all();
    hanging.until_accepted(5).await;
    workers.stop().await;
}

#[tokio::test]
async fn a_message_that_hangs_holds_up_neither_its_batch_nor_a_retry_in_it() {
    let provider = Arc::new(Holding {
        holds_only: vec!["447700900001"],
        refuses_once: Mutex::new(["447700900002"].into()),
        ..Holding::new("held", 3)
    });
    let world = world_with(&[&provider]).await;
    let service = world.service("Riverside Council").await;
    send_job(&world, &service, 100).await;
    let workers = Workers::start(&world);
    provider.until_open(1).await;
    provider.until_accepted(99).await;
    provider.answer_all();
    provider.until_accepted(100).await;
    workers.stop().await;
}

#[tokio::test]
async fn a_call_that_outlasts_the_process_has_an_unknown_outcome() {
    let provider = Arc::new(Holding::new("held", 3));
    let settings = |settings: &mut app::Settings| settings.stop_grace = Duration::from_millis(10);
    let sms = vec![Weighted::new(
        Arc::clone(&provider) as Arc<dyn SmsProvider>,
        50,
    )];
    let world = World::with(|ours, providers| {
        settings(ours);
        providers.sms = sms;
    })
    .await;
    let service = world.service("Riverside Council").await;
    send_singles(&world, &service, 1).await;
    let workers = Workers::start(&world);
    provider.until_open(1).await;
    workers.stop().await;

    provider.answer_all();
    world.advance(Duration::from_mins(50));
    world.run_tasks().await;
    assert_eq!(*provider.accepted.borrow(), 0, "the provider may have it");
    world.advance(Duration::from_mins(11));
    world.run_tasks().await;
    assert_eq!(*provider.accepted.borrow(), 1);
}
