//! Letters: accepted from a template or as PDF, shown, fetched, returned by the post.

mod alarms;
mod cancelled;
mod file_drop;
mod looks;
mod precompiled;
mod print_run;
mod print_service;
mod qpdf;
mod rates;
mod references;
mod rescan;
mod response_files;
mod response_vectors;
mod returned;
mod supplied;
mod template_options;
mod templated;
mod uploads;
mod whole_job;

use app::manage::services::NewService;
use domain::{
    Channel, KeyType, NotificationId, NotificationStatus, Permission, ServiceId, TemplateId,
};
use pillarbox_stories::{Key, TestResponse, TestService, World};
use serde_json::{Value, json};
use store::{
    notifications::{Contents, NewNotification, SealedRow, StatusUpdate},
    templates::Template,
};

/// `%PDF-1.4 for the eyes of Ada alone` in Base64, with line breaks as some programs write them.
const PDF: &str = "JVBERi0xLjQgZm9yIHRoZSBl\r\neWVzIG9mIEFkYSBhbG9uZQ==";
const PLAIN_PDF: &str = "%PDF-1.4 for the eyes of Ada alone";

fn service_that_sends_letters(name: &str) -> NewService {
    NewService {
        rate_limit: 100_000,
        permissions: [Permission::Email, Permission::Sms, Permission::Letter].into(),
        ..NewService::named(name)
    }
}

async fn service(world: &World, name: &str) -> TestService {
    world.service_with(service_that_sends_letters(name)).await
}

/// A letter `Dear ((name))` about `((thing))`.
async fn template(world: &World, service: ServiceId) -> TemplateId {
    let new = app::manage::templates::NewTemplate {
        template_type: Channel::Letter,
        name: "A letter".to_owned(),
        subject: Some("About ((thing))".to_owned()),
        content: "Dear ((name))".to_owned(),
        lane: None,
        created_by: None,
    };
    let made = app::manage::templates::create(&world.app, service, new).await;
    made.unwrap().id
}

/// Stores a changed version of a letter template.
async fn rewrite(world: &World, service: ServiceId, id: TemplateId, change: fn(&mut Template)) {
    let mut tx = world.app.store().write().await.unwrap();
    let mut template = store::templates::find(&mut tx, service, id)
        .await
        .unwrap()
        .unwrap();
    template.version += 1;
    change(&mut template);
    assert!(store::templates::update(&mut tx, &template).await.unwrap());
    tx.commit().await.unwrap();
}

fn to_ada(template: TemplateId) -> Value {
    json!({
        "template_id": template,
        "personalisation": {
            "address_line_1": "Ada", "address_line_2": "1 Mill Lane", "postcode": " sw1a1aa ",
            "name": "Ada", "thing": "bins",
        },
    })
}

async fn post(world: &World, key: &Key, body: &Value) -> TestResponse {
    world.post(key, "/v2/notifications/letter", body).await
}

async fn post_pdf(world: &World, key: &Key, reference: &str) -> TestResponse {
    let body = json!({"reference": reference, "content": PDF});
    post(world, key, &body).await
}

fn id_of(answer: &TestResponse) -> NotificationId {
    assert_eq!(answer.status, 201, "{}", answer.json);
    answer.json["id"].as_str().unwrap().parse().unwrap()
}

async fn kept(
    world: &World,
    service: &TestService,
    id: NotificationId,
) -> store::notifications::Notification {
    let mut session = world.app.read().await.unwrap();
    store::notifications::find(&mut session, service.id, id)
        .await
        .unwrap()
        .unwrap()
}

/// Sets the statuses in order, as a print provider would report them.
async fn becomes(world: &World, id: NotificationId, statuses: &[NotificationStatus]) {
    let mut tx = world.app.store().write().await.unwrap();
    for status in statuses {
        let outcome = StatusUpdate {
            billable_units: Some(2),
            ..StatusUpdate::new(id, *status)
        };
        let at = domain::Clock::now(&*world.clock);
        let changed = store::notifications::apply(&mut tx, &[outcome], at).await;
        assert_eq!(changed.unwrap().count, 1, "it becomes {status}");
    }
    tx.commit().await.unwrap();
}

/// A letter as a print provider knows it.
struct Printed<'a> {
    reference: &'a str,
    status: NotificationStatus,
    sheets: u32,
    key_type: KeyType,
    is_archived: bool,
}

impl<'a> Printed<'a> {
    /// Returns a letter of one sheet that is being printed.
    const fn sending(reference: &'a str) -> Self {
        Self {
            reference,
            status: NotificationStatus::Sending,
            sheets: 1,
            key_type: KeyType::Normal,
            is_archived: false,
        }
    }
}

/// Returns a letter as it is inserted.
fn new_printed(
    world: &World,
    (service, template): (ServiceId, TemplateId),
    letter: &Printed<'_>,
) -> SealedRow {
    let now = domain::Clock::now(&*world.clock);
    let id = NotificationId::generate(now, world.app.random());
    let new = NewNotification {
        id,
        service_id: service,
        job_row: None,
        template_id: template,
        template_version: 1,
        api_key_id: None,
        key_type: letter.key_type,
        channel: Channel::Letter,
        status: match letter.status {
            NotificationStatus::Sending => NotificationStatus::Created,
            other => other,
        },
        contents: Contents {
            recipient: "Ada".to_owned().into(),
            normalised: "ada".to_owned().into(),
            personalisation: serde_json::Map::new().into(),
            unsubscribe_url: None,
        },
        client_reference: None,
        reply_to_text: None,
        international: false,
        phone_prefix: None,
        rate_multiplier: None,
        postage: Some(domain::Postage::Second),
        reference: Some(letter.reference.to_owned()),
        documents: 0,
        created_by: None,
        created_at: now,
        problem: None,
    };
    new.seal(world.app.store().keyring())
}

/// Stores a letter as it is once it was handed to a print provider, or as a line of history.
async fn insert_printed(
    world: &World,
    (service, template): (ServiceId, TemplateId),
    letter: &Printed<'_>,
) -> NotificationId {
    let now = domain::Clock::now(&*world.clock);
    let sealed = new_printed(world, (service, template), letter);
    let id = sealed.id;
    let mut tx = world.app.store().write().await.unwrap();
    store::notifications::insert_many(&mut tx, &[sealed])
        .await
        .unwrap();
    store::notifications::set_billable_units(&mut tx, &[(id, letter.sheets)])
        .await
        .unwrap();
    if letter.status == NotificationStatus::Sending {
        let sent = StatusUpdate {
            sent_at: Some(now),
            sent_by: Some("fake-letter".to_owned()),
            ..StatusUpdate::new(id, NotificationStatus::Sending)
        };
        store::notifications::apply(&mut tx, &[sent], now)
            .await
            .unwrap();
    }
    if letter.is_archived {
        archive(&mut tx, service, id).await;
    }
    tx.commit().await.unwrap();
    id
}

/// Makes a letter a line of history, as retention does.
async fn archive(tx: &mut store::Tx, service: ServiceId, id: NotificationId) {
    store::history::insert_from_notifications(tx, service, &[id])
        .await
        .unwrap();
    store::history::delete(tx, service, &[id]).await.unwrap();
}

/// Announces a response file as the storage of a print provider does.
async fn announce(world: &World, key: &str) {
    let object = json!({"Records": [{"s3": {"object": {"key": key}}}]});
    let body = json!({
        "Type": "Notification", "MessageId": "1", "Message": object.to_string(),
    });
    let answer = world
        .request("POST", "/notifications/letter/dvla", None, body.to_string())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.json,
        json!({"result": "success", "message": "DVLA callback succeeded"})
    );
}

/// Returns the number of stored files.
fn count_files(directory: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { count_files(&path) } else { 1 })
        .sum()
}
