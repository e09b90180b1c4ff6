//! E-mail through a real Postfix that asks for TLS and a password. `PILLARBOX_TEST_POSTFIX` is JSON: the ports for STARTTLS and
//! TLS, the file of its authority, and the directories of its mail and of its reports. Test runs without one report the stories as ignored.

use std::{fs, path::Path, sync::Arc, time::Duration};

use app::receipts::sweep_bounces;
use pillarbox_stories::World;
use providers::email::{
    maildir::Maildir,
    smtp::{SmtpRelay, SmtpSettings},
};
use serde_json::{Value, json};

fn postfix() -> Value {
    let postfix = std::env::var("PILLARBOX_TEST_POSTFIX").expect("where Postfix is");
    serde_json::from_str(&postfix).unwrap()
}

fn relay(postfix: &Value, tls: &str, auth: &str, password: &str) -> Arc<SmtpRelay> {
    let settings: SmtpSettings = serde_json::from_value(json!({
        "host": "localhost", "port": postfix[tls], "tls": tls, "ca_file": postfix["ca"],
        "username": "notify@localhost", "password": password, "auth": auth,
    }))
    .unwrap();
    Arc::new(SmtpRelay::new(&settings).unwrap())
}

/// Returns a relay whose Postfix reports on each e-mail to an address of ours.
fn reporting_relay(postfix: &Value) -> Arc<SmtpRelay> {
    let settings: SmtpSettings = serde_json::from_value(json!({
        "host": "localhost", "port": postfix["tls"], "tls": "tls", "ca_file": postfix["ca"],
        "username": "notify@localhost", "password": "a password",
        "return_path": "reports@bounces.example", "reports_delivery": true,
    }))
    .unwrap();
    Arc::new(SmtpRelay::new(&settings).unwrap())
}

/// Waits until a mail with this reference is stored, which is shortly after Postfix accepted it.
async fn arrives(directory: &Path, reference: &str) -> bool {
    for _ in 0..300 {
        let entries = fs::read_dir(directory.join("new")).into_iter().flatten();
        let mut mails = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
        if mails.any(|mail| mail.contains(reference)) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test]
#[ignore = "needs Postfix: make test-distributed"]
async fn postfix_takes_mail_with_tls_and_a_password() {
    let postfix = postfix();
    let mail = Path::new(postfix["mail"].as_str().unwrap());
    for (tls, auth) in [
        ("starttls", "auto"),
        ("tls", "plain"),
        ("starttls", "login"),
    ] {
        let relay = relay(&postfix, tls, auth, "a password");
        let world = World::with_email_provider(relay).await;
        let service = world.service("Riverside Council").await;
        let sent = world
            .send_email(&service, &service.normal, "ada@example.com")
            .await;
        world.run_tasks().await;
        let id = sent.json["id"].as_str().unwrap();
        assert_eq!(
            world.status_of(&service, id).await,
            "delivered",
            "{tls} {auth}"
        );
        assert!(
            arrives(mail, &format!("X-Pillarbox-Id: {id}")).await,
            "{tls} {auth}"
        );
    }
}

#[tokio::test]
#[ignore = "needs Postfix: make test-distributed"]
async fn a_password_that_postfix_refuses_sends_nothing_and_is_retried() {
    let postfix = postfix();
    let mut world = World::with_email_provider(relay(&postfix, "tls", "auto", "wrong")).await;
    let service = world.service("Riverside Council").await;
    let sent = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    world.run_tasks().await;
    let id = sent.json["id"].as_str().unwrap();
    assert_eq!(world.status_of(&service, id).await, "created");
    world.expect_unfinished_tasks();
}

#[tokio::test]
#[ignore = "needs Postfix: make test-distributed"]
async fn what_postfix_reports_of_each_e_mail_decides_its_status() {
    let postfix = postfix();
    let bounces = Path::new(postfix["bounces"].as_str().unwrap());
    let world = World::with_email_provider(reporting_relay(&postfix)).await;
    let service = world.service("Riverside Council").await;
    let mut sent = Vec::new();
    for address in ["ada@example.com", "gone@example.com"] {
        let answer = world.send_email(&service, &service.normal, address).await;
        sent.push(answer.json["id"].as_str().unwrap().to_owned());
    }
    world.run_tasks().await;
    for id in &sent {
        assert_eq!(world.status_of(&service, id).await, "sending");
        // The address that Postfix reports to names the e-mail.
        let returned_to = format!("reports+{}@bounces.example", id.replace('-', ""));
        assert!(arrives(bounces, &returned_to).await, "{returned_to}");
    }
    let maildir = Maildir::new(bounces);
    assert_eq!(sweep_bounces(&world.app, &maildir).await.unwrap(), 2);
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &sent[0]).await, "delivered");
    assert_eq!(
        world.status_of(&service, &sent[1]).await,
        "permanent-failure"
    );
}
