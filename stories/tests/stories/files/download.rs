//! What a recipient sees with a link, and that nothing is visible without one.

use std::time::Duration;

use app::manage::services::NewService;
use pillarbox_stories::World;
use serde_json::json;

use super::{ADA, PDF, send_one, service, service_of, template, with_contact};

#[tokio::test]
async fn confirming_the_address_downloads_the_file() {
    let world = World::new().await;
    let service = service(&world).await;
    let link = send_one(
        &world,
        &service,
        PDF,
        json!({"filename": "Decision für Ada.pdf"}),
    )
    .await;
    let ada = world.browser();

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
}

#[tokio::test]
async fn a_pass_opens_no_other_file_and_cannot_be_made_up() {
    let world = World::new().await;
    let service = service(&world).await;
    let one = send_one(&world, &service, PDF, json!({})).await;
    let other = send_one(&world, &service, PDF, json!({})).await;
    let ada = world.browser();
    assert_eq!(ada.confirm(&one, ADA).await.status, 303);
    assert_eq!(ada.open(&format!("{one}/file")).await.status, 200);
    assert_eq!(ada.open(&format!("{other}/file")).await.status, 303);
    world.run_tasks().await;
}

#[tokio::test]
async fn five_wrong_addresses_are_enough_for_ten_minutes() {
    let world = World::new().await;
    let service = service(&world).await;
    let link = send_one(&world, &service, PDF, json!({})).await;
    let someone = world.browser();
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
        someone.clear_cookies();
        assert_eq!(
            someone.confirm(&link, ADA).await.status,
            303,
            "the right address may be entered as often as one likes"
        );
    }
    world.run_tasks().await;
}

#[tokio::test]
async fn a_file_without_confirmation_opens_by_its_link() {
    let world = World::new().await;
    let service = service(&world).await;
    let more = json!({"confirm_email_before_download": false, "is_csv": true});
    let link = send_one(&world, &service, "name,day\nAda,Friday\n".as_bytes(), more).await;
    let anyone = world.browser();
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
}

#[tokio::test]
async fn a_wrong_key_an_unknown_file_and_one_of_another_link_all_look_the_same() {
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world).await,
        service_of(&world, "Hillside Council").await,
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
        let someone = world.browser();
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
}

#[tokio::test]
async fn two_uploads_at_once_are_two_files() {
    let world = World::new().await;
    let service = service(&world).await;
    let open = json!({"confirm_email_before_download": false});
    let (one, other) = futures::join!(
        send_one(&world, &service, b"one", open.clone()),
        send_one(&world, &service, b"other", open),
    );
    assert_ne!(one, other);
    let someone = world.browser();
    assert_eq!(&someone.open(&format!("{one}/file")).await.body[..], b"one");
    assert_eq!(
        &someone.open(&format!("{other}/file")).await.body[..],
        b"other"
    );
    world.run_tasks().await;
}

#[tokio::test]
async fn a_page_with_a_script_that_is_called_text_is_served_as_text_to_keep() {
    let world = World::new().await;
    let service = service(&world).await;
    let script = b"<html><script>alert(document.domain)</script></html>";
    let more = json!({"filename": "<script>alert(1)</script>.txt", "confirm_email_before_download": false});
    let link = send_one(&world, &service, script, more).await;
    let someone = world.browser();
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
}

#[tokio::test]
async fn a_name_and_a_contact_are_shown_as_text_whatever_is_in_them() {
    let world = World::new().await;
    let new = NewService::named("<img src=x onerror=alert(1)> & Co");
    let mut service = world.service_with(new).await;
    let contact = Some("https://a.example/\"><script>alert(1)</script>");
    with_contact(&world, service.id, contact).await.unwrap();
    service.email = template(&world, &service, "Download your file: ((link))").await;
    let link = send_one(&world, &service, b"abc", json!({})).await;
    let page = world.browser().open(&link).await;
    assert!(
        page.text()
            .contains("&lt;img src=x onerror=alert(1)&gt; &amp; Co")
    );
    assert!(!page.text().contains("<img") && !page.text().contains("<script"));
    world.run_tasks().await;
}
