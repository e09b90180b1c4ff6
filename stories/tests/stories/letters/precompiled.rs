//! Letters supplied as PDF: their pages are stored sealed before their row, and visible to their service only.

use app::manage::services::NewService;
use domain::{Allowance, NotificationStatus};
use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{
    PLAIN_PDF, becomes, count_files, id_of, kept, post, post_pdf, service,
    service_that_sends_letters, template, to_ada,
};

#[tokio::test]
async fn a_letter_given_as_pdf_is_kept_sealed_before_its_row() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let answer = post_pdf(&world, &service.normal, "pdf-1").await;
    let id = id_of(&answer);
    assert_eq!(
        answer.json,
        json!({"id": id, "postage": "second", "reference": "pdf-1"})
    );
    let pages = app::letters::find_pages(&world.app, service.id, id).await;
    assert_eq!(pages.unwrap().unwrap(), PLAIN_PDF.as_bytes());
    let path = world
        .files()
        .join(format!("letters/service-{}/{id}.pdf", service.id));
    let stored = std::fs::read(path).unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains("Ada"));

    let path = format!("/v2/notifications/{id}");
    let shown = world.get(&service.normal, &path).await;
    for (key, value) in [
        ("status", json!("pending-virus-check")),
        ("line_1", json!("Provided as PDF")),
        ("postcode", Value::Null),
        ("subject", json!("Pre-compiled PDF")),
        ("body", json!("")),
        ("completed_at", Value::Null),
        ("is_cost_data_ready", json!(false)),
    ] {
        assert_eq!(shown.json[key], value, "{key}");
    }
    let pdf = world.get(&service.normal, &format!("{path}/pdf")).await;
    assert_eq!(pdf.json["errors"][0]["error"], "PDFNotReadyError");
    for (key, status) in [(&service.team, 403), (&service.test, 201)] {
        assert_eq!(post_pdf(&world, key, "x").await.status, status);
    }
}

#[tokio::test]
async fn concurrent_requests_create_one_precompiled_letter_template() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let posts = (0..8).map(|number| {
        let (world, service) = (&world, &service);
        async move { id_of(&post_pdf(world, &service.normal, &number.to_string()).await) }
    });
    let mut templates = Vec::new();
    for id in futures::future::join_all(posts).await {
        templates.push(kept(&world, &service, id).await.template_id);
    }
    templates.dedup();
    assert_eq!(templates.len(), 1);

    let hidden = templates[0];
    let listed = world.get(&service.normal, "/v2/templates").await;
    assert_eq!(
        listed.json["templates"].as_array().unwrap().len(),
        2,
        "it is not shown"
    );
    let path = format!("/v2/template/{hidden}");
    assert_eq!(world.get(&service.normal, &path).await.status, 404);
    let answer = post(&world, &service.normal, &to_ada(hidden)).await;
    assert_eq!(answer.message(), "Template not found");
}

#[tokio::test]
async fn a_letter_whose_pages_cannot_be_stored_is_refused() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    // The directory is replaced by a file, so nothing can be written there.
    let _ = std::fs::remove_dir_all(world.files());
    std::fs::write(world.files(), "in the way").unwrap();
    let answer = post_pdf(&world, &service.normal, "pdf-1").await;
    assert_eq!(answer.status, 503);
    assert!(answer.headers.contains_key("retry-after"));
    let listed = world.get(&service.normal, "/v2/notifications").await;
    assert_eq!(listed.json["notifications"], json!([]));

    std::fs::remove_file(world.files()).unwrap();
    std::fs::create_dir(world.files()).unwrap();
    id_of(&post_pdf(&world, &service.normal, "pdf-1").await);
}

#[tokio::test]
async fn a_letter_over_the_daily_quota_leaves_no_pages() {
    let world = World::new().await;
    let service = world
        .service_with(NewService {
            limits: [(Allowance::Letter, 3)].into(),
            ..service_that_sends_letters("Capped")
        })
        .await;
    let posts = (0..10).map(|_| post_pdf(&world, &service.normal, "pdf"));
    let answers = futures::future::join_all(posts).await;
    let passed = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(passed, 3);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(
            refused.message(),
            "Exceeded send limits (letter: 3) for today"
        );
    }
    assert_eq!(count_files(&world.files()), 3);
}

#[tokio::test]
async fn the_pages_of_a_letter_are_for_its_service_and_in_parts_if_it_wants() {
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world, "Ours").await,
        service(&world, "Theirs").await,
    );
    let template = template(&world, ours.id).await;
    let id = id_of(&post(&world, &ours.normal, &to_ada(template)).await);
    let path = format!("/v2/notifications/{id}/pdf");
    let early = world.get(&ours.normal, &path).await;
    assert_eq!(early.message(), "PDF not available yet, try again later");
    app::letters::store_pages(&world.app, ours.id, id, PLAIN_PDF.as_bytes())
        .await
        .unwrap();

    let whole = world.get(&ours.team, &path).await;
    assert_eq!(
        (whole.status.as_u16(), &whole.bytes[..]),
        (200, PLAIN_PDF.as_bytes())
    );
    assert_eq!(whole.headers["content-type"], "application/pdf");
    assert_eq!(world.get(&theirs.normal, &path).await.status, 404);

    let token = world.token(&ours.id.to_string(), &ours.normal.secret);
    let ask = async |range: &str| {
        let headers = [("authorization", token.as_str()), ("range", range)];
        world.request_with("GET", &path, &headers, "").await
    };
    let part = ask("bytes=0-7").await;
    assert_eq!(
        (part.status.as_u16(), &part.bytes[..]),
        (206, &b"%PDF-1.4"[..])
    );
    let length = PLAIN_PDF.len();
    assert_eq!(part.headers["content-range"], format!("bytes 0-7/{length}"));
    let beyond = ask("bytes=1000-").await;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.headers["content-range"], format!("bytes */{length}"));
    assert_eq!(ask("bytes=0-1,4-5").await.status, 200);

    becomes(&world, id, &[NotificationStatus::TechnicalFailure]).await;
    assert_eq!(
        world.get(&ours.normal, &path).await.message(),
        "PDF not available for letters in status technical-failure"
    );
}
