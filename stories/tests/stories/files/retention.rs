//! How files are stored, and when they are removed.

use domain::Clock as _;
use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{PDF, WEEK, file, kept, link, rows, send, send_one, send_to, service};

#[tokio::test]
async fn an_expired_file_is_gone_and_its_bytes_follow() {
    let world = World::new().await;
    let service = service(&world).await;
    let weeks =
        |weeks: &str| json!({"confirm_email_before_download": false, "retention_period": weeks});
    let short = send_one(&world, &service, PDF, weeks("1 week")).await;
    let long = send_one(&world, &service, PDF, weeks("2 Weeks")).await;
    world.run_tasks().await;
    world.advance(WEEK);
    let someone = world.browser();
    assert_eq!(someone.open(&short).await.status, 404, "at once");
    assert_eq!(someone.open(&format!("{short}/file")).await.status, 404);
    assert_eq!(someone.open(&format!("{long}/file")).await.status, 200);
    assert_eq!((kept(&world), rows(&world).await), (2, 2));

    // A process stopped after it had removed the content and before the row: the next run continues.
    let id = short.split('/').rev().nth(1).unwrap();
    let path = format!("documents/service-{}/{id}", service.id);
    std::fs::remove_file(world.files().join(path)).unwrap();
    world.run_schedule().await;
    assert_eq!((kept(&world), rows(&world).await), (1, 1));
    world.run_schedule().await;
    assert_eq!(someone.open(&format!("{long}/file")).await.status, 200);
}

#[tokio::test]
async fn more_expired_files_than_one_batch_are_all_deleted() {
    let world = World::new().await;
    let service = service(&world).await;
    let files: serde_json::Map<String, Value> = (0..120)
        .map(|number| {
            (
                format!("f{number}"),
                file(b"abc", &json!({"retention_period": "1 week"})),
            )
        })
        .collect();
    let mut personalisation = Value::Object(files);
    personalisation["link"] = json!("none");
    assert_eq!(send(&world, &service, personalisation).await.status, 201);
    assert_eq!((kept(&world), rows(&world).await), (120, 120));
    world.run_tasks().await;
    world.advance(WEEK);
    world.run_schedule().await;
    assert_eq!((kept(&world), rows(&world).await), (0, 0));
}

#[tokio::test]
async fn a_stored_file_cannot_be_opened_without_its_link() {
    let world = World::new().await;
    let service = service(&world).await;
    let secret = b"a secret that nobody but Ada should read";
    let link = send_one(
        &world,
        &service,
        secret,
        json!({"filename": "Lovelace.txt"}),
    )
    .await;
    let id: domain::DocumentId = link.split('/').rev().nth(1).unwrap().parse().unwrap();
    let mut session = world.app.read().await.unwrap();
    let now = world.clock.now();
    let document = store::documents::find(&mut session, id, now)
        .await
        .unwrap()
        .unwrap();
    drop(session);
    let vault = world.app.store().keyring();
    assert!(
        vault
            .open(id.as_uuid().as_bytes(), &document.sealed)
            .is_err()
    );
    let path = world
        .files()
        .join(format!("documents/service-{}/{id}", service.id));
    let bytes = std::fs::read(path).unwrap();
    assert!(!bytes.windows(8).any(|part| part == b"a secret"));
    world.run_tasks().await;
}

#[tokio::test]
async fn erasure_deletes_the_files_of_its_recipient_only() {
    let world = World::new().await;
    let service = service(&world).await;
    let value = file(PDF, &json!({}));
    let hers = link(&send(&world, &service, json!({"link": value})).await);
    let value = file(PDF, &json!({}));
    let his = send_to(&world, &service, "bo@example.com", json!({"link": value})).await;
    let his = link(&his);
    world.run_tasks().await;
    let recipient = app::privacy::erasure::Recipient::parse("ADA@example.com").unwrap();
    let mut erasure = app::privacy::erasure::Erasure::new(&world.app, recipient, None);
    assert!(erasure.run().await.unwrap());
    let report = erasure.report();
    assert_eq!((report.documents, report.notifications), (1, 1));
    let path = |link: &str| link[link.find("/d/").unwrap()..].to_owned();
    assert_eq!(
        world.request("GET", &path(&hers), None, "").await.status,
        404
    );
    assert_eq!(
        world.request("GET", &path(&his), None, "").await.status,
        200
    );
    let folder = world
        .files()
        .join(format!("documents/service-{}", service.id));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}
