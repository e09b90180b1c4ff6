//! Letters by spreadsheet and in bulk: every row once, with its address, postage and reference; pages come later, one
//! by one, and a whole job can be cancelled until it is printed (`docs/spec/letters.md` §4.1, §12;
//! `docs/spec/workers.md` §4).

mod bulk;
mod cancelled;
mod faults;
mod rows;

use std::{fmt::Write as _, time::Duration};

use app::manage::services::NewService;
use domain::{
    Allowance, Channel, Clock as _, JobOrigin, LetterContactId, NotificationId, Permission,
    Postage, TemplateId,
};
use pillarbox_stories::{TestResponse, TestService, World};
use store::{letter_contacts::LetterContact, notifications::Notification};

/// Delay until a letter that was not accepted is retried.
const RETRY: Duration = Duration::from_secs(301);
const STILL_PROCESSING: &str =
    "We are still processing these letters, please try again in 5 minutes.";

fn that_sends_letters() -> NewService {
    NewService {
        rate_limit: 100_000,
        permissions: [Permission::Email, Permission::Sms, Permission::Letter].into(),
        ..NewService::named("Riverside Council")
    }
}

async fn service(world: &World) -> TestService {
    world.service_with(that_sends_letters()).await
}

async fn service_that_writes_abroad(world: &World) -> TestService {
    let mut new = that_sends_letters();
    new.permissions.insert(Permission::InternationalLetters);
    world.service_with(new).await
}

/// Creates a letter template `Dear ((name))` with further content.
async fn template(world: &World, service: &TestService, more: &str) -> TemplateId {
    let new = app::manage::templates::NewTemplate {
        template_type: Channel::Letter,
        name: "A letter".to_owned(),
        subject: Some("Your bins".to_owned()),
        content: format!("Dear ((name)){more}"),
        lane: None,
        created_by: None,
    };
    let made = app::manage::templates::create(&world.app, service.id, new).await;
    made.unwrap().id
}

/// Gives the template a contact block, Welsh texts and first class postage.
async fn dress_up(world: &World, service: &TestService, id: TemplateId) {
    let contact = LetterContact {
        id: LetterContactId::generate(world.clock.now(), world.app.random()),
        contact_block: "((office))\n2 Town Square".to_owned(),
        is_default: false,
    };
    let mut tx = world.app.store().write().await.unwrap();
    let now = world.clock.now();
    store::letter_contacts::insert(&mut tx, service.id, &contact, now)
        .await
        .unwrap();
    let found = store::templates::find(&mut tx, service.id, id).await;
    let mut next = found.unwrap().unwrap();
    next.version += 1;
    next.letter_contact_id = Some(contact.id);
    next.welsh_subject = Some("Eich biniau".to_owned());
    next.welsh_content = Some("Annwyl ((enw))".to_owned());
    next.postage = Some(Postage::First);
    assert!(store::templates::update(&mut tx, &next).await.unwrap());
    tx.commit().await.unwrap();
}

/// Returns a spreadsheet of recipients with these last address lines.
fn people_in(last_lines: &[&str]) -> String {
    let mut file = "Address Line 1,address_line_2,POSTCODE,name,unused,reference\n".to_owned();
    for (row, last_line) in last_lines.iter().enumerate() {
        let _ = writeln!(
            file,
            "Ada {row},{row} Mill Lane,{last_line},\"Ada, {row}\",x,ref-{row}"
        );
    }
    file
}

fn people(rows: usize) -> String {
    people_in(&vec![" sw1a1aa"; rows])
}

async fn origin(world: &World, service: &TestService, job: &str) -> JobOrigin {
    let status = world.job_status(service.id, job).await;
    let due = status["scheduled_for"].as_str();
    let due = due.or(status["created_at"].as_str()).unwrap();
    JobOrigin {
        job: job.parse().unwrap(),
        service: service.id,
        due: due.parse().unwrap(),
    }
}

async fn kept(world: &World, service: &TestService, id: NotificationId) -> Notification {
    let mut session = world.app.read().await.unwrap();
    let found = store::notifications::find(&mut session, service.id, id).await;
    found.unwrap().unwrap()
}

async fn letters_spent(world: &World, service: &TestService) -> i64 {
    let (mut session, day) = (world.app.read().await.unwrap(), world.clock.now().utc_day());
    let spent = store::counters::find_spent(&mut session, service.id, Allowance::Letter, day);
    spent.await.unwrap()
}

async fn pages(world: &World, key: &pillarbox_stories::Key, id: NotificationId) -> TestResponse {
    world.get(key, &format!("/v2/notifications/{id}/pdf")).await
}

async fn cancel(world: &World, service: &TestService, job: &str) -> TestResponse {
    let path = format!("/service/{}/job/{job}/cancel-letter-job", service.id);
    world.internal_request("POST", &path, "").await
}

/// Returns the status of a job and its number of rows by status.
async fn standing(world: &World, service: &TestService, job: &str) -> (String, Vec<(String, u64)>) {
    let status = world.job_status(service.id, job).await;
    let statistics = status["statistics"].as_array().unwrap().iter();
    let statistics = statistics.map(|one| {
        let status = one["status"].as_str().unwrap().to_owned();
        (status, one["count"].as_u64().unwrap())
    });
    let mut statistics: Vec<_> = statistics.collect();
    statistics.sort();
    (
        status["job_status"].as_str().unwrap().to_owned(),
        statistics,
    )
}

fn stands(status: &str, statistics: &[(&str, u64)]) -> (String, Vec<(String, u64)>) {
    let statistics = statistics
        .iter()
        .map(|(status, count)| ((*status).to_owned(), *count));
    (status.to_owned(), statistics.collect())
}

/// Runs the audit of jobs that finished a minute ago.
async fn count_rows(world: &World) {
    world.advance(Duration::from_secs(61));
    world.run_schedule().await;
}

/// Makes the printer available and sends the remaining letters.
async fn print_the_rest(world: &World) {
    world.letter.reset_behaviour();
    world.advance(RETRY);
    world.print_letters().await;
}
