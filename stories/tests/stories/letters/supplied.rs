//! The check of letters that are supplied as PDF: every reason of the specification, what senders and administrators see of
//! it, and what is read from a good letter.

use domain::{NotificationId, NotificationStatus, Permission};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};

use super::{count_files, kept, service_that_sends_letters};
use crate::letter_delivery::{address, pdf_of, post_pdf, words};

const ADDRESS: [&str; 3] = ["Ada Lovelace", "1 Mill Lane", "SW1A 1AA"];

async fn sender(world: &World, abroad: bool) -> TestService {
    let mut new = service_that_sends_letters("Riverside Council");
    if abroad {
        new.permissions.insert(Permission::InternationalLetters);
    }
    world.service_with(new).await
}

/// Sends a letter with these pages and returns its id after it was checked.
async fn check(world: &World, service: &TestService, pages: &[String]) -> NotificationId {
    let id = post_pdf(world, &service.normal, &pdf_of(pages, "letter")).await;
    world.run_tasks().await;
    id
}

async fn validation(world: &World, service: &TestService, id: NotificationId) -> Value {
    let path = format!("/service/{}/notifications/{id}/validation", service.id);
    let answer = world.internal_request("GET", &path, "").await;
    answer.json.get("data").unwrap_or(&answer.json).clone()
}

#[tokio::test]
async fn a_supplied_letter_fails_with_its_reason_and_pages() {
    let world = World::new().await;
    let here = sender(&world, false).await;
    let mut new = service_that_sends_letters("Hillside Council");
    new.permissions.insert(Permission::InternationalLetters);
    let abroad = world.service_with(new).await;
    let good = address(&ADDRESS);
    let of = |lines: &[&str]| vec![address(lines)];
    let cases: Vec<(&TestService, Vec<String>, &str, Value)> = vec![
        (&here, vec![good.clone(); 11], "letter-too-long", json!([])),
        (
            &here,
            vec![
                good.clone(),
                words(5.0, 100.0, "in the margin"),
                words(50.0, 294.0, "at the foot"),
            ],
            "content-outside-printable-area",
            json!([2, 3]),
        ),
        (
            &here,
            vec![good.clone() + &words(25.0, 80.0, "between window and body")],
            "content-outside-printable-area",
            json!([1]),
        ),
        (
            &here,
            vec![
                good.clone(),
                format!("1 g {}", words(1.8, 4.0, "NOTIFY").replace("/F 10", "/F 6")),
            ],
            "notify-tag-found-in-content",
            json!([2]),
        ),
        (
            &here,
            vec![words(20.0, 120.0, "Dear Ada")],
            "address-is-empty",
            json!([1]),
        ),
        (
            &here,
            of(&["Ada", "SW1A 1AA"]),
            "not-enough-address-lines",
            json!([1]),
        ),
        (
            &here,
            of(&["a", "-", "SW1A 1AA"]),
            "invalid-address-line-1-or-2",
            json!([1]),
        ),
        (
            &abroad,
            of(&["Ada", "BFPO 12", "France"]),
            "has-country-for-bfpo-address",
            json!([1]),
        ),
        (
            &abroad,
            of(&["Ada", "Mill", "Nowhere"]),
            "not-a-real-uk-postcode-or-country",
            json!([1]),
        ),
        (
            &here,
            of(&["Ada", "Mill", "France"]),
            "cant-send-international-letters",
            json!([1]),
        ),
        (
            &here,
            of(&["Ada", "Mill", "Nowhere"]),
            "not-a-real-uk-postcode",
            json!([1]),
        ),
        (
            &here,
            of(&["Ada", "(Mill)", "SW1A 1AA"]),
            "invalid-char-in-address",
            json!([1]),
        ),
        (
            &here,
            of(&["Ada", "nfa", "SW1A 1AA"]),
            "no-fixed-abode-address",
            json!([1]),
        ),
    ];
    for (service, pages, reason, invalid) in cases {
        let id = check(&world, service, &pages).await;
        let row = kept(&world, service, id).await;
        assert_eq!(row.status, NotificationStatus::ValidationFailed, "{reason}");
        assert!(row.problem.unwrap().starts_with(reason), "{reason}");
        let shown = validation(&world, service, id).await;
        assert_eq!(
            (
                &shown["message"],
                &shown["invalid_pages"],
                &shown["page_count"]
            ),
            (&json!(reason), &invalid, &json!(pages.len())),
        );
    }
    assert_eq!(world.letter.accepted(), []);
}

#[tokio::test]
async fn seven_lines_fit_the_window_and_eight_do_not() {
    let world = World::new().await;
    let service = sender(&world, false).await;
    let lines = ["a", "b", "c", "d", "e", "f", "g", "SW1A 1AA"];
    // Closer together than the other addresses, so that all are inside the window.
    let page = |lines: &[&str]| -> String {
        let mut place = 39.0;
        let mut next = || {
            place += 3.3;
            place
        };
        let lines = lines.iter().map(|line| words(25.0, next(), line));
        lines.map(|line| line.replace("/F 10", "/F 8")).collect()
    };
    let eight = check(&world, &service, &[page(&lines)]).await;
    assert_eq!(
        validation(&world, &service, eight).await["message"],
        "too-many-address-lines"
    );
    let seven = check(&world, &service, &[page(&lines[1..])]).await;
    assert_ne!(
        kept(&world, &service, seven).await.status,
        NotificationStatus::ValidationFailed
    );
}

#[tokio::test]
async fn the_address_of_a_supplied_letter_decides_where_it_goes() {
    let world = World::new().await;
    let service = sender(&world, true).await;
    let here = check(
        &world,
        &service,
        &[address(&["Ada  Lovelace", "1 Mill Lane,", "sw1a1aa"])],
    )
    .await;
    let abroad = check(
        &world,
        &service,
        &[address(&[
            "Ada",
            "1 rue du Moulin",
            "75001 Paris",
            "france",
        ])],
    )
    .await;
    for (id, lines, postage, international) in [
        (here, "Ada Lovelace\n1 Mill Lane\nSW1A 1AA", "first", false),
        (
            abroad,
            "Ada\n1 rue du Moulin\n75001 Paris\nFrance",
            "europe",
            true,
        ),
    ] {
        let row = kept(&world, &service, id).await;
        let contents = row.open(world.app.store().keyring()).unwrap();
        assert_eq!(contents.recipient.reveal(), lines);
        let compared: String = lines.split_whitespace().collect();
        assert_eq!(*contents.normalised.reveal(), compared.to_lowercase());
        assert_eq!(row.postage.unwrap().as_str(), postage);
        assert_eq!((row.international, row.billable_units), (international, 1));
        let missing = validation(&world, &service, id).await;
        assert_eq!(missing["result"], "error");
    }
}

#[tokio::test]
async fn there_is_a_picture_of_an_offending_page() {
    let world = World::new().await;
    let service = sender(&world, false).await;
    let pages = [address(&ADDRESS), words(2.0, 100.0, "in the margin")];
    let id = check(&world, &service, &pages).await;
    let path = |page: &str| format!("/service/{}/notifications/{id}/page/{page}", service.id);
    let picture = world.internal_request("GET", &path("2"), "").await;
    assert_eq!(picture.status, 200);
    assert_eq!(picture.headers["content-type"], "image/png");
    assert!(picture.bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    for page in ["0", "3", "x"] {
        assert_eq!(
            world.internal_request("GET", &path(page), "").await.status,
            404
        );
    }
    let pdf = format!("/v2/notifications/{id}/pdf");
    assert_eq!(
        world.get(&service.normal, &pdf).await.status,
        200,
        "the file stays as it was"
    );
}

#[tokio::test]
async fn a_letter_downloaded_here_cannot_be_sent_again() {
    let world = World::new().await;
    let service = sender(&world, false).await;
    let first = check(
        &world,
        &service,
        &[address(&ADDRESS), words(20.0, 50.0, "more")],
    )
    .await;
    let made = super::template(&world, service.id).await;
    let made = super::id_of(&super::post(&world, &service.test, &super::to_ada(made)).await);
    world.run_tasks().await;
    for id in [first, made] {
        let pdf = world
            .get(&service.normal, &format!("/v2/notifications/{id}/pdf"))
            .await;
        let again = post_pdf(&world, &service.normal, &pdf.bytes).await;
        world.run_tasks().await;
        let shown = validation(&world, &service, again).await;
        assert_eq!(
            (&shown["message"], &shown["invalid_pages"]),
            (&json!("notify-tag-found-in-content"), &json!([1])),
        );
    }
}

#[tokio::test]
async fn the_letter_as_it_was_supplied_is_kept_for_a_week() {
    let world = World::new().await;
    let service = sender(&world, false).await;
    check(&world, &service, &[address(&ADDRESS)]).await;
    let originals = world.files().join("letter-originals");
    assert_eq!(count_files(&originals), 1);
    for (time, kept) in [("2026-03-09T03:00:00Z", 1), ("2026-03-11T03:00:00Z", 0)] {
        crate::retention::until(&world, time);
        world.run_schedule().await;
        assert_eq!(count_files(&originals), kept, "{time}");
    }
}

#[tokio::test]
async fn there_is_a_picture_of_each_page_of_a_letter_template() {
    let world = World::new().await;
    let service = sender(&world, false).await;
    let template = super::template(&world, service.id).await;
    let path = |page: &str| format!("/service/{}/template/{template}/page/{page}", service.id);
    let picture = world.internal_request("GET", &path("1"), "").await;
    assert_eq!(picture.status, 200);
    assert!(picture.bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(
        world.internal_request("GET", &path("2"), "").await.status,
        404
    );
}

#[tokio::test]
async fn a_supplied_letter_is_rewritten_again_only_while_it_waits() {
    let world = World::new().await;
    let service = sender(&world, false).await;
    world
        .letter
        .queue_behaviours([pillarbox_stories::Behaviour::BeUnavailable]);
    let id = check(&world, &service, &[address(&ADDRESS)]).await;
    let path = format!("/service/{}/notifications/{id}/resanitise", service.id);
    let pages = async || {
        app::letters::find_pages(&world.app, service.id, id)
            .await
            .unwrap()
    };
    let before = pages().await;
    app::letters::store_pages(&world.app, service.id, id, b"lost")
        .await
        .unwrap();
    assert_eq!(world.internal_request("POST", &path, "").await.status, 200);
    assert_eq!(pages().await, before, "the same file makes the same pages");

    super::becomes(&world, id, &[NotificationStatus::Sending]).await;
    world.advance(std::time::Duration::from_mins(10));
    world.run_tasks().await;
    let late = world.internal_request("POST", &path, "").await;
    assert_eq!(late.status, 400, "{}", late.text);
}
