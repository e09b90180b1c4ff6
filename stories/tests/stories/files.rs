//! Files by e-mail: what the door takes, what a recipient sees, and when a file is gone (public-api §9).

use std::{path::Path, sync::Arc, time::Duration};

use app::services::NewService;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Channel, Clock as _};
use providers::UploadError;
use serde_json::{Value, json};
use stories::{Answer, Council, FakeFileService, FakeScanner, World};

const ADA: &str = "ada@example.com";
pub(crate) const PDF: &[u8] = b"%PDF-1.7 your decision";
pub(crate) const WEEK: Duration = Duration::from_hours(24 * 7);

/// A service that may send files, with a template for them.
pub(crate) async fn council(world: &World) -> Council {
    council_of(world, "Riverside Council").await
}

async fn council_of(world: &World, name: &str) -> Council {
    let new = NewService {
        rate_limit: 100_000,
        ..NewService::named(name)
    };
    let mut council = world.service_like(new).await;
    set_up(world, &council).await;
    council.email = template(world, &council, "Download your file: ((link))").await;
    council
}

async fn with_contact(
    world: &World,
    service: domain::ServiceId,
    contact: Option<&str>,
) -> Result<(), app::AdminError> {
    let change = app::services::ServiceChange {
        contact_link: Some(contact.map(str::to_owned)),
        ..app::services::ServiceChange::default()
    };
    app::services::update(&world.app, service, change)
        .await
        .map(drop)
}

async fn set_up(world: &World, council: &Council) {
    let contact = Some("https://riverside.example/help");
    with_contact(world, council.id, contact).await.unwrap();
}

pub(crate) async fn template(
    world: &World,
    council: &Council,
    content: &str,
) -> domain::TemplateId {
    let new = app::templates::NewTemplate {
        template_type: Channel::Email,
        name: "A file".to_owned(),
        subject: Some("Your file".to_owned()),
        content: content.to_owned(),
        lane: None,
        created_by: None,
    };
    app::templates::create(&world.app, council.id, new)
        .await
        .unwrap()
        .id
}

fn file(bytes: &[u8], more: &Value) -> Value {
    let mut file = json!({"file": STANDARD.encode(bytes)});
    for (key, value) in more.as_object().unwrap() {
        file[key] = value.clone();
    }
    file
}

async fn send(world: &World, council: &Council, personalisation: Value) -> Answer {
    send_to(world, council, ADA, personalisation).await
}

async fn send_to(world: &World, council: &Council, to: &str, personalisation: Value) -> Answer {
    let body = json!({
        "email_address": to, "template_id": council.email, "personalisation": personalisation,
    });
    world
        .post(&council.normal, "/v2/notifications/email", &body)
        .await
}

/// The link in an answer.
fn link(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.json);
    let body = answer.json["content"]["body"].as_str().unwrap();
    body.trim_start_matches("Download your file: ").to_owned()
}

async fn send_one(world: &World, council: &Council, bytes: &[u8], more: Value) -> String {
    link(&send(world, council, json!({"link": file(bytes, &more)})).await)
}

fn messages(answer: &Answer) -> Vec<&str> {
    let errors = answer.json["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["message"].as_str().unwrap())
        .collect()
}

/// How many files lie in the storage under this folder.
fn stored(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { stored(&path) } else { 1 })
        .sum()
}

pub(crate) fn kept(world: &World) -> usize {
    stored(&world.files().join("documents"))
}

pub(crate) async fn rows(world: &World) -> usize {
    let far = world.clock.now().plus(WEEK * 1000);
    let mut session = world.app.read().await.unwrap();
    store::documents::list_expired(&mut session, far, 10_000)
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn whoever_confirms_the_address_downloads_the_bytes_that_were_sent() {
    let world = World::new().await;
    let council = council(&world).await;
    let link = send_one(
        &world,
        &council,
        PDF,
        json!({"filename": "Decision für Ada.pdf"}),
    )
    .await;
    let ada = world.recipient();

    let page = ada.open(&link).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Confirm your email address"));
    assert!(page.text().contains("Riverside Council"));
    assert!(page.text().contains("https://riverside.example/help"));
    assert!(page.text().contains("30 August 2026"));
    assert!(
        !page.text().contains("Decision"),
        "a name is not shown before the address is confirmed"
    );
    let early = ada.open(&format!("{link}/file")).await;
    assert_eq!(early.status, 303, "back to the page");
    assert!(early.body.is_empty());

    let wrong = ada.confirm(&link, "bob@example.com").await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.text().contains("not the email address"));
    assert!(wrong.headers.get("set-cookie").is_none());
    assert_eq!(ada.confirm(&link, " ").await.status, 400);

    let right = ada.confirm(&link, " ADA@Example.com ").await;
    assert_eq!(right.status, 303);
    let cookie = right.header("set-cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    let page = ada.open(&link).await;
    assert!(page.text().contains("Decision für Ada.pdf"));
    assert!(page.text().contains("PDF, 22 bytes"));

    let file = ada.open(&format!("{link}/file")).await;
    assert_eq!((file.status.as_u16(), &file.body[..]), (200, PDF));
    for (name, value) in [
        ("content-type", "application/pdf"),
        ("content-length", "22"),
        (
            "content-disposition",
            "attachment; filename=\"Decision f_r Ada.pdf\"; filename*=UTF-8''Decision%20f%C3%BCr%20Ada.pdf",
        ),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("x-robots-tag", "noindex, nofollow, noarchive"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(file.header(name), value, "{name}");
    }
    let head = ada.head(&format!("{link}/file")).await;
    assert_eq!((head.header("content-length"), head.body.len()), ("22", 0));

    world.advance(Duration::from_secs(app::documents::PASS_SECONDS + 1));
    assert_eq!(
        ada.open(&format!("{link}/file")).await.status,
        303,
        "a pass does not last"
    );
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn a_pass_opens_no_other_file_and_cannot_be_made_up() {
    let world = World::new().await;
    let council = council(&world).await;
    let one = send_one(&world, &council, PDF, json!({})).await;
    let other = send_one(&world, &council, PDF, json!({})).await;
    let ada = world.recipient();
    assert_eq!(ada.confirm(&one, ADA).await.status, 303);
    assert_eq!(ada.open(&format!("{one}/file")).await.status, 200);
    assert_eq!(ada.open(&format!("{other}/file")).await.status, 303);
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn five_wrong_addresses_are_enough_for_ten_minutes() {
    let world = World::new().await;
    let council = council(&world).await;
    let link = send_one(&world, &council, PDF, json!({})).await;
    let someone = world.recipient();
    let guesses = (0..8).map(|guess| {
        let (link, someone) = (&link, &someone);
        async move {
            someone
                .confirm(link, &format!("guess{guess}@example.com"))
                .await
        }
    });
    let mut answers: Vec<u16> = futures::future::join_all(guesses)
        .await
        .iter()
        .map(|page| page.status.as_u16())
        .collect();
    answers.sort_unstable();
    assert_eq!(answers, [403, 403, 403, 403, 403, 429, 429, 429]);
    let right = someone.confirm(&link, ADA).await;
    assert_eq!(
        (right.status.as_u16(), right.header("retry-after")),
        (429, "600")
    );
    assert!(right.text().contains("Wait 10 minutes"));

    world.advance(Duration::from_mins(10));
    assert_eq!(someone.confirm(&link, ADA).await.status, 303);
    for _ in 0..10 {
        someone.forget();
        assert_eq!(
            someone.confirm(&link, ADA).await.status,
            303,
            "the right address may be entered as often as one likes"
        );
    }
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn where_nothing_need_be_confirmed_the_link_alone_is_enough() {
    let world = World::new().await;
    let council = council(&world).await;
    let more = json!({"confirm_email_before_download": false, "is_csv": true});
    let link = send_one(&world, &council, "name,day\nAda,Friday\n".as_bytes(), more).await;
    let anyone = world.recipient();
    let page = anyone.open(&link).await;
    assert!(page.text().contains("document.csv"));
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'; style-src 'sha256-")
    );
    assert!(!page.text().contains("<script"));
    let file = anyone.open(&format!("{link}/file")).await;
    assert_eq!(file.header("content-type"), "text/csv");
    assert_eq!(&file.body[..], b"name,day\nAda,Friday\n");
    assert_eq!(anyone.confirm(&link, "x@example.com").await.status, 303);
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn a_wrong_key_an_unknown_file_and_one_of_another_link_all_look_the_same() {
    let world = World::new().await;
    let (ours, theirs) = (
        council(&world).await,
        council_of(&world, "Hillside Council").await,
    );
    let open = json!({"confirm_email_before_download": false});
    let one = send_one(&world, &ours, PDF, open.clone()).await;
    let other = send_one(&world, &theirs, PDF, open).await;
    let (root, key) = one.rsplit_once('/').unwrap();
    let (_, other_key) = other.rsplit_once('/').unwrap();
    let unknown = "0196a000-0000-7000-8000-000000000000";
    let mut pages = Vec::new();
    for link in [
        format!("{root}/{other_key}"),
        format!("{root}/{}", "A".repeat(43)),
        format!("{root}/x"),
        format!("/d/{unknown}/{key}"),
        "/d/nothing/at-all".to_owned(),
    ] {
        let someone = world.recipient();
        for page in [
            someone.open(&link).await,
            someone.open(&format!("{link}/file")).await,
            someone.confirm(&link, ADA).await,
        ] {
            assert_eq!(page.status, 404, "{link}");
            pages.push(page.text().to_owned());
        }
    }
    pages.dedup();
    assert_eq!(pages.len(), 1);
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn an_expired_file_is_gone_and_its_bytes_follow() {
    let world = World::new().await;
    let council = council(&world).await;
    let weeks =
        |weeks: &str| json!({"confirm_email_before_download": false, "retention_period": weeks});
    let short = send_one(&world, &council, PDF, weeks("1 week")).await;
    let long = send_one(&world, &council, PDF, weeks("2 Weeks")).await;
    world.run_tasks().await;
    world.advance(WEEK);
    let someone = world.recipient();
    assert_eq!(someone.open(&short).await.status, 404, "at once");
    assert_eq!(someone.open(&format!("{short}/file")).await.status, 404);
    assert_eq!(someone.open(&format!("{long}/file")).await.status, 200);
    assert_eq!((kept(&world), rows(&world).await), (2, 2));

    // Somebody stopped after the bytes had gone and before the row had: the next look goes on.
    let id = short.split('/').rev().nth(1).unwrap();
    let path = format!("documents/service-{}/{id}", council.id);
    std::fs::remove_file(world.files().join(path)).unwrap();
    world.run_the_clock().await;
    assert_eq!((kept(&world), rows(&world).await), (1, 1));
    world.run_the_clock().await;
    assert_eq!(someone.open(&format!("{long}/file")).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn more_expired_files_than_one_look_takes_are_all_removed() {
    let world = World::new().await;
    let council = council(&world).await;
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
    assert_eq!(send(&world, &council, personalisation).await.status, 201);
    assert_eq!((kept(&world), rows(&world).await), (120, 120));
    world.run_tasks().await;
    world.advance(WEEK);
    world.run_the_clock().await;
    assert_eq!((kept(&world), rows(&world).await), (0, 0));
    world.end().await;
}

#[tokio::test]
async fn two_uploads_at_once_are_two_files() {
    let world = World::new().await;
    let council = council(&world).await;
    let open = json!({"confirm_email_before_download": false});
    let (one, other) = futures::join!(
        send_one(&world, &council, b"one", open.clone()),
        send_one(&world, &council, b"other", open),
    );
    assert_ne!(one, other);
    let someone = world.recipient();
    assert_eq!(&someone.open(&format!("{one}/file")).await.body[..], b"one");
    assert_eq!(
        &someone.open(&format!("{other}/file")).await.body[..],
        b"other"
    );
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_file_value_is_said_before_anything_else_is_done() {
    let world = World::new().await;
    let council = council(&world).await;
    for (value, said) in [
        (json!({"file": 5}), vec!["file 5 is not of type string"]),
        (
            json!({"file": "YWJj", "retention_period": "it's 1 month"}),
            vec![
                "retention_period Unsupported value for retention_period: its 1 month. Supported periods are from 1 to 78 weeks.",
            ],
        ),
        (
            json!({"file": "YWJj", "b": 1, "a": 1, "is_csv": "yes", "filename": 7}),
            vec![
                "Additional properties are not allowed (a, b were unexpected)",
                "is_csv Unsupported value for is_csv: yes. Use a boolean true or false value.",
                "filename `filename` must end with a file extension. For example, filename.csv",
                "Do not set a value for `is_csv` if `filename` is set.",
            ],
        ),
    ] {
        let both = json!({"link": value, "other": {"file": null}});
        let answer = send(&world, &council, both).await;
        assert_eq!(answer.status, 400);
        assert_eq!(
            messages(&answer),
            said,
            "the first file with errors answers"
        );
        assert_eq!(answer.json["errors"][0]["error"], "ValidationError");
    }
    assert_eq!((kept(&world), rows(&world).await), (0, 0));
    world.end().await;
}

#[tokio::test]
async fn a_file_that_is_not_taken_is_refused_in_words() {
    let scanner = Arc::new(FakeScanner::default());
    let with = scanner.clone();
    let world = World::like(|settings, providers| {
        settings.max_file_bytes = 1 << 10;
        providers.scanner = Some(with);
    })
    .await;
    let council = council(&world).await;
    let types = "Supported types are: csv, doc, docx, jpeg, jpg, json, ods, odt, pdf, png, rtf, txt, xls, xlsx";
    let encoded = |bytes: &[u8]| STANDARD.encode(bytes);
    for (value, said) in [
        (
            json!({"file": "no base64!"}),
            "Document is not base64 encoded".to_owned(),
        ),
        (json!({"file": ""}), "File is empty".to_owned()),
        (
            json!({"file": encoded(&[b'a'; 1025])}),
            "File is larger than 1KB".to_owned(),
        ),
        (
            json!({"file": "YWJj", "filename": "evil.js"}),
            format!("Unsupported file type 'js'. {types}"),
        ),
        (
            json!({"file": encoded(b"<html><script>alert(1)</script>")}),
            format!("Unsupported file type. {types}"),
        ),
        (
            json!({"file": encoded(b"MZ\x90\x00"), "filename": "a.pdf"}),
            "File type does not match the file: its contents are not pdf".to_owned(),
        ),
        (
            json!({"file": "YWJj", "filename": format!("{}.txt", "a".repeat(97))}),
            "Filename cannot be longer than 100 characters".to_owned(),
        ),
        (
            json!({"file": encoded(b"a virus")}),
            "File did not pass the virus scan".to_owned(),
        ),
    ] {
        let answer = send(&world, &council, json!({"link": value})).await;
        assert_eq!(answer.status, 400, "{said}");
        assert_eq!(messages(&answer), [said]);
        assert_eq!(answer.json["errors"][0]["error"], "BadRequestError");
    }
    scanner.is_away(true);
    let unknown = send(&world, &council, json!({"link": {"file": "YWJj"}})).await;
    assert_eq!(
        unknown.status, 500,
        "what could not be looked at is not taken"
    );
    assert_eq!((kept(&world), rows(&world).await), (0, 0));
    world.end().await;
}

#[tokio::test]
async fn a_page_with_a_script_that_is_called_text_is_served_as_text_to_keep() {
    let world = World::new().await;
    let council = council(&world).await;
    let script = b"<html><script>alert(document.domain)</script></html>";
    let more = json!({"filename": "<script>alert(1)</script>.txt", "confirm_email_before_download": false});
    let link = send_one(&world, &council, script, more).await;
    let someone = world.recipient();
    let page = someone.open(&link).await;
    assert!(!page.text().contains("<script"), "{}", page.text());
    let file = someone.open(&format!("{link}/file")).await;
    assert_eq!(file.header("content-type"), "text/plain");
    assert!(
        file.header("content-disposition")
            .starts_with("attachment;")
    );
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    assert_eq!(
        file.header("content-security-policy"),
        "sandbox; default-src 'none'"
    );
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn a_name_and_a_contact_are_shown_as_text_whatever_is_in_them() {
    let world = World::new().await;
    let new = NewService::named("<img src=x onerror=alert(1)> & Co");
    let mut council = world.service_like(new).await;
    let contact = Some("https://a.example/\"><script>alert(1)</script>");
    with_contact(&world, council.id, contact).await.unwrap();
    council.email = template(&world, &council, "Download your file: ((link))").await;
    let link = send_one(&world, &council, b"abc", json!({})).await;
    let page = world.recipient().open(&link).await;
    assert!(
        page.text()
            .contains("&lt;img src=x onerror=alert(1)&gt; &amp; Co")
    );
    assert!(!page.text().contains("<img") && !page.text().contains("<script"));
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn a_simulated_recipient_uploads_nothing() {
    let world = World::new().await;
    let council = council(&world).await;
    let to = "Simulate-Delivered@notifications.service.gov.uk";
    let answer = send_to(&world, &council, to, json!({"link": {"file": "YWJj"}})).await;
    let expected = format!(
        "{}/services/{}/documents/test-document",
        world.app.settings.files_root, council.id
    );
    assert_eq!(link(&answer), expected);
    assert_eq!((kept(&world), rows(&world).await), (0, 0));
    world.end().await;
}

#[tokio::test]
async fn a_service_without_a_contact_link_cannot_send_files() {
    let world = World::new().await;
    let council = world.service("Nowhere to turn").await;
    let body = json!({"name": "Ada", "day": {"file": "YWJj"}});
    let answer = send(&world, &council, body).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .message()
            .starts_with("Send files by email has not been set up - add contact details")
    );
    world.end().await;
}

#[tokio::test]
async fn a_message_that_is_refused_after_its_files_were_checked_leaves_nothing_behind() {
    let world = World::new().await;
    let mut council = council(&world).await;
    council.email = template(&world, &council, "((link)) ((long))").await;
    let long = "x".repeat(2_000_001);
    let too_long = json!({"link": {"file": "YWJj"}, "long": long});
    let answer = send(&world, &council, too_long).await;
    assert!(
        answer
            .message()
            .starts_with("Your message is too long. Emails cannot")
    );
    assert_eq!(
        (kept(&world), rows(&world).await),
        (0, 0),
        "nothing was written"
    );
    world.end().await;
}

#[tokio::test]
async fn when_the_message_cannot_be_kept_its_files_are_taken_back() {
    let world = World::new().await;
    let new = NewService {
        limits: [(domain::Allowance::Email, 3)].into(),
        rate_limit: 100_000,
        ..NewService::named("Riverside Council")
    };
    let mut council = world.service_like(new).await;
    set_up(&world, &council).await;
    council.email = template(&world, &council, "Download your file: ((link))").await;
    // All pass the quick look at the day's count together; the exact one lets three through.
    let posts = (0..8).map(|_| send(&world, &council, json!({"link": {"file": "YWJj"}})));
    let answers = futures::future::join_all(posts).await;
    let good = answers.iter().filter(|answer| answer.status == 201).count();
    let late = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((good, late), (3, 5));
    assert_eq!((kept(&world), rows(&world).await), (3, 3));
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn when_the_file_storage_fails_the_answer_is_500_and_nothing_is_kept() {
    let world = World::new().await;
    let council = council(&world).await;
    let place = world.files().join("documents");
    std::fs::write(&place, "a file where the folder should be").unwrap();
    let answer = send(&world, &council, json!({"link": {"file": "YWJj"}})).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.message(), "Internal server error");
    world.run_tasks().await;
    assert_eq!(world.email.taken().len(), 0);
    std::fs::remove_file(&place).unwrap();
    assert_eq!(
        send(&world, &council, json!({"link": {"file": "YWJj"}}))
            .await
            .status,
        201
    );
    world.run_tasks().await;
    assert_eq!(world.email.taken().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn neither_the_database_nor_the_files_nor_our_keys_open_a_file_without_its_link() {
    let world = World::new().await;
    let council = council(&world).await;
    let secret = b"a secret that nobody but Ada should read";
    let link = send_one(
        &world,
        &council,
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
    let vault = world.app.store().vault();
    assert!(
        vault
            .open(id.as_uuid().as_bytes(), &document.sealed)
            .is_err()
    );
    let path = world
        .files()
        .join(format!("documents/service-{}/{id}", council.id));
    let bytes = std::fs::read(path).unwrap();
    assert!(!bytes.windows(8).any(|part| part == b"a secret"));
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn the_links_are_in_the_message_that_is_sent_and_shown() {
    let world = World::new().await;
    let mut council = council(&world).await;
    council.email = template(&world, &council, "((one)) and ((two))").await;
    let both = json!({"one": {"file": "YWJj"}, "TWO": {"file": "YWJj"}, "three": {"file": "YWJj"}});
    let answer = send(&world, &council, both).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    assert_eq!(
        kept(&world),
        3,
        "one that the template does not use is kept too"
    );
    let body = answer.json["content"]["body"].as_str().unwrap();
    let (one, two) = body.split_once(" and ").unwrap();
    assert!(one.contains("/d/") && two.contains("/d/") && one != two);
    let id = answer.json["id"].as_str().unwrap();
    let shown = world
        .get(&council.normal, &format!("/v2/notifications/{id}"))
        .await;
    assert_eq!(shown.json["body"], body);
    world.run_tasks().await;
    let sent = format!("{:?}", world.email.taken()[0].plain_body);
    assert!(sent.contains(one), "{sent}");
    world.end().await;
}

#[tokio::test]
async fn a_file_service_elsewhere_is_given_what_the_sender_said() {
    let elsewhere = Arc::new(FakeFileService::with_link("https://files.example/d/1"));
    let with = elsewhere.clone();
    let world = World::like(|_, providers| providers.file_service = Some(with)).await;
    let council = council(&world).await;
    let more = json!({"filename": "a.exe", "retention_period": " 52 WEEKS "});
    let value = file(b"anything", &more);
    let answer = send_to(&world, &council, "Ada@Example.com", json!({"link": value})).await;
    assert_eq!(link(&answer), "https://files.example/d/1");
    let open = json!({"file": "YWJj", "confirm_email_before_download": false, "is_csv": null});
    send(&world, &council, json!({"link": open})).await;

    let uploads = elsewhere.uploads();
    let first = &uploads[0];
    assert_eq!(first.service_id, council.id.as_uuid());
    assert_eq!(first.document.reveal(), &STANDARD.encode("anything"));
    assert_eq!(first.confirmation_email.as_ref().unwrap().reveal(), ADA);
    assert_eq!(first.retention_period.as_deref(), Some(" 52 WEEKS "));
    assert_eq!(first.filename.as_ref().unwrap().reveal(), "a.exe");
    let second = &uploads[1];
    assert!(second.confirmation_email.is_none() && second.retention_period.is_none());
    assert!(second.filename.is_none() && !second.is_csv);
    assert_eq!(
        (kept(&world), rows(&world).await),
        (0, 0),
        "nothing is kept here"
    );

    elsewhere.refuses(UploadError::Refused(
        "File did not pass the virus scan".to_owned(),
    ));
    let refused = send(&world, &council, json!({"link": {"file": "YWJj"}})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(messages(&refused), ["File did not pass the virus scan"]);
    elsewhere.refuses(UploadError::Failed("it is away".into()));
    let failed = send(&world, &council, json!({"link": {"file": "YWJj"}})).await;
    assert_eq!(
        (failed.status.as_u16(), failed.message()),
        (500, "Internal server error")
    );
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn files_of_a_template_go_with_every_message_each_under_a_link_of_its_own() {
    let world = World::new().await;
    let mut council = council(&world).await;
    council.email = template(&world, &council, "Read ((Guide.pdf)) and ((plan.txt))").await;
    let files = format!("/service/{}/template/{}/file", council.id, council.email);
    let add = async |query: &str, bytes: &[u8]| {
        let path = format!("{files}?confirm_email=false&{query}");
        world.ask_internally("POST", &path, bytes.to_vec()).await
    };
    let guide = add("file_name=Guide.pdf&link_text=the+guide", PDF).await;
    assert_eq!(guide.status, 201, "{}", guide.json);
    let guide = guide.data()["id"].as_str().unwrap().to_owned();
    assert_eq!(add("file_name=plan.txt", b"the plan").await.status, 201);
    assert_eq!(add("file_name=evil.exe", b"MZ").await.status, 400);
    assert_eq!(add("retention_weeks=1", b"abc").await.status, 400);
    let long = add("file_name=a.txt&retention_weeks=79", b"abc").await;
    assert_eq!(long.message(), "a file is kept for 1 to 78 weeks");
    let listed = world.ask_internally("GET", &files, "").await;
    assert_eq!(listed.data()[1]["file_name"], "plan.txt");

    let first = send(&world, &council, json!({"guide.PDF": "something else"})).await;
    let second = send(&world, &council, json!({})).await;
    let body = |answer: &Answer| answer.json["content"]["body"].as_str().unwrap().to_owned();
    let (guide_part, plan) = {
        let body = body(&first);
        let (guide, plan) = body.split_once(" and ").unwrap();
        (guide.to_owned(), plan.to_owned())
    };
    assert!(
        guide_part.starts_with("Read [the guide](http"),
        "{guide_part}"
    );
    assert_ne!(
        body(&first),
        body(&second),
        "each message has links of its own"
    );
    let link = guide_part
        .trim_start_matches("Read [the guide](")
        .trim_end_matches(')');
    let someone = world.recipient();
    assert_eq!(&someone.open(&format!("{link}/file")).await.body[..], PDF);
    assert_eq!(
        &someone.open(&format!("{plan}/file")).await.body[..],
        b"the plan"
    );
    assert_eq!(kept(&world), 4);

    let archive = async |service: domain::ServiceId| {
        let template = council.email;
        let path = format!("/service/{service}/template/{template}/file/{guide}/archive");
        world.ask_internally("POST", &path, "").await.status
    };
    let theirs = world.service("Theirs").await;
    assert_eq!(archive(theirs.id).await, 404, "another service's file");
    assert_eq!(archive(council.id).await, 200);
    assert_eq!(archive(council.id).await, 404, "twice");
    let without = send(&world, &council, json!({})).await;
    assert_eq!(without.message(), "Missing personalisation: Guide.pdf");
    assert_eq!(someone.open(&format!("{link}/file")).await.status, 200);
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn an_erased_recipients_file_goes_row_and_bytes_and_nobody_elses() {
    let world = World::new().await;
    let council = council(&world).await;
    let value = file(PDF, &json!({}));
    let hers = link(&send(&world, &council, json!({"link": value})).await);
    let value = file(PDF, &json!({}));
    let his = send_to(&world, &council, "bo@example.com", json!({"link": value})).await;
    let his = link(&his);
    world.run_tasks().await;
    let recipient = app::erasure::Recipient::parse("ADA@example.com").unwrap();
    let mut erasure = app::erasure::Erasure::new(&world.app, recipient, None);
    assert!(erasure.go_on().await.unwrap());
    let report = erasure.report();
    assert_eq!((report.documents, report.notifications), (1, 1));
    let path = |link: &str| link[link.find("/d/").unwrap()..].to_owned();
    assert_eq!(world.ask("GET", &path(&hers), None, "").await.status, 404);
    assert_eq!(world.ask("GET", &path(&his), None, "").await.status, 200);
    let folder = world
        .files()
        .join(format!("documents/service-{}", council.id));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
    world.end().await;
}
