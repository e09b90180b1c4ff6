//! A job through a real SMTP server: the one at `PILLARBOX_TEST_SMTP` (`host:port`), which stores each mail as a file in the
//! directory `PILLARBOX_TEST_SMTP_KEEPS`. Test runs without such a server report the story as ignored.

use std::{fmt::Write as _, path::Path, sync::Arc};

use pillarbox_stories::World;
use providers::email::smtp::{SmtpRelay, SmtpSettings};

const ROWS: usize = 10_000;

#[tokio::test]
#[ignore = "needs a mail server: make test-distributed"]
async fn ten_thousand_rows_reach_a_real_mail_server_each_once() {
    let server = std::env::var("PILLARBOX_TEST_SMTP").expect("the address of a mail server");
    let kept = std::env::var("PILLARBOX_TEST_SMTP_KEEPS").expect("where it stores mail");
    let (host, port) = server.rsplit_once(':').unwrap();
    let settings: SmtpSettings = serde_json::from_value(serde_json::json!({
        "name": "relay", "host": host, "port": port.parse::<u16>().unwrap(), "tls": "none",
    }))
    .unwrap();
    let relay = Arc::new(SmtpRelay::new(&settings).unwrap());
    let world = World::with_email_provider(relay).await;
    let service = world.service("Riverside Council").await;
    let names = [
        "Zoë",
        "李小龍",
        "Łucja",
        "Олена",
        "أحمد",
        "O’Neil",
        "\"Quoted\"\"",
        "नेहा",
    ];
    let mut file = "email address,name,day\n".to_owned();
    for row in 0..ROWS {
        let name = names[row % names.len()].replace('"', "\"\"");
        let _ = writeln!(
            file,
            "reader{row}@example.com,\"{name} {row}\",\"Friday\nor Saturday\""
        );
    }
    let job = world.job(service.id, service.email, file).await;
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["statistics"][0]["count"], ROWS, "{status}");

    let mut reached: Vec<String> = std::fs::read_dir(Path::new(&kept))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .filter_map(|mail| {
            let line = mail
                .lines()
                .find(|line| line.to_ascii_lowercase().starts_with("to:"))?;
            Some(line[3..].trim().to_owned())
        })
        .collect();
    reached.sort();
    let taken = reached.len();
    reached.dedup();
    assert_eq!(
        (taken, reached.len()),
        (ROWS, ROWS),
        "each reached the server, and once"
    );
}
