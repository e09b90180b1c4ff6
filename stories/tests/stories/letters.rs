//! Letters: accepted from a template or as PDF, shown, fetched, brought back by the post.

use app::{
    Caller,
    notifications::accept::{self, LetterOrder},
    services::NewService,
};
use domain::{
    Allowance, Channel, KeyType, LetterContactId, NotificationId, NotificationStatus, Permission,
    Postage, ServiceId, TemplateId,
};
use serde_json::{Value, json};
use store::{letter_contacts::LetterContact, notifications::Outcome, templates::Template};
use stories::{Answer, Council, Key, World};

/// `%PDF-1.4 for the eyes of Ada alone`, in lines as some programs write them.
const PDF: &str = "JVBERi0xLjQgZm9yIHRoZSBl\r\neWVzIG9mIEFkYSBhbG9uZQ==";
const PLAIN_PDF: &str = "%PDF-1.4 for the eyes of Ada alone";

fn service_that_sends_letters(name: &str) -> NewService {
    NewService {
        rate_limit: 100_000,
        permissions: [Permission::Email, Permission::Sms, Permission::Letter].into(),
        ..NewService::named(name)
    }
}

async fn council(world: &World, name: &str) -> Council {
    world.service_like(service_that_sends_letters(name)).await
}

/// A letter `Dear ((name))` about `((thing))`.
async fn template(world: &World, service: ServiceId) -> TemplateId {
    let new = app::templates::NewTemplate {
        template_type: Channel::Letter,
        name: "A letter".to_owned(),
        subject: Some("About ((thing))".to_owned()),
        content: "Dear ((name))".to_owned(),
        lane: None,
        created_by: None,
    };
    let made = app::templates::create(&world.app, service, new).await;
    made.unwrap().id
}

/// The next version of a letter, changed as the story wants.
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

async fn post(world: &World, key: &Key, body: &Value) -> Answer {
    world.post(key, "/v2/notifications/letter", body).await
}

async fn post_pdf(world: &World, key: &Key, reference: &str) -> Answer {
    let body = json!({"reference": reference, "content": PDF});
    post(world, key, &body).await
}

#[tokio::test]
async fn a_line_that_is_a_number_is_shown_with_every_digit() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let template = template(&world, council.id).await;
    let token = world.token(&council.id.to_string(), &council.normal.secret);
    let body = format!(
        r#"{{"template_id": "{template}", "personalisation": {{
            "address_line_1": "Ada", "address_line_2": 123456789012345678901234567890, "postcode": "SW1A 1AA",
            "name": 100000000000000000000, "thing": [1e20, -0]}}}}"#
    );
    let answer = world
        .ask("POST", "/v2/notifications/letter", Some(&token), body)
        .await;
    let id = id_of(&answer);
    assert_eq!(
        answer.json["content"],
        json!({"body": "Dear 100000000000000000000", "subject": "About 1e+20 and 0"})
    );
    let path = format!("/v2/notifications/{id}");
    let shown = world.get(&council.normal, &path).await;
    assert_eq!(shown.json["body"], "Dear 100000000000000000000");
    assert_eq!(
        shown.json["line_2"],
        serde_json::from_str::<Value>("123456789012345678901234567890").unwrap(),
        "a number stays one"
    );
    world.end().await;
}

fn id_of(answer: &Answer) -> NotificationId {
    assert_eq!(answer.status, 201, "{}", answer.json);
    answer.json["id"].as_str().unwrap().parse().unwrap()
}

async fn kept(
    world: &World,
    council: &Council,
    id: NotificationId,
) -> store::notifications::Notification {
    let mut session = world.app.read().await.unwrap();
    store::notifications::find(&mut session, council.id, id)
        .await
        .unwrap()
        .unwrap()
}

/// What a print provider would make known.
async fn becomes(world: &World, id: NotificationId, statuses: &[NotificationStatus]) {
    let mut tx = world.app.store().write().await.unwrap();
    for status in statuses {
        let outcome = Outcome {
            id,
            status: *status,
            sent_at: None,
            sent_by: None,
            reference: None,
            billable_units: Some(2),
            problem: None,
        };
        let at = domain::Clock::now(&*world.clock);
        let changed = store::notifications::record(&mut tx, &[outcome], at).await;
        assert_eq!(changed.unwrap(), 1, "it becomes {status}");
    }
    tx.commit().await.unwrap();
}

/// How many files there are.
fn count_files(directory: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { count_files(&path) } else { 1 })
        .sum()
}

#[tokio::test]
async fn an_accepted_letter_is_answered_kept_and_shown() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let template = template(&world, council.id).await;
    let mut body = to_ada(template);
    body["reference"] = json!("bins-1");
    body["personalisation"]["Address-Line 3"] = json!(7);
    let answer = post(&world, &council.normal, &body).await;
    let id = id_of(&answer);
    assert_eq!(
        answer.json["content"],
        json!({"body": "Dear Ada", "subject": "About bins"})
    );
    let kept = kept(&world, &council, id).await;
    let reference = kept.reference.clone().unwrap();
    assert!(
        reference.len() == 16
            && reference
                .chars()
                .all(|one| one.is_ascii_uppercase() || one.is_ascii_digit()),
        "{reference}"
    );
    let contents = kept.open(world.app.store().vault()).unwrap();
    assert_eq!(
        contents.recipient.reveal(),
        "Ada\n1 Mill Lane\nSW1A 1AA",
        "the loosely named line is no part of the address"
    );

    let shown = world
        .get(&council.normal, &format!("/v2/notifications/{id}"))
        .await;
    for (key, value) in [
        ("line_1", json!("Ada")),
        ("line_3", json!(7)),
        ("line_4", Value::Null),
        ("postcode", json!(" sw1a1aa ")),
        ("postage", json!("second")),
        ("status", json!("accepted")),
        ("phone_number", Value::Null),
        ("is_cost_data_ready", json!(false)),
        ("body", json!("Dear Ada")),
    ] {
        assert_eq!(shown.json[key], value, "{key}");
    }
    assert_eq!(
        shown.json.as_object().unwrap().len(),
        27,
        "every key, and the day of delivery"
    );
    world.end().await;
}

#[tokio::test]
async fn a_letter_is_made_only_from_a_letter_template_that_the_service_has() {
    let world = World::new().await;
    let (ours, theirs) = (
        council(&world, "Ours").await,
        council(&world, "Theirs").await,
    );
    let (own, foreign) = (
        template(&world, ours.id).await,
        template(&world, theirs.id).await,
    );
    for (template, message) in [
        (foreign, "Template not found"),
        (
            ours.sms,
            "sms template is not suitable for letter notification",
        ),
    ] {
        let answer = post(&world, &ours.normal, &to_ada(template)).await;
        assert_eq!((answer.status.as_u16(), answer.message()), (400, message));
    }
    app::templates::archive(&world.app, ours.id, own)
        .await
        .unwrap();
    let answer = post(&world, &ours.normal, &to_ada(own)).await;
    assert_eq!(answer.message(), "Template has been deleted");

    let bare = world.service("No letters").await;
    let answer = post(&world, &bare.normal, &to_ada(own)).await;
    assert_eq!(
        answer.message(),
        "Service is not allowed to send letters",
        "what it may is looked at before what it has"
    );
    world.end().await;
}

#[tokio::test]
async fn the_first_thing_that_is_wrong_with_a_letter_is_what_is_said() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let template = template(&world, council.id).await;
    let with = |change: fn(&mut Value)| {
        let mut body = to_ada(template);
        change(&mut body["personalisation"]);
        body
    };
    let file_and_team_key = with(|values| values["unused"] = json!({"file": "x"}));
    let missing_and_team_key = with(|values| {
        values["name"] = Value::Null;
        values["address_line_2"] = json!("");
    });
    let bad_address = with(|values| values["address_line_2"] = json!(""));
    let postcode_hidden = with(|values| values["address_line_7"] = json!(null));
    let more_lines = with(|values| values["address_line_3"] = json!("a\nb\nc\nd\ne"));
    let no_country_of_forces = with(|values| {
        values["address_line_3"] = json!("BFPO 61");
        values["address_line_7"] = json!("France");
    });
    for (key, body, status, message) in [
        (
            &council.team,
            &missing_and_team_key,
            400,
            "Missing personalisation: name",
        ),
        (
            &council.team,
            &file_and_team_key,
            400,
            "Can only send a file by email",
        ),
        (
            &council.team,
            &bad_address,
            403,
            "Cannot send letters with a team api key",
        ),
        (
            &council.normal,
            &bad_address,
            400,
            "Address must be at least 3 lines",
        ),
        (
            &council.normal,
            &postcode_hidden,
            400,
            "Address must be at least 3 lines",
        ),
        (
            &council.test,
            &more_lines,
            400,
            "Address must be no more than 7 lines",
        ),
        (
            &council.test,
            &no_country_of_forces,
            400,
            "The last line of a BFPO address must not be a country.",
        ),
    ] {
        let answer = post(&world, key, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.message()),
            (status, message)
        );
    }
    for body in ["5", "true"] {
        let token = world.token(&council.id.to_string(), &council.normal.secret);
        let answer = world
            .ask("POST", "/v2/notifications/letter", Some(&token), body)
            .await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.message().ends_with("is not of type object"));
    }
    world.end().await;
}

#[tokio::test]
async fn the_address_decides_how_a_letter_goes_abroad() {
    let world = World::new().await;
    let mut new = service_that_sends_letters("Abroad");
    new.permissions.insert(Permission::InternationalLetters);
    let abroad = world.service_like(new).await;
    let at_home = council(&world, "At home").await;
    for (last_line, postage) in [
        ("France", "europe"),
        ("Japan", "rest-of-world"),
        ("SW1A 1AA", "second"),
        ("JE2 3AB", "second"),
    ] {
        let mut body = to_ada(template(&world, abroad.id).await);
        body["personalisation"]["postcode"] = json!(last_line);
        let id = id_of(&post(&world, &abroad.normal, &body).await);
        let shown = world
            .get(&abroad.normal, &format!("/v2/notifications/{id}"))
            .await;
        assert_eq!(shown.json["postage"], postage, "{last_line}");
        assert_eq!(
            kept(&world, &abroad, id).await.international,
            postage != "second"
        );
    }
    let mut body = to_ada(template(&world, at_home.id).await);
    body["personalisation"]["postcode"] = json!("France");
    let answer = post(&world, &at_home.normal, &body).await;
    assert_eq!(answer.message(), "Must be a real UK postcode");
    world.end().await;
}

#[tokio::test]
async fn a_letter_with_a_test_key_is_delivered_at_once_and_not_counted() {
    let world = World::new().await;
    let council = world
        .service_like(NewService {
            restricted: true,
            ..service_that_sends_letters("On trial")
        })
        .await;
    let template = template(&world, council.id).await;
    let refused = post(&world, &council.normal, &to_ada(template)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (403, "Cannot send letters when service is in trial mode")
    );

    let id = id_of(&post(&world, &council.test, &to_ada(template)).await);
    let shown = world
        .get(&council.normal, &format!("/v2/notifications/{id}"))
        .await;
    assert_eq!(shown.json["status"], "received");
    assert_eq!(shown.json["completed_at"], shown.json["created_at"]);
    assert_eq!(shown.json["cost_in_pounds"], 0.0);
    assert_eq!(
        shown.json["cost_details"],
        json!({"billable_sheets_of_paper": 0, "postage": "second"})
    );
    let today = domain::Clock::now(&*world.clock).utc_day();
    let mut session = world.app.read().await.unwrap();
    let spent = store::counters::find_spent(&mut session, council.id, Allowance::Letter, today);
    assert_eq!(spent.await.unwrap(), 0);
    drop(session);
    let waiting = app::queue_view::look(&world.app).await.unwrap();
    assert_eq!(waiting.lanes.len(), 1, "its pages are made all the same");
    world.end().await;
}

#[tokio::test]
async fn where_receipts_of_test_letters_are_made_up_they_are_on_their_way_first() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let template_id = template(&world, council.id).await;
    let app = app::App::new(
        app::Settings {
            test_letters_fake_delivery: true,
            ..app::Settings::default()
        },
        app::Foundations {
            store: world.app.store().clone(),
            files: files::Files::open("memory:").unwrap(),
            providers: app::Providers {
                email: Vec::new(),
                sms: Vec::new(),
                letter: Vec::new(),
                ..app::Providers::default()
            },
            clock: world.clock.clone(),
            entropy: std::sync::Arc::new(stories::SeededEntropy::new(5)),
        },
    );
    let tenant = app.tenant(council.id).await.unwrap().unwrap();
    let key = tenant
        .keys
        .iter()
        .find(|key| key.key_type == KeyType::Test)
        .unwrap();
    let caller = Caller {
        key_id: key.id,
        key_type: key.key_type,
        tenant: tenant.clone(),
    };
    let order = LetterOrder {
        template_id,
        personalisation: to_ada(template_id)["personalisation"]
            .as_object()
            .unwrap()
            .clone(),
        reference: None,
    };
    let id = accept::letter(&app, &caller, order, None).await.unwrap().id;
    assert_eq!(
        kept(&world, &council, id).await.status,
        NotificationStatus::Sending
    );
    world.run_tasks().await;
    assert_eq!(
        kept(&world, &council, id).await.status,
        NotificationStatus::Delivered
    );
    world.end().await;
}

#[tokio::test]
async fn a_letter_wants_the_values_of_its_contact_block_but_not_of_its_welsh_side() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let template = template(&world, council.id).await;
    let contact = LetterContact {
        id: uuid::Uuid::from_u128(0xc0).into(),
        contact_block: "((office))\n2 Town Square".to_owned(),
        is_default: false,
    };
    let now = domain::Clock::now(&*world.clock);
    let mut tx = world.app.store().write().await.unwrap();
    store::letter_contacts::insert(&mut tx, council.id, &contact, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    rewrite(&world, council.id, template, |next| {
        next.letter_contact_id = Some(LetterContactId::from_uuid(uuid::Uuid::from_u128(0xc0)));
        next.welsh_subject = Some("Am ((peth))".to_owned());
        next.welsh_content = Some("Annwyl ((name))".to_owned());
        next.postage = Some(Postage::First);
    })
    .await;

    let answer = post(&world, &council.normal, &to_ada(template)).await;
    assert_eq!(answer.message(), "Missing personalisation: office");
    let mut body = to_ada(template);
    body["personalisation"]["office"] = json!("Bins");
    let id = id_of(&post(&world, &council.normal, &body).await);
    let kept = kept(&world, &council, id).await;
    assert_eq!(kept.postage, Some(Postage::First));
    assert_eq!(
        kept.reply_to_text.as_deref(),
        Some("((office))\n2 Town Square"),
        "later changes do not touch it"
    );

    let path = format!("/v2/template/{template}");
    let shown = world.get(&council.normal, &path).await;
    let names: Vec<&String> = shown.json["personalisation"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(names, ["name", "office", "peth", "thing"]);
    assert_eq!(
        shown.json["letter_contact_block"],
        "((office))\n2 Town Square"
    );
    let preview = world
        .post(&council.normal, &format!("{path}/preview"), &json!({}))
        .await;
    assert_eq!(
        preview.message(),
        "Missing personalisation: office, peth, name, thing"
    );
    world.end().await;
}

#[tokio::test]
async fn a_letter_given_as_pdf_is_kept_sealed_before_its_row() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let answer = post_pdf(&world, &council.normal, "pdf-1").await;
    let id = id_of(&answer);
    assert_eq!(
        answer.json,
        json!({"id": id, "postage": "second", "reference": "pdf-1"})
    );
    let pages = app::letters::find_pages(&world.app, council.id, id).await;
    assert_eq!(pages.unwrap().unwrap(), PLAIN_PDF.as_bytes());
    let path = world
        .files()
        .join(format!("letters/service-{}/{id}.pdf", council.id));
    let stored = std::fs::read(path).unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains("Ada"));

    let path = format!("/v2/notifications/{id}");
    let shown = world.get(&council.normal, &path).await;
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
    let pdf = world.get(&council.normal, &format!("{path}/pdf")).await;
    assert_eq!(pdf.json["errors"][0]["error"], "PDFNotReadyError");
    for (key, status) in [(&council.team, 403), (&council.test, 201)] {
        assert_eq!(post_pdf(&world, key, "x").await.status, status);
    }
    world.end().await;
}

#[tokio::test]
async fn the_template_of_precompiled_letters_is_made_once_though_many_want_it_at_once() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let posts = (0..8).map(|number| {
        let (world, council) = (&world, &council);
        async move { id_of(&post_pdf(world, &council.normal, &number.to_string()).await) }
    });
    let mut templates = Vec::new();
    for id in futures::future::join_all(posts).await {
        templates.push(kept(&world, &council, id).await.template_id);
    }
    templates.dedup();
    assert_eq!(templates.len(), 1);

    let hidden = templates[0];
    let listed = world.get(&council.normal, "/v2/templates").await;
    assert_eq!(
        listed.json["templates"].as_array().unwrap().len(),
        2,
        "it is not shown"
    );
    let path = format!("/v2/template/{hidden}");
    assert_eq!(world.get(&council.normal, &path).await.status, 404);
    let answer = post(&world, &council.normal, &to_ada(hidden)).await;
    assert_eq!(answer.message(), "Template not found");
    world.end().await;
}

#[tokio::test]
async fn when_pages_cannot_be_kept_there_is_no_letter() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    // Where the directory was there is a file, so nothing can be put.
    let _ = std::fs::remove_dir_all(world.files());
    std::fs::write(world.files(), "in the way").unwrap();
    let answer = post_pdf(&world, &council.normal, "pdf-1").await;
    assert_eq!(
        (answer.status.as_u16(), answer.message()),
        (500, "Internal server error")
    );
    let listed = world.get(&council.normal, "/v2/notifications").await;
    assert_eq!(listed.json["notifications"], json!([]));

    std::fs::remove_file(world.files()).unwrap();
    std::fs::create_dir(world.files()).unwrap();
    id_of(&post_pdf(&world, &council.normal, "pdf-1").await);
    world.end().await;
}

#[tokio::test]
async fn the_pages_of_a_letter_that_the_day_has_no_room_for_are_not_kept() {
    let world = World::new().await;
    let council = world
        .service_like(NewService {
            limits: [(Allowance::Letter, 3)].into(),
            ..service_that_sends_letters("Capped")
        })
        .await;
    let posts = (0..10).map(|_| post_pdf(&world, &council.normal, "pdf"));
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
    world.end().await;
}

#[tokio::test]
async fn the_pages_of_a_letter_are_for_its_service_and_in_parts_if_it_wants() {
    let world = World::new().await;
    let (ours, theirs) = (
        council(&world, "Ours").await,
        council(&world, "Theirs").await,
    );
    let template = template(&world, ours.id).await;
    let id = id_of(&post(&world, &ours.normal, &to_ada(template)).await);
    let path = format!("/v2/notifications/{id}/pdf");
    let early = world.get(&ours.normal, &path).await;
    assert_eq!(early.message(), "PDF not available yet, try again later");
    app::letters::keep_pages(&world.app, ours.id, id, PLAIN_PDF.as_bytes())
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
        world.ask_with("GET", &path, &headers, "").await
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
    world.end().await;
}

#[tokio::test]
async fn letters_that_come_back_are_marked_and_recorded_once_whosever_they_are() {
    use NotificationStatus as S;
    let world = World::new().await;
    let (ours, theirs) = (
        council(&world, "Ours").await,
        council(&world, "Theirs").await,
    );
    let (ours_template, theirs_template) = (
        template(&world, ours.id).await,
        template(&world, theirs.id).await,
    );
    let delivered = id_of(&post(&world, &ours.normal, &to_ada(ours_template)).await);
    let sending = id_of(&post(&world, &theirs.normal, &to_ada(theirs_template)).await);
    let cancelled = id_of(&post(&world, &ours.normal, &to_ada(ours_template)).await);
    becomes(&world, delivered, &[S::Sending, S::Delivered]).await;
    becomes(&world, sending, &[S::Sending]).await;
    becomes(&world, cancelled, &[S::Cancelled]).await;
    let mut references = vec!["ZZZZZZZZZZZZZZZZ".to_owned()];
    for (council, id) in [(&ours, delivered), (&theirs, sending), (&ours, cancelled)] {
        references.push(kept(&world, council, id).await.reference.unwrap());
    }
    let body = json!({"references": references});
    for _ in 0..2 {
        let answer = world
            .ask_internally("POST", "/letters/returned", body.to_string())
            .await;
        assert_eq!((answer.status.as_u16(), &answer.json), (200, &body));
        world.run_tasks().await;
        world.advance(std::time::Duration::from_hours(24));
    }
    for (council, id, status) in [
        (&ours, delivered, S::ReturnedLetter),
        (&theirs, sending, S::ReturnedLetter),
        (&ours, cancelled, S::Cancelled),
    ] {
        assert_eq!(kept(&world, council, id).await.status, status);
    }
    let mut session = world.app.read().await.unwrap();
    let since = domain::Timestamp::default();
    let recorded = store::returned_letters::list(&mut session, ours.id, since, 10).await;
    let recorded = recorded.unwrap();
    assert_eq!(
        recorded.len(),
        1,
        "in one report, though it was told twice; what was never sent is in none"
    );
    assert_eq!(recorded[0].0, delivered);
    assert_eq!(recorded[0].1.to_string(), "2026-03-02T00:00:00.000000Z");
    drop(session);
    assert_eq!(
        world.status_of(&ours, &delivered.to_string()).await,
        "received"
    );
    world.end().await;
}

#[tokio::test]
async fn many_returned_letters_are_many_tasks_and_nonsense_is_none() {
    let world = World::new().await;
    let references: Vec<String> = (0..5001).map(|number| format!("{number:0>16}")).collect();
    let body = json!({"references": references}).to_string();
    let answer = world
        .ask_internally("POST", "/letters/returned", body)
        .await;
    assert_eq!(answer.status, 200);
    let view = app::queue_view::look(&world.app).await.unwrap();
    assert_eq!(view.lanes[0].tasks, 2);
    world.run_tasks().await;

    for (body, message) in [
        (json!({}), "references is a required property"),
        (
            json!({"references": []}),
            "references [] should be non-empty",
        ),
        (
            json!({"references": "A"}),
            "references A is not of type array",
        ),
        (
            json!({"references": [5]}),
            "references 5 is not of type string",
        ),
        (
            json!({"references": ["0123456789ABCDEF\n"]}),
            "references 0123456789ABCDEF\\n does not match ^[0-9A-Z]{16}$",
        ),
    ] {
        let answer = world
            .ask_internally("POST", "/letters/returned", body.to_string())
            .await;
        assert_eq!((answer.status.as_u16(), answer.message()), (400, message));
    }
    world.end().await;
}

#[tokio::test]
async fn letters_cost_the_standard_rates_until_an_installation_sets_its_own() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let rates = world.ask_internally("GET", "/letter-rates/", "").await;
    assert_eq!(
        rates.json[0],
        json!({"post_class": "first", "rate": "0.61", "sheet_count": 1, "start_date": "2019-09-30T23:00:00.000000Z"})
    );
    let id = id_of(
        &post(
            &world,
            &council.normal,
            &to_ada(template(&world, council.id).await),
        )
        .await,
    );
    becomes(&world, id, &[NotificationStatus::Sending]).await;
    let path = format!("/v2/notifications/{id}");
    let shown = world.get(&council.normal, &path).await;
    assert_eq!(shown.json["cost_in_pounds"], 0.77);
    assert_eq!(shown.json["cost_details"]["billable_sheets_of_paper"], 2);

    let mut tx = world.app.store().write().await.unwrap();
    let own = store::rates::LetterRate {
        start_date: "2026-03-02T00:00:00Z".parse().unwrap(),
        postage: Postage::Second,
        sheet_count: 2,
        micropounds: 1_005_000,
    };
    store::rates::put_letter(&mut tx, &own).await.unwrap();
    tx.commit().await.unwrap();
    let world = world.restarted().await;
    let shown = world.get(&council.normal, &path).await;
    assert_eq!(shown.json["cost_in_pounds"], 1.005);
    let rates = world.ask_internally("GET", "/letter-rates/", "").await;
    assert_eq!(rates.json.as_array().unwrap().len(), 1);
    assert_eq!(rates.json[0]["rate"], "1.005");
    world.end().await;
}

#[tokio::test]
async fn there_are_no_other_channels_and_only_those_who_may_ask_are_told_so() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    for path in ["/v2/notifications/fax", "/v2/notifications/SMS"] {
        assert_eq!(world.ask("POST", path, None, "{}").await.status, 401);
        let answer = world.post(&council.normal, path, &json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["result"]),
            (404, &json!("error"))
        );
    }
    world.end().await;
}

async fn cancel(world: &World, council: &Council, id: &str) -> Answer {
    let path = format!("/service/{}/notifications/{id}/cancel", council.id);
    world.ask_internally("POST", &path, "").await
}

async fn letters_spent(world: &World, council: &Council) -> i64 {
    let (mut session, day) = (
        world.app.read().await.unwrap(),
        domain::Clock::now(&*world.clock).utc_day(),
    );
    store::counters::find_spent(&mut session, council.id, Allowance::Letter, day)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_letter_is_cancelled_until_it_is_printed_and_gives_back_what_it_spent() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let other = world.service("Other").await;
    let letter = template(&world, council.id).await;
    let early = id_of(&post(&world, &council.normal, &to_ada(letter)).await).to_string();
    let late = id_of(&post(&world, &council.normal, &to_ada(letter)).await).to_string();
    let gone = id_of(&post(&world, &council.normal, &to_ada(letter)).await);
    assert_eq!(letters_spent(&world, &council).await, 3);

    assert_eq!(cancel(&world, &other, &early).await.status, 404);
    let done = cancel(&world, &council, &early).await;
    assert_eq!(
        (done.status.as_u16(), &done.data()["status"]),
        (200, &json!("cancelled"))
    );
    assert_eq!(letters_spent(&world, &council).await, 2);
    let again = cancel(&world, &council, &early).await;
    assert_eq!(again.message(), "This letter has already been cancelled.");
    assert_eq!(letters_spent(&world, &council).await, 2, "once");
    becomes(&world, gone, &[NotificationStatus::Sending]).await;
    let taken = cancel(&world, &council, &gone.to_string()).await;
    assert!(
        taken
            .message()
            .starts_with("We could not cancel this letter. Letter status: sending"),
        "{}",
        taken.json
    );
    let text = world
        .send_sms(&council, &council.normal, "07700900123")
        .await;
    let text = cancel(&world, &council, text.json["id"].as_str().unwrap()).await;
    let why = "Notification cannot be cancelled - only letters can be cancelled";
    assert_eq!((text.status.as_u16(), text.message()), (400, why));

    world.advance(std::time::Duration::from_mins(510));
    let too_late = cancel(&world, &council, &late).await;
    let why = "It’s too late to cancel this letter. Printing started today at 5.30pm";
    assert_eq!((too_late.status.as_u16(), too_late.message()), (400, why));
    assert_eq!(letters_spent(&world, &council).await, 2);
    world.run_tasks().await;
    world.end().await;
}

/// A letter job with two letters, as spreadsheets of letters will make them.
async fn letter_job(world: &World, council: &Council, letter: TemplateId) -> app::Job {
    let now = domain::Clock::now(&*world.clock);
    let job = app::Job {
        id: domain::JobId::mint(now, world.app.entropy()),
        service_id: council.id,
        template_id: letter,
        template_version: 1,
        original_file_name: "people.csv".to_owned(),
        notification_count: 2,
        sender_id: None,
        created_by: None,
        api_key_id: None,
        key_type: KeyType::Normal,
        client_reference: None,
        status: domain::JobStatus::FinishedAllNotificationsCreated,
        problem: None,
        due: now,
        scheduled_for: None,
        rows_kept: 2,
        created_at: now,
        updated_at: None,
        processing_started: None,
        processing_finished: None,
        archived: true,
        contact_list_id: None,
        resumptions: 0,
    };
    let row = |number: u32| store::notifications::NewNotification {
        id: job.origin().row(number),
        service_id: council.id,
        job_row: Some((job.id, number)),
        template_id: letter,
        template_version: 1,
        api_key_id: None,
        key_type: KeyType::Normal,
        channel: Channel::Letter,
        status: NotificationStatus::Created,
        contents: store::notifications::Contents::erased(),
        client_reference: None,
        reply_to_text: None,
        international: false,
        phone_prefix: None,
        rate_multiplier: None,
        postage: Some(Postage::Second),
        reference: None,
        documents: 0,
        created_by: None,
        created_at: now,
        problem: None,
    };
    let vault = world.app.store().vault();
    let rows = [row(0).seal(vault), row(1).seal(vault)];
    let mut tx = world.app.store().write().await.unwrap();
    store::jobs::insert(&mut tx, &job).await.unwrap();
    store::notifications::insert_many(&mut tx, &rows)
        .await
        .unwrap();
    let (allowance, day) = (Allowance::Letter, now.utc_day());
    store::counters::spend(&mut tx, council.id, allowance, day, 2, 1000)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    job
}

async fn cancel_job(world: &World, council: &Council, job: &str) -> Answer {
    let path = format!("/service/{}/job/{job}/cancel-letter-job", council.id);
    world.ask_internally("POST", &path, "").await
}

#[tokio::test]
async fn the_letters_of_a_job_are_cancelled_together_or_not_at_all() {
    let world = World::new().await;
    let council = council(&world, "Riverside Council").await;
    let letter = template(&world, council.id).await;
    let (whole, printed) = (
        letter_job(&world, &council, letter).await,
        letter_job(&world, &council, letter).await,
    );
    let done = cancel_job(&world, &council, &whole.id.to_string()).await;
    assert_eq!((done.status.as_u16(), &done.json), (200, &json!(2)));
    assert_eq!(letters_spent(&world, &council).await, 2);
    let status = world.job_status(council.id, &whole.id.to_string()).await;
    assert_eq!(status["job_status"], "cancelled");

    becomes(
        &world,
        printed.origin().row(1),
        &[NotificationStatus::Sending],
    )
    .await;
    let refused = cancel_job(&world, &council, &printed.id.to_string()).await;
    let why = "It’s too late to cancel sending, these letters have already been sent.";
    assert_eq!((refused.status.as_u16(), refused.message()), (400, why));
    let first = kept(&world, &council, printed.origin().row(0)).await;
    assert_eq!(
        first.status,
        NotificationStatus::Created,
        "none is cancelled"
    );

    let texts = world
        .job(
            council.id,
            council.sms,
            "phone number,name,day\n07700900001,Ada,Friday\n",
        )
        .await;
    let refused = cancel_job(&world, &council, &texts).await;
    let why = "Only letter jobs can be cancelled through this endpoint. This is not a letter job.";
    assert_eq!(refused.message(), why);
    world.run_tasks().await;
    world.end().await;
}
