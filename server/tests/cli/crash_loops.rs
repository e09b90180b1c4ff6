//! A task that ends its process is given up, and the platform goes on.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    foreign_files::{key, pdf, post, wait_for},
    platform::Platform,
};

/// What the scanner looks for.
const POISON: &str = "(poison)";

/// A virus scanner that ends the platform in the middle of a scan, as a fault of the program would.
struct DeadlyScanner {
    address: String,
    /// The process to end; 0 while it starts.
    victim: Arc<AtomicU32>,
}

impl DeadlyScanner {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp:{}", listener.local_addr().unwrap());
        let victim = Arc::new(AtomicU32::new(0));
        let target = victim.clone();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let target = target.clone();
                thread::spawn(move || scan(socket.unwrap(), &target));
            }
        });
        Self { address, victim }
    }
}

fn scan(mut socket: TcpStream, victim: &AtomicU32) {
    let mut command = [0; "zINSTREAM\0".len()];
    socket.read_exact(&mut command).unwrap();
    let mut file = Vec::new();
    loop {
        let mut length = [0; 4];
        if socket.read_exact(&mut length).is_err() {
            return;
        }
        let mut chunk = vec![0; u32::from_be_bytes(length) as usize];
        if chunk.is_empty() {
            break;
        }
        socket.read_exact(&mut chunk).unwrap();
        file.extend_from_slice(&chunk);
    }
    if String::from_utf8_lossy(&file).contains(POISON) {
        let mut pid = 0;
        while pid == 0 {
            thread::sleep(Duration::from_millis(10));
            pid = victim.swap(0, Ordering::SeqCst);
        }
        let kill = format!("kill -KILL {pid}");
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }
    let _ = socket.write_all(b"stream: OK\0");
}

/// How a process ended its time.
enum End {
    Killed,
    DeadLetter(Value),
}

fn watch(platform: &mut Platform) -> End {
    let started = Instant::now();
    loop {
        if platform.has_exited() {
            return End::Killed;
        }
        // Fails if the process ends meanwhile.
        let listed = platform.run(&["queue", "dead", "--json"]);
        if let Some(letter) = crate::platform::json_lines(&listed).pop() {
            return End::DeadLetter(letter);
        }
        assert!(
            started.elapsed() < Duration::from_mins(2),
            "nothing happens"
        );
        thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_ends_its_process_becomes_a_dead_letter_and_can_be_cancelled() {
    let scanner = DeadlyScanner::start();
    let directory: Arc<TempDir> = tempfile::tempdir().unwrap().into();
    let settings = format!("virus_scanner = \"{}\"\n", scanner.address);
    std::fs::write(directory.path().join("pillarbox.toml"), settings).unwrap();

    let mut platform = Platform::up_in(directory.clone());
    let normal = key(&platform, "normal");
    let poison = post(&platform, &normal, &pdf([POISON.to_owned()]));
    let mut deaths = 0;
    let letter = loop {
        scanner.victim.store(platform.pid(), Ordering::SeqCst);
        match watch(&mut platform) {
            End::DeadLetter(letter) => break letter,
            End::Killed => deaths += 1,
        }
        assert!(deaths < 10, "the crash loop goes on");
        platform = Platform::up_in(directory.clone());
    };
    assert_eq!(deaths, 4);
    let id = poison.rsplit('/').next().unwrap();
    let why = letter["why"].as_str().unwrap();
    assert!(why.contains(id), "it names the letter: {why}");

    // Others are served, and no worker takes the letter.
    let good = post(&platform, &normal, &pdf([]));
    wait_for(&platform, &normal, &good, "accepted");
    wait_for(&platform, &normal, &poison, "pending-virus-check");
    cancel(&platform, &normal, id).await;
    wait_for(&platform, &normal, &poison, "cancelled");
}

/// Cancels a letter of the service that has this key.
async fn cancel(platform: &Platform, key: &str, id: &str) {
    let secret =
        std::fs::read_to_string(platform.directory.path().join("internal-secret")).unwrap();
    let client = pillarbox_server::client::Client::new(
        platform.line["url"].as_str().unwrap(),
        "notify-admin",
        secret.trim().to_owned().into(),
    );
    // A key ends in the ids of its service and of itself.
    let service = &key[key.len() - 73..key.len() - 37];
    let path = format!("/service/{service}/notifications/{id}/cancel");
    client.unwrap().post_raw(&path, &json!({})).await.unwrap();
}
