//! Letters from a template: what is accepted, the order of errors, and what a test key does.

use app::{
    Caller,
    accept::{self, LetterRequest},
    manage::services::NewService,
};
use domain::{Allowance, KeyType, LetterContactId, NotificationStatus, Permission, Postage};
use pillarbox_stories::World;
use serde_json::{Value, json};
use store::letter_contacts::LetterContact;

use super::{
    becomes, id_of, kept, post, rewrite, service, service_that_sends_letters, template, to_ada,
};

#[tokio::test]
async fn a_line_that_is_a_number_is_shown_with_every_digit() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let body = format!(
        r#"{{"template_id": "{template}", "personalisation": {{
            "address_line_1": "Ada", "address_line_2": 123456789012345678901234567890, "postcode": "SW1A 1AA",
            "name": 100000000000000000000, "thing": [1e20, -0]}}}}"#
    );
    let answer = world
        .request("POST", "/v2/notifications/letter", Some(&token), body)
        .await;
    let id = id_of(&answer);
    assert_eq!(
        answer.json["content"],
        json!({"body": "Dear 100000000000000000000", "subject": "About 1e+20 and 0"})
    );
    let path = format!("/v2/notifications/{id}");
    let shown = world.get(&service.normal, &path).await;
    assert_eq!(shown.json["body"], "Dear 100000000000000000000");
    assert_eq!(
        shown.json["line_2"],
        serde_json::from_str::<Value>("123456789012345678901234567890").unwrap(),
        "a number stays one"
    );
}

#[tokio::test]
async fn an_accepted_letter_is_answered_kept_and_shown() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let mut body = to_ada(template);
    body["reference"] = json!("bins-1");
    body["personalisation"]["Address-Line 3"] = json!(7);
    let answer = post(&world, &service.normal, &body).await;
    let id = id_of(&answer);
    assert_eq!(
        answer.json["content"],
        json!({"body": "Dear Ada", "subject": "About bins"})
    );
    let kept = kept(&world, &service, id).await;
    let reference = kept.reference.clone().unwrap();
    assert!(
        reference.len() == 16
            && reference
                .chars()
                .all(|one| one.is_ascii_uppercase() || one.is_ascii_digit()),
        "{reference}"
    );
    let contents = kept.open(world.app.store().keyring()).unwrap();
    assert_eq!(
        contents.recipient.reveal(),
        "Ada\n1 Mill Lane\nSW1A 1AA",
        "the loosely named line is no part of the address"
    );

    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{id}"))
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
}

#[tokio::test]
async fn a_postcode_is_formatted_for_printing_wherever_the_letter_comes_from() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    // Over the API, ` sw1a1aa `, and in a spreadsheet.
    id_of(&post(&world, &service.normal, &to_ada(template)).await);
    let rows =
        "address_line_1,address_line_2,postcode,name,thing\nBo,2 Mill Lane,sW1 a1Aa,Bo,bins\n";
    world.job(service.id, template, rows.to_owned()).await;
    world.run_tasks().await;
    world.print_letters().await;
    let printed = world.letter.accepted();
    assert_eq!(printed.len(), 2);
    for letter in printed {
        assert_eq!(letter.address.last().unwrap(), "SW1A 1AA");
    }
}

#[tokio::test]
async fn a_letter_is_made_only_from_a_letter_template_that_the_service_has() {
    let world = World::new().await;
    let (ours, theirs) = (
        service(&world, "Ours").await,
        service(&world, "Theirs").await,
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
    app::manage::templates::archive(&world.app, ours.id, own)
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
}

#[tokio::test]
async fn the_first_error_of_a_letter_is_reported() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
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
            &service.team,
            &missing_and_team_key,
            400,
            "Missing personalisation: name",
        ),
        (
            &service.team,
            &file_and_team_key,
            400,
            "Can only send a file by email",
        ),
        (
            &service.team,
            &bad_address,
            403,
            "Cannot send letters with a team api key",
        ),
        (
            &service.normal,
            &bad_address,
            400,
            "Address must be at least 3 lines",
        ),
        (
            &service.normal,
            &postcode_hidden,
            400,
            "Address must be at least 3 lines",
        ),
        (
            &service.test,
            &more_lines,
            400,
            "Address must be no more than 7 lines",
        ),
        (
            &service.test,
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
        let token = world.token(&service.id.to_string(), &service.normal.secret);
        let answer = world
            .request("POST", "/v2/notifications/letter", Some(&token), body)
            .await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.message().ends_with("is not of type object"));
    }
}

#[tokio::test]
async fn the_address_decides_how_a_letter_goes_abroad() {
    let world = World::new().await;
    let mut new = service_that_sends_letters("Abroad");
    new.permissions.insert(Permission::InternationalLetters);
    let abroad = world.service_with(new).await;
    let at_home = service(&world, "At home").await;
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
}

#[tokio::test]
async fn a_letter_with_a_test_key_is_delivered_at_once_and_not_counted() {
    let world = World::new().await;
    let service = world
        .service_with(NewService {
            restricted: true,
            ..service_that_sends_letters("On trial")
        })
        .await;
    let template = template(&world, service.id).await;
    let refused = post(&world, &service.normal, &to_ada(template)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (403, "Cannot send letters when service is in trial mode")
    );

    let id = id_of(&post(&world, &service.test, &to_ada(template)).await);
    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{id}"))
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
    let spent = store::counters::find_spent(&mut session, service.id, Allowance::Letter, today);
    assert_eq!(spent.await.unwrap(), 0);
    drop(session);
    let waiting = app::upkeep::queue_stats::read(&world.app).await.unwrap();
    assert_eq!(waiting.lanes.len(), 1, "its pages are made all the same");
}

#[tokio::test]
async fn simulated_letters_are_sending_before_their_receipt() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template_id = template(&world, service.id).await;
    let app = app::App::new(
        app::Settings {
            test_letters_fake_delivery: true,
            ..app::Settings::default()
        },
        app::Dependencies {
            store: world.app.store().clone(),
            files: files::Files::open("memory:").unwrap(),
            providers: app::Providers {
                email: Vec::new(),
                sms: Vec::new(),
                letter: Vec::new(),
                ..app::Providers::default()
            },
            foreign_files: app::foreign_files::ForeignFiles::in_this_process(),
            clock: world.clock.clone(),
            intake: None,
            random: std::sync::Arc::new(pillarbox_stories::SeededRandom::new(5)),
        },
    );
    let tenant = app.tenant(service.id).await.unwrap().unwrap();
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
    let order = LetterRequest {
        template_id,
        personalisation: to_ada(template_id)["personalisation"]
            .as_object()
            .unwrap()
            .clone(),
        reference: None,
    };
    let id = accept::letter(&app, &caller, order, None).await.unwrap().id;
    assert_eq!(
        kept(&world, &service, id).await.status,
        NotificationStatus::Sending
    );
    world.run_tasks().await;
    assert_eq!(
        kept(&world, &service, id).await.status,
        NotificationStatus::Delivered
    );
}

#[tokio::test]
async fn a_letter_requires_the_values_of_its_contact_block_only() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let contact = LetterContact {
        id: uuid::Uuid::from_u128(0xc0).into(),
        contact_block: "((office))\n2 Town Square".to_owned(),
        is_default: false,
    };
    let now = domain::Clock::now(&*world.clock);
    let mut tx = world.app.store().write().await.unwrap();
    store::letter_contacts::insert(&mut tx, service.id, &contact, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    rewrite(&world, service.id, template, |next| {
        next.letter_contact_id = Some(LetterContactId::from_uuid(uuid::Uuid::from_u128(0xc0)));
        next.welsh_subject = Some("Am ((peth))".to_owned());
        next.welsh_content = Some("Annwyl ((name))".to_owned());
        next.postage = Some(Postage::First);
    })
    .await;

    let answer = post(&world, &service.normal, &to_ada(template)).await;
    assert_eq!(answer.message(), "Missing personalisation: office");
    let mut body = to_ada(template);
    body["personalisation"]["office"] = json!("Bins");
    let id = id_of(&post(&world, &service.normal, &body).await);
    let kept = kept(&world, &service, id).await;
    assert_eq!(kept.postage, Some(Postage::First));
    assert_eq!(
        kept.reply_to_text.as_deref(),
        Some("((office))\n2 Town Square"),
        "later changes do not touch it"
    );

    let path = format!("/v2/template/{template}");
    let shown = world.get(&service.normal, &path).await;
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
        .post(&service.normal, &format!("{path}/preview"), &json!({}))
        .await;
    assert_eq!(
        preview.message(),
        "Missing personalisation: office, peth, name, thing"
    );
}

#[tokio::test]
async fn letters_cost_the_standard_rates_until_an_installation_sets_its_own() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let rates = world.internal_request("GET", "/letter-rates/", "").await;
    assert_eq!(
        rates.json[0],
        json!({"post_class": "first", "rate": "0.61", "sheet_count": 1, "start_date": "2019-09-30T23:00:00.000000Z"})
    );
    let id = id_of(
        &post(
            &world,
            &service.normal,
            &to_ada(template(&world, service.id).await),
        )
        .await,
    );
    becomes(&world, id, &[NotificationStatus::Sending]).await;
    let path = format!("/v2/notifications/{id}");
    let shown = world.get(&service.normal, &path).await;
    assert_eq!(shown.json["cost_in_pounds"], 0.77);
    assert_eq!(shown.json["cost_details"]["billable_sheets_of_paper"], 2);

    let mut tx = world.app.store().write().await.unwrap();
    let own = store::rates::LetterRate {
        start_date: "2026-03-02T00:00:00Z".parse().unwrap(),
        postage: Postage::Second,
        sheet_count: 2,
        micropounds: 1_005_000,
    };
    store::rates::upsert_letter(&mut tx, &own).await.unwrap();
    tx.commit().await.unwrap();
    let world = world.restarted().await;
    let shown = world.get(&service.normal, &path).await;
    assert_eq!(shown.json["cost_in_pounds"], 1.005);
    let rates = world.internal_request("GET", "/letter-rates/", "").await;
    assert_eq!(rates.json.as_array().unwrap().len(), 1);
    assert_eq!(rates.json[0]["rate"], "1.005");
}

#[tokio::test]
async fn a_letter_that_no_font_can_print_is_refused_with_its_characters() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let mut body = to_ada(template);
    body["personalisation"]["name"] = json!("Zoë ไท 😀");
    for key in [&service.normal, &service.test] {
        let refused = post(&world, key, &body).await;
        assert_eq!(refused.status, 400);
        assert_eq!(
            refused.message(),
            "Letter has characters that cannot be printed: ท (U+0E17), ไ (U+0E44), 😀 (U+1F600)"
        );
    }
    body["personalisation"]["name"] = json!("Zoe\u{308} Ŵyn");
    assert_eq!(post(&world, &service.normal, &body).await.status, 201);
}

#[tokio::test]
async fn a_letter_in_the_languages_that_councils_write_in_is_printed() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let mut body = to_ada(template);
    body["personalisation"]["name"] =
        json!("محمد علي ۱۲۳, שלום, हिन्दी, বাংলা, ਪੰਜਾਬੀ, ગુજરાતી, தமிழ், 李雷 議會, Українська");
    let id = id_of(&post(&world, &service.normal, &body).await);
    world.print_letters().await;
    let printed = kept(&world, &service, id).await;
    assert_eq!(printed.status, NotificationStatus::Sending);
    assert_eq!(printed.billable_units, 1);
}

#[tokio::test]
async fn a_preview_names_the_characters_that_cannot_be_printed() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let template = template(&world, service.id).await;
    let preview = async |name: &str| {
        let path = format!("/v2/template/{template}/preview");
        let body = json!({"personalisation": {"name": name, "thing": "bins"}});
        world.post(&service.normal, &path, &body).await
    };
    let warned = preview("ไ 東").await;
    assert_eq!(
        warned.json["warnings"],
        json!(["these characters cannot be printed in a letter: ไ (U+0E44)"])
    );
    assert_eq!(preview("東").await.json["warnings"], Value::Null);
}
