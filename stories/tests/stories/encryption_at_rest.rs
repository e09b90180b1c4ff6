//! Personal data is sealed (`ARCHITECTURE.md` "Invariants", 8).

use std::{io::Write as _, path::Path, sync::Arc};

use domain::{Clock as _, InboundSmsId};
use pillarbox_stories::{SeededRandom, World};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use store::Keyring;

pub(crate) fn contains(path: &Path, needle: &str) -> bool {
    if path.is_dir() {
        return std::fs::read_dir(path)
            .unwrap()
            .any(|entry| contains(&entry.unwrap().path(), needle));
    }
    let bytes = std::fs::read(path).unwrap();
    bytes
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

/// What the platform has stored, for a search in clear text.
enum Stored<'a> {
    /// The directory of SQLite's files, which also holds what was deleted and not overwritten.
    Files(&'a Path),
    /// All rows of PostgreSQL as text, with bytes in hexadecimal, and the directory of the stored files.
    Rows(String, &'a Path),
}

impl Stored<'_> {
    fn contains(&self, needle: &str) -> bool {
        match self {
            Self::Files(directory) => contains(directory, needle),
            Self::Rows(rows, files) => {
                let bytes: Vec<String> = needle.bytes().map(|one| format!("{one:02x}")).collect();
                rows.contains(needle) || rows.contains(&bytes.concat()) || contains(files, needle)
            }
        }
    }
}

/// Returns every row of every table of a PostgreSQL database.
async fn all_rows(address: &str) -> String {
    let mut connection = PgConnection::connect(address).await.unwrap();
    let tables = sqlx::query(
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables \
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    );
    let tables = tables.fetch_all(&mut connection).await.unwrap();
    assert!(tables.len() > 10, "only {} tables found", tables.len());
    let mut all = String::new();
    for table in tables {
        let table: String = table.get("name");
        let rows = AssertSqlSafe(format!("SELECT one::text AS content FROM {table} AS one"));
        for row in sqlx::query(rows).fetch_all(&mut connection).await.unwrap() {
            all += row.get("content");
            all.push('\n');
        }
    }
    connection.close().await.unwrap();
    all
}

#[tokio::test]
async fn no_recipient_value_or_secret_is_stored_in_clear() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let body = json!({
        "email_address": "ada.lovelace@example.com", "template_id": service.email,
        "personalisation": {"name": "Countess-Lovelace", "day": "Friday"},
    });
    world
        .post(&service.normal, "/v2/notifications/email", &body)
        .await;
    world
        .job(
            service.id,
            service.sms,
            "phone number,name,day\n07700900987,Grace-Hopper,Friday\n",
        )
        .await;
    let now = world.clock.now();
    let text = store::inbound_sms::InboundSms {
        id: InboundSmsId::generate(now, world.app.random()),
        service_id: service.id,
        notify_number: "07700900600".to_owned(),
        user_number: "447700900911".to_owned().into(),
        content: "Analytical-Engine".to_owned().into(),
        provider: "mmg".to_owned(),
        provider_reference: None,
        provider_date: now,
        created_at: now,
    };
    let mut tx = world.app.store().write().await.unwrap();
    store::inbound_sms::insert(&mut tx, world.app.store().keyring(), &text)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.run_tasks().await;
    let (address, files) = (world.database_address(), world.files());
    let directory = world.database_file().parent().unwrap().to_owned();
    let stored = if address.starts_with("sqlite") {
        Stored::Files(&directory)
    } else {
        Stored::Rows(all_rows(&address).await, &files)
    };
    assert!(
        stored.contains("Riverside Council"),
        "the search finds what is stored in clear"
    );
    if let Stored::Rows(rows, _) = &stored {
        assert!(rows.contains("\\x"), "bytes are shown in hexadecimal");
    }
    for personal in [
        "ada.lovelace",
        "Countess-Lovelace",
        "07700900987",
        "447700900987",
        "Grace-Hopper",
        "447700900911",
        "Analytical-Engine",
        &service.normal.secret,
    ] {
        assert!(!stored.contains(personal), "{personal} is stored in clear");
    }
}

#[tokio::test]
async fn reencryption_seals_every_row_with_the_new_key() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = world
        .send_sms(&service, &service.normal, "07700900123")
        .await
        .json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let entropy = SeededRandom::new(99);
    let mut keyring = std::fs::OpenOptions::new()
        .append(true)
        .open(world.keyring())
        .unwrap();
    keyring
        .write_all(Keyring::new_key_line(2, &entropy).as_bytes())
        .unwrap();
    world.app.store().keyring().reload().unwrap();

    let resealed = app::privacy::reencryption::reencrypt(&world.app)
        .await
        .unwrap();
    assert_eq!((resealed.notifications, resealed.api_keys), (1, 3));
    assert_eq!(
        app::privacy::reencryption::reencrypt(&world.app)
            .await
            .unwrap()
            .notifications,
        0,
        "twice is harmless"
    );
    let path = format!("/v2/notifications/{id}");
    assert_eq!(
        world.get(&service.normal, &path).await.json["phone_number"],
        "07700900123"
    );

    let only_new = std::fs::read_to_string(world.keyring()).unwrap();
    let only_new: Vec<&str> = only_new
        .lines()
        .filter(|line| line.starts_with("2 "))
        .collect();
    let only_new = only_new.join("\n");
    std::fs::write(world.keyring(), only_new).unwrap();
    let world = world.restarted().await;
    assert_eq!(
        world.get(&service.normal, &path).await.json["phone_number"],
        "07700900123",
        "the old key can go"
    );
    world.run_tasks().await;
}

#[tokio::test]
async fn a_process_that_meets_a_new_key_reads_the_key_file_again() {
    let world = World::new().await;
    let entropy = Arc::new(SeededRandom::new(5));
    let ours = Keyring::open_file(&world.keyring(), entropy.clone()).unwrap();
    let mut keyring = std::fs::OpenOptions::new()
        .append(true)
        .open(world.keyring())
        .unwrap();
    keyring
        .write_all(Keyring::new_key_line(2, &*entropy).as_bytes())
        .unwrap();
    let theirs = Keyring::open_file(&world.keyring(), entropy).unwrap();
    let sealed = theirs.seal(b"row", b"secret");
    assert_eq!(ours.open(b"row", &sealed).unwrap(), b"secret");
}

#[tokio::test]
async fn reencryption_seals_every_file_with_the_new_key() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let people = crate::jobs::people(5000);
    let job = world.job(service.id, service.sms, people.clone()).await;
    let path = format!("/service/{}/contact-list?template_type=sms", service.id);
    let list = world.internal_request("POST", &path, people).await;
    let entropy = SeededRandom::new(99);
    let line = Keyring::new_key_line(2, &entropy);
    let both = std::fs::read_to_string(world.keyring()).unwrap() + &line;
    std::fs::write(world.keyring(), both).unwrap();
    world.app.store().keyring().reload().unwrap();
    let done = app::privacy::reencryption::reencrypt(&world.app)
        .await
        .unwrap()
        .files;
    assert_eq!((done.spreadsheets, done.contact_lists), (1, 1));
    let again = app::privacy::reencryption::reencrypt(&world.app)
        .await
        .unwrap()
        .files;
    assert_eq!(
        again,
        app::privacy::reencryption::FilesReencrypted::default(),
        "twice is harmless"
    );

    std::fs::write(world.keyring(), line).unwrap();
    let world = world.restarted().await;
    world.run_tasks().await;
    assert_eq!(
        world.job_status(service.id, &job).await["job_status"],
        "finished"
    );
    let copy = format!(
        "/service/{}/spreadsheet?template_id={}&contact_list_id={}",
        service.id,
        service.sms,
        list.data()["id"].as_str().unwrap()
    );
    let copy = world.internal_request("POST", &copy, "").await;
    assert_eq!(copy.data()["valid"], true, "{}", copy.json);
}
