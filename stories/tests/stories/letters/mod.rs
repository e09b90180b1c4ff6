//! Letters: accepted from a template or as PDF, shown, fetched, returned by the post.

mod cancelled;
mod precompiled;
mod print_run;
mod returned;
mod supplied;
mod template_options;
mod templated;

use app::manage::services::NewService;
use domain::{Channel, NotificationId, NotificationStatus, Permission, ServiceId, TemplateId};
use pillarbox_stories::{Key, TestResponse, TestService, World};
use serde_json::{Value, json};
use store::{notifications::StatusUpdate, templates::Template};

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

/// Returns the number of stored files.
fn count_files(directory: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { count_files(&path) } else { 1 })
        .sum()
}
