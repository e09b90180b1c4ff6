//! What letters have besides their text: a logo, and pages that the template appends (`docs/spec/letters.md` §4.3).

use domain::{NotificationId, NotificationStatus as S, TemplateId};
use pillarbox_stories::{TestResponse, TestService, World};
use serde_json::{Value, json};

use super::{id_of, kept, post, service, template, to_ada};
use crate::letter_delivery::{pdf_of, words};

async fn request(world: &World, method: &str, path: &str, body: Vec<u8>) -> TestResponse {
    world.internal_request(method, path, body).await
}

/// Returns the picture of a page of a letter, if it has one.
async fn picture(world: &World, service: &TestService, id: NotificationId, page: u32) -> Vec<u8> {
    let path = format!("/service/{}/notifications/{id}/page/{page}", service.id);
    let answer = request(world, "GET", &path, Vec::new()).await;
    assert_eq!(answer.status, 200, "page {page}: {}", answer.text);
    answer.bytes.to_vec()
}

async fn letter(world: &World, service: &TestService, template: TemplateId) -> NotificationId {
    let id = id_of(&post(world, &service.normal, &to_ada(template)).await);
    world.run_tasks().await;
    id
}

/// Uploads pages to append, and returns their id.
async fn attachment(world: &World, service: &TestService, pages: usize) -> String {
    let contents: Vec<String> = (1..=pages)
        .map(|page| words(20.0, 40.0, &format!("attached page {page}")))
        .collect();
    let path = format!(
        "/service/{}/letter-attachment?file_name=form.pdf",
        service.id
    );
    let added = request(world, "POST", &path, pdf_of(&contents, "form")).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(added.data()["page_count"], json!(pages));
    added.data()["id"].as_str().unwrap().to_owned()
}

async fn append(
    world: &World,
    service: &TestService,
    template: TemplateId,
    attachment: Value,
) -> TestResponse {
    let path = format!("/service/{}/template/{template}", service.id);
    let body = json!({
        "template_type": "letter", "name": "A letter", "subject": "About ((thing))",
        "content": "Dear ((name))", "letter_attachment_id": attachment,
    });
    world
        .internal_request("POST", &path, body.to_string())
        .await
}

#[tokio::test]
async fn a_logo_is_on_the_first_page_until_it_is_removed() {
    let world = World::new().await;
    let here = service(&world, "Riverside Council").await;
    let there = service(&world, "Hillside Council").await;
    let (template, other) = (
        template(&world, here.id).await,
        template(&world, there.id).await,
    );
    let without = letter(&world, &here, template).await;
    let plain = picture(&world, &here, without, 1).await;
    // Any PNG will do.
    let path = format!("/service/{}/letter-logo", here.id);
    let set = format!("{path}?file_name=logo.png&description=Riverside%20Council");
    let answer = request(&world, "POST", &set, plain.clone()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let with = letter(&world, &here, template).await;
    assert_ne!(picture(&world, &here, with, 1).await, plain);
    // Twice is once, and the old picture is gone.
    request(&world, "POST", &set, plain.clone()).await;
    assert_eq!(super::count_files(&world.files().join("letter-logos")), 1);
    let elsewhere = letter(&world, &there, other).await;
    assert_eq!(picture(&world, &there, elsewhere, 1).await, plain);
    assert_eq!(
        request(&world, "DELETE", &path, Vec::new()).await.status,
        204
    );
    assert_eq!(request(&world, "GET", &path, Vec::new()).await.status, 404);
    let after = letter(&world, &here, template).await;
    assert_eq!(picture(&world, &here, after, 1).await, plain);
    assert_eq!(super::count_files(&world.files().join("letter-logos")), 0);
}

#[tokio::test]
async fn what_cannot_be_printed_as_a_logo_is_refused() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let path = format!("/service/{}/letter-logo", service.id);
    for (query, body) in [
        ("?file_name=logo.png&description=x", b"GIF89a".to_vec()),
        ("?file_name=logo.png&description=%20", Vec::new()),
        ("?file_name=logo.png", Vec::new()),
        ("?description=x", Vec::new()),
    ] {
        let answer = request(&world, "POST", &format!("{path}{query}"), body).await;
        assert_eq!(answer.status, 400, "{query} {}", answer.text);
    }
}

#[tokio::test]
async fn the_pages_of_an_attachment_follow_the_letter_and_are_paid_for() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let before = letter(&world, &service, template).await;
    let form = attachment(&world, &service, 2).await;
    let answer = append(&world, &service, template, json!(form)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.data()["letter_attachment_id"], json!(form));
    let with = letter(&world, &service, template).await;
    assert_eq!(kept(&world, &service, before).await.billable_units, 1);
    assert_eq!(
        kept(&world, &service, with).await.billable_units,
        2,
        "three pages"
    );
    assert_eq!(
        picture(&world, &service, with, 1).await,
        picture(&world, &service, before, 1).await
    );
    assert_ne!(
        picture(&world, &service, with, 3).await,
        picture(&world, &service, with, 2).await
    );
    // The template shows them too.
    let path = format!("/service/{}/template/{template}/page/3", service.id);
    assert_eq!(request(&world, "GET", &path, Vec::new()).await.status, 200);
    let answer = append(&world, &service, template, Value::Null).await;
    assert_eq!(answer.data()["letter_attachment_id"], Value::Null);
    let after = letter(&world, &service, template).await;
    assert_eq!(kept(&world, &service, after).await.billable_units, 1);
    world.print_letters().await;
    assert_eq!(world.letter.accepted().len(), 3);
}

#[tokio::test]
async fn a_letter_that_is_too_long_with_its_attachment_fails_validation() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let nine = attachment(&world, &service, 9).await;
    append(&world, &service, template, json!(nine)).await;
    let ten_pages = letter(&world, &service, template).await;
    assert_eq!(kept(&world, &service, ten_pages).await.status, S::Created);
    let ten = attachment(&world, &service, 10).await;
    append(&world, &service, template, json!(ten)).await;
    let eleven_pages = letter(&world, &service, template).await;
    let row = kept(&world, &service, eleven_pages).await;
    assert_eq!((row.status, row.billable_units), (S::ValidationFailed, 0));
    world.print_letters().await;
    assert_eq!(world.letter.accepted().len(), 1);
}

#[tokio::test]
async fn an_attachment_is_checked_and_belongs_to_its_service() {
    let world = World::new().await;
    let here = service(&world, "Riverside Council").await;
    let there = service(&world, "Hillside Council").await;
    let path = format!("/service/{}/letter-attachment?file_name=form.pdf", here.id);
    let outside = pdf_of(
        &[
            words(20.0, 40.0, "fine"),
            words(5.0, 100.0, "in the margin"),
        ],
        "form",
    );
    for (body, reason) in [
        (outside, "content-outside-printable-area"),
        (
            pdf_of(&vec![words(20.0, 40.0, "x"); 11], "form"),
            "letter-too-long",
        ),
        (b"no PDF".to_vec(), "unable-to-read-the-file"),
    ] {
        let answer = request(&world, "POST", &path, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains(reason), "{}", answer.text);
    }
    let form = attachment(&world, &here, 1).await;
    let theirs = template(&world, there.id).await;
    let answer = append(&world, &there, theirs, json!(form)).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
    let list = format!("/service/{}/letter-attachment", here.id);
    let listed = request(&world, "GET", &list, Vec::new()).await;
    assert_eq!(listed.data().as_array().unwrap().len(), 1);
}
