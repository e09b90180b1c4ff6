//! Sending letters: typeset pages, checked PDFs, both sent once (`docs/spec/letters.md` §4.3, §5, §7.2).

use std::{fmt::Write as _, time::Duration};

use app::manage::services::NewService;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Channel, NotificationId, NotificationStatus, Permission, TemplateId};
use pillarbox_stories::{Behaviour, FakeScanner, Key, TestResponse, TestService, World};
use serde_json::{Value, json};
use store::notifications::Notification;

use crate::captured_log::CapturedLog;

const RETRY: Duration = Duration::from_secs(301);

pub(crate) async fn service(world: &World) -> TestService {
    let new = NewService {
        rate_limit: 100_000,
        permissions: [Permission::Letter].into(),
        ..NewService::named("Riverside Council")
    };
    world.service_with(new).await
}

async fn template(world: &World, service: &TestService, content: &str) -> TemplateId {
    let new = app::manage::templates::NewTemplate {
        template_type: Channel::Letter,
        name: "A letter".to_owned(),
        subject: Some("Your bins".to_owned()),
        content: content.to_owned(),
        lane: None,
        created_by: None,
    };
    let made = app::manage::templates::create(&world.app, service.id, new).await;
    made.unwrap().id
}

async fn post(world: &World, key: &Key, body: &Value) -> NotificationId {
    let answer = world.post(key, "/v2/notifications/letter", body).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    answer.json["id"].as_str().unwrap().parse().unwrap()
}

async fn post_letter(world: &World, key: &Key, template: TemplateId) -> NotificationId {
    let body = json!({"template_id": template, "personalisation": {
        "address_line_1": "Ada", "address_line_2": "1 Mill Lane", "postcode": "sw1a1aa", "name": "Ada",
    }});
    post(world, key, &body).await
}

pub(crate) async fn post_pdf(world: &World, key: &Key, pdf: &[u8]) -> NotificationId {
    let body = json!({"reference": "x", "content": STANDARD.encode(pdf), "postage": "first"});
    post(world, key, &body).await
}

pub(crate) async fn kept(world: &World, service: &TestService, id: NotificationId) -> Notification {
    let mut session = world.app.read().await.unwrap();
    let found = store::notifications::find(&mut session, service.id, id).await;
    found.unwrap().unwrap()
}

async fn pages(world: &World, service: &TestService, id: NotificationId) -> TestResponse {
    let path = format!("/v2/notifications/{id}/pdf");
    world.get(&service.normal, &path).await
}

/// Returns a PDF with this many A4 pages, the first with an address.
pub(crate) fn pdf(pages: usize, note: &str) -> Vec<u8> {
    let mut contents = vec![String::new(); pages];
    if let Some(first) = contents.first_mut() {
        *first = address(&["Ada Lovelace", "1 Mill Lane", "SW1A 1AA"]);
    }
    pdf_of(&contents, note)
}

/// Returns the content of a page with these lines in the address window.
pub(crate) fn address(lines: &[&str]) -> String {
    let mut place = 40.0;
    let mut next = || {
        place += 4.0;
        place
    };
    lines.iter().map(|line| words(25.0, next(), line)).collect()
}

/// Returns the content of a page with this text, so many millimetres from the left and the top.
pub(crate) fn words(left: f64, top: f64, text: &str) -> String {
    let (x, y) = (left * 72.0 / 25.4, 841.89 - top * 72.0 / 25.4);
    let text = text
        .replace('\\', "\\\\")
        .replace('(', "\\(")
        .replace(')', "\\)");
    format!("BT /F 10 Tf {x:.2} {y:.2} Td ({text}) Tj ET\n")
}

/// Returns a PDF whose A4 pages have these contents.
pub(crate) fn pdf_of(contents: &[String], note: &str) -> Vec<u8> {
    let pages = contents.len();
    let kids: Vec<String> = (0..pages)
        .map(|page| format!("{} 0 R", 2 * page + 4))
        .collect();
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!(
            "<</Type/Pages/Count {pages}/Kids[{}]/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>>>",
            kids.join(" ")
        ),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
    ];
    for (page, content) in contents.iter().enumerate() {
        objects.push(format!(
            "<</Type/Page/Parent 2 0 R/Contents {} 0 R>>",
            2 * page + 5
        ));
        objects.push(format!(
            "<</Length {}>>\nstream\n{content}\nendstream",
            content.len()
        ));
    }
    let mut text = format!("%PDF-1.4\n%{note}\n");
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in objects.iter().enumerate() {
        writeln!(table, "{:010} 00000 n ", text.len()).unwrap();
        write!(text, "{} 0 obj\n{object}\nendobj\n", number + 1).unwrap();
    }
    let start = text.len();
    write!(
        text,
        "{table}trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    )
    .unwrap();
    text.into_bytes()
}

#[tokio::test]
async fn a_letter_gets_its_pages_and_is_handed_over_with_them() {
    let world = World::new().await;
    let service = service(&world).await;
    let template = template(&world, &service, "Dear ((name))\n\n* one\n* two").await;
    let id = post_letter(&world, &service.normal, template).await;
    assert_eq!(pages(&world, &service, id).await.status, 400);
    world.print_letters().await;

    let row = kept(&world, &service, id).await;
    let handed = world.letter.accepted();
    assert_eq!(handed.len(), 1);
    assert_eq!(Some(&handed[0].reference), row.reference.as_ref());
    assert_eq!(handed[0].address, ["Ada", "1 Mill Lane", "SW1A 1AA"]);
    assert_eq!(handed[0].postage.as_str(), "second");
    assert_eq!(row.status, NotificationStatus::Sending);
    assert_eq!(
        (row.billable_units, row.sent_by.as_deref()),
        (1, Some("fake-letter"))
    );
    assert!(row.sent_at.is_some());
    let shown = pages(&world, &service, id).await;
    assert_eq!((shown.status.as_u16(), &shown.bytes), (200, &handed[0].pdf));
    assert!(shown.bytes.starts_with(b"%PDF-"));
    assert_eq!(world.scanner.scan_count(), 0, "what we made needs no scan");
}

#[tokio::test]
async fn a_letter_is_delivered_when_its_printer_never_reports() {
    let world = World::new().await;
    let service = service(&world).await;
    world.letter.set_reports_delivery(false);
    let template = template(&world, &service, "Dear ((name))").await;
    let id = post_letter(&world, &service.normal, template).await;
    world.print_letters().await;
    assert_eq!(
        kept(&world, &service, id).await.status,
        NotificationStatus::Delivered
    );
}

#[tokio::test]
async fn a_letter_with_a_test_key_gets_its_pages_and_goes_nowhere() {
    let world = World::new().await;
    let service = service(&world).await;
    let template = template(&world, &service, "Dear ((name))").await;
    let made = post_letter(&world, &service.test, template).await;
    let given = post_pdf(&world, &service.test, &pdf(2, "given")).await;
    let bad = post_pdf(&world, &service.test, b"no pdf").await;
    world.print_letters().await;
    for id in [made, given] {
        let row = kept(&world, &service, id).await;
        assert_eq!(row.status, NotificationStatus::Delivered);
        assert_eq!((row.billable_units, row.sent_by), (0, None));
        assert_eq!(pages(&world, &service, id).await.status, 200);
    }
    assert_eq!(
        kept(&world, &service, bad).await.status,
        NotificationStatus::ValidationFailed
    );
    assert_eq!(world.letter.accepted(), []);
}

#[tokio::test]
async fn a_precompiled_letter_is_scanned_and_sent_as_the_printer_takes_it() {
    let world = World::new().await;
    let service = service(&world).await;
    let given = pdf(3, "three pages");
    let id = post_pdf(&world, &service.normal, &given).await;
    world.print_letters().await;
    let row = kept(&world, &service, id).await;
    assert_eq!(
        (row.status, row.billable_units),
        (NotificationStatus::Sending, 2)
    );
    let handed = world.letter.accepted();
    assert_eq!(handed.len(), 1);
    assert_eq!(
        handed[0].address,
        ["Ada Lovelace", "1 Mill Lane", "SW1A 1AA"]
    );
    assert_eq!(handed[0].postage.as_str(), "first");
    assert_ne!(&handed[0].pdf[..], &given[..]);
    assert_eq!(pages(&world, &service, id).await.bytes, handed[0].pdf);
    assert_eq!(world.scanner.scan_count(), 1);
}

#[tokio::test]
async fn an_invalid_precompiled_letter_fails_validation_with_a_reason() {
    let world = World::new().await;
    let service = service(&world).await;
    let wide = String::from_utf8(pdf(1, "wide")).unwrap();
    let wide = wide.replace("[0 0 595 842]", "[0 0 842 595]").into_bytes();
    for (given, status, words) in [
        (
            b"no pdf".to_vec(),
            "validation-failed",
            "unable-to-read-the-file",
        ),
        (Vec::new(), "validation-failed", "unable-to-read-the-file"),
        (pdf(11, "long"), "validation-failed", "letter-too-long"),
        (wide, "validation-failed", "letter-not-a4-portrait-oriented"),
        (pdf(1, FakeScanner::VIRUS), "virus-scan-failed", "virus"),
    ] {
        let log = CapturedLog::start();
        let id = post_pdf(&world, &service.normal, &given).await;
        world.run_tasks().await;
        let row = kept(&world, &service, id).await;
        assert_eq!((row.status.as_str(), row.billable_units), (status, 0));
        // `docs/spec/letters.md` §5.2.
        let failed = log.errors_with(&format!("notification id {id} Virus scan failed: "));
        assert_eq!(
            failed.len(),
            usize::from(status == "virus-scan-failed"),
            "{failed:?}"
        );
        let problem = row.problem.unwrap();
        assert!(problem.contains(words), "{problem}");
        let shown = pages(&world, &service, id).await;
        if status == "validation-failed" {
            assert_eq!((shown.status.as_u16(), &shown.bytes[..]), (200, &given[..]));
        } else {
            assert_eq!(shown.message(), "File did not pass the virus scan");
        }
    }
    assert_eq!(world.letter.accepted(), []);
}

#[tokio::test]
async fn a_precompiled_letter_waits_for_the_scanner() {
    let world = World::new().await;
    let service = service(&world).await;
    world.scanner.set_unavailable(true);
    let id = post_pdf(&world, &service.normal, &pdf(1, "waits")).await;
    world.run_tasks().await;
    assert_eq!(
        kept(&world, &service, id).await.status,
        NotificationStatus::PendingVirusCheck
    );
    world.scanner.set_unavailable(false);
    world.advance(RETRY);
    world.print_letters().await;
    assert_eq!(
        kept(&world, &service, id).await.status,
        NotificationStatus::Sending
    );
}

#[tokio::test]
async fn a_precompiled_letter_that_cannot_be_scanned_fails_in_the_end() {
    let world = World::new().await;
    let service = service(&world).await;
    world.scanner.set_unavailable(true);
    let log = CapturedLog::start();
    let id = post_pdf(&world, &service.normal, &pdf(1, "waits")).await;
    // Five attempts, 300 s apart (`docs/spec/letters.md` §5.2).
    for _ in 0..6 {
        world.run_tasks().await;
        world.advance(Duration::from_secs(301));
    }
    world.run_tasks().await;
    let row = kept(&world, &service, id).await;
    assert_eq!(
        (row.status, row.billable_units),
        (NotificationStatus::TechnicalFailure, 0)
    );
    let failed = log.errors_with(&format!("notification id {id} Virus scan error: "));
    assert_eq!(failed.len(), 1, "{failed:?}");
}

#[tokio::test]
async fn a_letter_is_tried_again_with_the_same_pages_and_name() {
    let world = World::new().await;
    let service = service(&world).await;
    let template = template(&world, &service, "Dear ((name))").await;
    world.letter.queue_behaviours([
        Behaviour::BeUnavailable,
        Behaviour::BeUnavailable,
        Behaviour::AcceptSilently,
        Behaviour::AcceptSilently,
    ]);
    let made = post_letter(&world, &service.normal, template).await;
    let given = post_pdf(&world, &service.normal, &pdf(1, "again")).await;
    world.print_letters().await;
    assert_eq!(
        kept(&world, &service, made).await.status,
        NotificationStatus::Created
    );
    let checked = kept(&world, &service, given).await;
    assert_eq!(
        (checked.status, checked.billable_units),
        (NotificationStatus::Created, 1)
    );
    for _ in 0..2 {
        world.advance(RETRY);
        world.run_tasks().await;
    }
    let handed = world.letter.accepted();
    assert_eq!(
        handed.len(),
        4,
        "twice each: the first time was not recorded"
    );
    for id in [made, given] {
        let mut same = handed.iter().filter(|letter| letter.id == id.as_uuid());
        let (first, second) = (same.next().unwrap(), same.next().unwrap());
        assert_eq!(
            (&first.reference, &first.pdf),
            (&second.reference, &second.pdf)
        );
        let row = kept(&world, &service, id).await;
        assert_eq!(row.status, NotificationStatus::Sending);
        assert_eq!(row.reference.as_ref(), Some(&first.reference));
    }
    assert_eq!(world.scanner.scan_count(), 1, "a scan is not repeated");
}

#[tokio::test]
async fn a_letter_that_cannot_be_printed_fails_with_a_reason() {
    let world = World::new().await;
    let service = service(&world).await;
    let long = "Line upon line. ".repeat(3_000);
    let long = template(&world, &service, &long).await;
    let short = template(&world, &service, "Dear ((name))").await;
    let long = post_letter(&world, &service.normal, long).await;
    let body = json!({"template_id": short, "personalisation": {
        "address_line_1": "Ada", "address_line_2": "Very ".repeat(300), "postcode": "SW1A 1AA", "name": "Ada",
    }});
    let wide = post(&world, &service.normal, &body).await;
    world.letter.queue_behaviours([Behaviour::RejectRecipient]);
    let refused = post_letter(&world, &service.normal, short).await;
    world.print_letters().await;
    for (id, status, sheets, words) in [
        (
            long,
            NotificationStatus::ValidationFailed,
            0,
            "at most 10 can be sent",
        ),
        (
            wide,
            NotificationStatus::TechnicalFailure,
            0,
            "address does not fit",
        ),
        (
            refused,
            NotificationStatus::TechnicalFailure,
            1,
            "no such recipient",
        ),
    ] {
        let row = kept(&world, &service, id).await;
        assert_eq!((row.status, row.billable_units), (status, sheets));
        let problem = row.problem.unwrap();
        assert!(problem.contains(words), "{problem}");
    }
    assert_eq!(pages(&world, &service, long).await.status, 200);
    assert_eq!(world.letter.accepted(), []);
}

#[tokio::test]
async fn a_letter_that_was_stopped_meanwhile_is_left_alone() {
    let world = World::new().await;
    let service = service(&world).await;
    let id = post_pdf(&world, &service.normal, &pdf(1, "cancelled")).await;
    let gone = store::notifications::StatusUpdate {
        problem: Some("an operator stopped it".to_owned()),
        ..store::notifications::StatusUpdate::new(id, NotificationStatus::TechnicalFailure)
    };
    let mut tx = world.app.store().write().await.unwrap();
    let now = domain::Clock::now(&*world.clock);
    store::notifications::apply(&mut tx, &[gone], now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.run_tasks().await;
    assert_eq!(world.letter.accepted(), []);
    assert_eq!(world.scanner.scan_count(), 0);
}
