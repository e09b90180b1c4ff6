//! A RabbitMQ passes the conformance suite, and the log says when it promises less. `make test-distributed` starts the broker.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::Channel;
use pillarbox_intake::{
    AppendError, SharedLog,
    conformance::{self, Harness},
    open,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

const NEEDED: &str = "needs a RabbitMQ: make test-distributed";

/// Returns what scripts/rabbitmq.sh says of the broker.
fn broker() -> serde_json::Value {
    let broker = std::env::var("PILLARBOX_TEST_RABBITMQ").expect(NEEDED);
    serde_json::from_str(&broker).expect("scripts/rabbitmq.sh writes JSON")
}

fn address_of_node(node: usize) -> String {
    broker()["nodes"][node].as_str().expect(NEEDED).to_owned()
}

/// Returns a prefix of queue names that no other test has.
fn fresh_prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("test-{}-{next}-", std::process::id())
}

fn control(arguments: &[&str]) {
    let control = broker()["control"].as_str().expect(NEEDED).to_owned();
    let status = Command::new(control).args(arguments).status();
    assert!(status.expect("it starts").success(), "{arguments:?}");
}

/// How a broker fails.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Failure {
    /// It takes no connections, as when it is stopped.
    Refuses,
    /// It takes connections and says nothing, as behind a network that drops packets.
    IsSilent,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Network {
    Works,
    Fails(Failure),
}

/// A proxy before a broker, whose network can fail.
struct Proxy {
    address: String,
    network: watch::Sender<Network>,
}

impl Proxy {
    async fn before(address: &str) -> Self {
        let (start, end) = address.rsplit_once('/').expect("a virtual host");
        let (user, server) = start.rsplit_once('@').expect("a user");
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (network, now) = watch::channel(Network::Works);
        tokio::spawn(forward_all(listener, server.to_owned(), now));
        Self {
            address: format!("{user}@127.0.0.1:{port}/{end}"),
            network,
        }
    }

    fn set(&self, network: Network) {
        self.network.send(network).expect("the proxy runs");
    }
}

async fn forward_all(listener: TcpListener, server: String, now: watch::Receiver<Network>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(forward(client, server.clone(), now.clone()));
    }
}

async fn forward(mut client: TcpStream, server: String, mut now: watch::Receiver<Network>) {
    let works = *now.borrow() == Network::Works;
    if works {
        let mut server = TcpStream::connect(server)
            .await
            .expect("the broker is there");
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = now.wait_for(|network| *network != Network::Works) => {}
        }
    }
    let is_silent = *now.borrow() == Network::Fails(Failure::IsSilent);
    if is_silent {
        // Such a connection never hears anything again.
        std::future::pending::<()>().await;
    }
}

struct Rabbit {
    proxy: Proxy,
    failure: Failure,
    prefix: std::sync::Mutex<String>,
}

impl Rabbit {
    async fn new(failure: Failure) -> Self {
        Self {
            proxy: Proxy::before(&address_of_node(0)).await,
            failure,
            prefix: std::sync::Mutex::default(),
        }
    }

    fn address(&self) -> String {
        let prefix = self.prefix.lock().expect("no one panics holding it");
        format!("{}?prefix={prefix}", self.proxy.address)
    }
}

#[async_trait]
impl Harness for Rabbit {
    async fn empty(&self) -> SharedLog {
        *self.prefix.lock().expect("no one panics holding it") = fresh_prefix();
        self.another().await
    }

    async fn another(&self) -> SharedLog {
        open(&self.address()).await.expect("the broker is fit")
    }

    async fn break_down(&self) {
        self.proxy.set(Network::Fails(self.failure));
    }

    async fn repair(&self) {
        self.proxy.set(Network::Works);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn a_rabbitmq_is_an_intake_log() {
    conformance::run(&Rabbit::new(Failure::Refuses).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn a_rabbitmq_behind_a_network_that_drops_everything_is_an_intake_log() {
    conformance::run(&Rabbit::new(Failure::IsSilent).await).await;
}

fn address_with(prefix: &str) -> String {
    format!("{}?prefix={prefix}", address_of_node(0))
}

async fn append(log: &SharedLog, number: u8) -> Result<(), AppendError> {
    log.append(Channel::Sms, vec![number].into()).await
}

/// Appends until the log takes it, for as long as a broker needs to find itself again.
async fn append_soon(log: &SharedLog, number: u8) {
    let started = Instant::now();
    while let Err(error) = append(log, number).await {
        assert!(started.elapsed() < Duration::from_mins(1), "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn what_has_no_queue_is_not_accepted_and_the_queue_is_made_again() {
    let prefix = fresh_prefix();
    let log = open(&address_with(&prefix)).await.unwrap();
    append(&log, 1).await.unwrap();
    control(&["ctl", "0", "delete_queue", &format!("{prefix}save-api-sms")]);
    let error = append(&log, 2).await.unwrap_err().to_string();
    assert!(error.contains("has no queue"), "{error}");
    append_soon(&log, 3).await;
    assert_eq!(log.depth(Channel::Sms).await.unwrap(), 1);
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn what_the_broker_refuses_is_not_accepted_and_nothing_is_dropped_for_it() {
    let prefix = fresh_prefix();
    let log = open(&address_with(&prefix)).await.unwrap();
    for number in 0..3 {
        append(&log, number).await.unwrap();
    }
    let definition = r#"{"max-length": 3}"#;
    let pattern = format!("^{prefix}");
    control(&[
        "ctl",
        "0",
        "set_policy",
        &prefix,
        &pattern,
        definition,
        "--apply-to",
        "queues",
    ]);
    // A broker takes one or two more before it notices.
    let mut taken = 3;
    let error = loop {
        match append(&log, taken).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 20, "the policy is there");
    };
    assert!(matches!(error, AppendError::Log(_)), "{error:?}");
    assert_eq!(log.depth(Channel::Sms).await.unwrap(), u64::from(taken));
    control(&["ctl", "0", "clear_policy", &prefix]);
    append_soon(&log, 77).await;
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn what_a_policy_would_drop_is_set_aside() {
    let prefix = fresh_prefix();
    let log = open(&address_with(&prefix)).await.unwrap();
    let pattern = format!("^{prefix}.*(sms|email|letter)$");
    control(&[
        "ctl",
        "0",
        "set_policy",
        &prefix,
        &pattern,
        r#"{"message-ttl": 1}"#,
        "--apply-to",
        "queues",
    ]);
    append(&log, 1).await.unwrap();
    let started = Instant::now();
    while log.count_aside(Channel::Sms).await.unwrap() == 0 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "it is not lost"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    control(&["ctl", "0", "clear_policy", &prefix]);
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn a_queue_that_is_not_durable_is_refused_at_the_start() {
    let prefix = fresh_prefix();
    let connection =
        lapin::Connection::connect(&address_of_node(0), lapin::ConnectionProperties::default())
            .await
            .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let name = format!("{prefix}save-api-email");
    let options = lapin::options::QueueDeclareOptions::durable();
    channel
        .queue_declare(
            name.clone().into(),
            options,
            lapin::types::FieldTable::default(),
        )
        .await
        .unwrap();
    let error = open(&address_with(&prefix)).await.unwrap_err().to_string();
    assert!(error.contains(&name) && error.contains("quorum"), "{error}");
}

#[tokio::test]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn a_wrong_password_is_refused_at_the_start_and_not_shown() {
    let address = address_of_node(0).replace(":secret@", ":wr0ng@");
    let error = open(&address).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("wr0ng"), "{error:?}");
}

#[tokio::test]
async fn a_broker_that_is_away_at_the_start_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let log = open(&format!("amqp://me:secret@127.0.0.1:{port}/%2f")).await;
    let log = log.unwrap();
    let started = Instant::now();
    let error = append(&log, 1).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(
        !format!("{error:?} {log:?}").contains("secret"),
        "{error:?}"
    );
}

/// Kills every node at once while messages are appended, and counts.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn a_cluster_that_is_killed_keeps_what_it_has_confirmed() {
    let nodes = broker()["nodes"].as_array().expect(NEEDED).len();
    let prefix = fresh_prefix();
    let address = broker()["address"].as_str().expect(NEEDED).to_owned();
    let log = open(&format!("{address}?prefix={prefix}")).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let appends: Vec<_> = (0..4_u32)
        .map(|task| tokio::spawn(append_until(log.clone(), task, stop.clone())))
        .collect();
    tokio::time::sleep(Duration::from_secs(3)).await;
    for node in 0..nodes {
        control(&["kill", &node.to_string()]);
    }
    stop.store(true, Ordering::SeqCst);
    let mut confirmed = std::collections::BTreeSet::new();
    for append in appends {
        confirmed.extend(append.await.unwrap());
    }
    for node in 0..nodes {
        control(&["start", &node.to_string(), "--no-wait"]);
    }
    for node in 0..nodes {
        control(&["wait", &node.to_string()]);
    }
    append_soon(&log, 255).await;
    let mut reader = log.reader(Channel::Sms).await.unwrap();
    let (mut read, mut count) = (std::collections::BTreeSet::new(), 0);
    loop {
        let deliveries = reader.receive(100, Duration::from_secs(3)).await.unwrap();
        if deliveries.is_empty() {
            break;
        }
        let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.id).collect();
        count += deliveries.len();
        read.extend(deliveries.into_iter().map(|delivery| delivery.group));
        reader.acknowledge(&ids).await.unwrap();
    }
    let lost = confirmed.difference(&read).count();
    println!(
        "{nodes} nodes killed: {} confirmed, {count} read, {lost} lost",
        confirmed.len()
    );
    assert!(confirmed.len() > 10, "messages were appended");
    assert_eq!(lost, 0);
}

/// Appends messages and returns those that were confirmed.
async fn append_until(log: SharedLog, task: u32, stop: Arc<AtomicBool>) -> Vec<bytes::Bytes> {
    let mut confirmed = Vec::new();
    for number in 0_u32.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let group = bytes::Bytes::from([task.to_be_bytes(), number.to_be_bytes()].concat());
        match log.append(Channel::Sms, group.clone()).await {
            Ok(()) => confirmed.push(group),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    confirmed
}
