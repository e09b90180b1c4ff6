//! Delivery status notifications of mail servers, in a maildir (`docs/spec/workers.md` §9.3).

use std::{fs, path::Path};

use app::receipts::sweep_bounces;
use pillarbox_stories::{TestService, World};
use providers::email::maildir::Maildir;

/// Writes a report as Postfix does, to the return path of an e-mail.
fn deliver(maildir: &Path, name: &str, id: &str, action: &str, status: &str) {
    let id = id.replace('-', "");
    let report = format!(
        "Delivered-To: bounces+{id}@notify.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nI am sorry.\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n\
         Final-Recipient: rfc822; ada@example.com\r\nAction: {action}\r\nStatus: {status}\r\n\r\n--b--\r\n"
    );
    let new = maildir.join("new");
    fs::create_dir_all(&new).unwrap();
    fs::write(new.join(name), report).unwrap();
}

async fn sent(world: &World, service: &TestService, address: &str) -> String {
    let answer = world.send_email(service, &service.normal, address).await;
    world.run_tasks().await;
    answer.json["id"].as_str().unwrap().to_owned()
}

fn count(maildir: &Path, folder: &str) -> usize {
    fs::read_dir(maildir.join(folder)).map_or(0, Iterator::count)
}

#[tokio::test]
async fn what_mail_servers_report_decides() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let directory = tempfile::tempdir().unwrap();
    let (path, maildir) = (directory.path(), Maildir::new(directory.path()));
    assert_eq!(
        sweep_bounces(&world.app, &maildir).await.unwrap(),
        0,
        "it need not exist"
    );
    let ids = [
        sent(&world, &service, "ada@example.com").await,
        sent(&world, &service, "grace@example.com").await,
        sent(&world, &service, "mary@example.com").await,
        sent(&world, &service, "joan@example.com").await,
    ];
    deliver(path, "1", &ids[0], "failed", "5.1.1");
    deliver(path, "2", &ids[1], "delivered", "2.0.0");
    deliver(path, "3", &ids[2], "failed", "5.2.2");
    deliver(path, "4", &ids[3], "delayed", "4.4.1");
    deliver(
        path,
        "5",
        "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
        "failed",
        "5.1.1",
    );
    fs::write(path.join("new/6"), "Subject: Hello\r\n\r\nHow are you?").unwrap();
    fs::write(path.join("new/7"), vec![b'x'; 2 << 20]).unwrap();
    assert_eq!(sweep_bounces(&world.app, &maildir).await.unwrap(), 5);
    // Twice is once.
    assert_eq!(sweep_bounces(&world.app, &maildir).await.unwrap(), 0);
    assert_eq!((count(path, "new"), count(path, "cur")), (0, 2));
    world.run_tasks().await;
    let mut statuses = Vec::new();
    for id in &ids {
        statuses.push(world.status_of(&service, id).await);
    }
    assert_eq!(
        statuses,
        [
            "permanent-failure",
            "delivered",
            "temporary-failure",
            "sending"
        ]
    );
    let again = sent(&world, &service, "ada@example.com").await;
    assert_eq!(world.status_of(&service, &again).await, "permanent-failure");
    assert_eq!(world.email.accepted().len(), 4, "it was suppressed");
    let refused = sent(&world, &service, "mary@example.com").await;
    deliver(path, "8", &refused, "failed", "5.7.1");
    sweep_bounces(&world.app, &maildir).await.unwrap();
    world.run_tasks().await;
    assert_eq!(
        world.status_of(&service, &refused).await,
        "permanent-failure"
    );
    let next = sent(&world, &service, "mary@example.com").await;
    assert_eq!(
        world.status_of(&service, &next).await,
        "sending",
        "the text was refused, not the address"
    );
}
