//! Nobody receives what nobody can read, and nobody but the recipient receives it: texts in any script, letters in the
//! scripts that are shipped, phone numbers with a digit too many.

use app::manage::{services::NewService, templates::NewTemplate};
use domain::{Channel, LetterContactId, Permission, ServiceId, TemplateId};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};
use store::letter_contacts::LetterContact;

async fn service_with(world: &World, permission: Option<Permission>) -> TestService {
    let mut new = NewService {
        rate_limit: 100_000,
        ..NewService::named("Riverside Council")
    };
    new.permissions.insert(Permission::Letter);
    new.permissions.extend(permission);
    world.service_with(new).await
}

async fn template(
    world: &World,
    service: ServiceId,
    channel: Channel,
    content: &str,
) -> TemplateId {
    let new = NewTemplate {
        template_type: channel,
        name: "A template".to_owned(),
        subject: (channel != Channel::Sms).then(|| "About bins".to_owned()),
        content: content.to_owned(),
        lane: None,
        created_by: None,
    };
    let made = app::manage::templates::create(&world.app, service, new).await;
    made.unwrap().id
}

/// Sends a text to this name and returns it as the API shows it.
async fn text_to(
    world: &World,
    service: &TestService,
    template: TemplateId,
    name: &str,
) -> (String, Value) {
    let body = json!({
        "phone_number": "07700900123", "template_id": template, "personalisation": {"name": name},
    });
    let accepted = world
        .post(&service.normal, "/v2/notifications/sms", &body)
        .await;
    assert_eq!(accepted.status, 201, "{}", accepted.json);
    world.run_tasks().await;
    let id = accepted.json["id"].as_str().unwrap();
    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{id}"))
        .await;
    let sent = world.sms.accepted();
    (sent.last().unwrap().content.clone(), shown.json)
}

#[tokio::test]
async fn a_text_in_any_script_is_sent_and_billed_as_it_is() {
    let world = World::new().await;
    let service = service_with(&world, Some(Permission::UnicodeSms)).await;
    let template = template(
        &world,
        service.id,
        Channel::Sms,
        "Здравствуйте ((name)) “😀”",
    )
    .await;
    let prefix = "Riverside Council: ";
    // Without the name: the service's name, the words, and two units of 16 bits for the emoji.
    let fixed = prefix.len() + "Здравствуйте ".chars().count() + 5;
    for (length, fragments) in [
        (1, 1),
        (70 - fixed, 1),
        (71 - fixed, 2),
        (134 - fixed, 2),
        (135 - fixed, 3),
    ] {
        let name = "я".repeat(length);
        let (content, shown) = text_to(&world, &service, template, &name).await;
        // Characters that have a replacement are replaced, the others are not.
        assert_eq!(content, format!("{prefix}Здравствуйте {name} \"😀\""));
        assert_eq!(
            shown["cost_details"]["billable_sms_fragments"], fragments,
            "{length} letters"
        );
        let cost = shown["cost_in_pounds"].as_f64().unwrap();
        assert!(
            (cost - 0.0233 * f64::from(fragments)).abs() < 1e-9,
            "{cost}"
        );
        assert_eq!(shown["body"], content.strip_prefix(prefix).unwrap());
    }
}

#[tokio::test]
async fn a_service_without_the_permission_sends_what_every_phone_can_show() {
    let world = World::new().await;
    let service = service_with(&world, None).await;
    let template = template(&world, service.id, Channel::Sms, "Dear ((name))").await;
    let (content, shown) = text_to(&world, &service, template, "Zoe\u{308} Иван").await;
    assert_eq!(
        content,
        "Riverside Council: Dear Zoe ????".replace("Zoe", "Zoë")
    );
    assert_eq!(shown["cost_details"]["billable_sms_fragments"], 1);
}

#[tokio::test]
async fn rows_of_texts_in_any_script_are_sent_as_they_are() {
    let world = World::new().await;
    let service = service_with(&world, Some(Permission::UnicodeSms)).await;
    let file = "phone number,name,day\n07700900123,Иван,शुक्रवार\n";
    let job = world
        .job(service.id, service.sms, file.as_bytes().to_vec())
        .await;
    world.run_tasks().await;
    assert_eq!(
        world.sms.accepted()[0].content,
        "Riverside Council: Иван, your bin day is शुक्रवार"
    );
    assert_eq!(
        world.job_status(service.id, &job).await["statistics"][0]["count"],
        1
    );
}

/// Characters of scripts that no font of ours has, with their names in errors.
const UNPRINTABLE: [(&str, &str); 5] = [
    ("ไ", "ไ (U+0E44)"),
    ("ລ", "ລ (U+0EA5)"),
    ("ខ", "ខ (U+1781)"),
    ("က", "က (U+1000)"),
    ("🗑", "🗑 (U+1F5D1)"),
];

#[tokio::test]
async fn letters_in_scripts_without_a_font_are_refused_with_their_characters() {
    let world = World::new().await;
    let service = service_with(&world, None).await;
    let letter = template(&world, service.id, Channel::Letter, "Dear ((name))").await;
    for (name, named) in UNPRINTABLE {
        let body = json!({
            "template_id": letter,
            "personalisation": {
                "address_line_1": "Ada", "address_line_2": "1 Mill Lane", "postcode": "SW1A 1AA",
                "name": format!("Ada {name}"),
            },
        });
        let refused = world
            .post(&service.normal, "/v2/notifications/letter", &body)
            .await;
        assert_eq!(
            (refused.status.as_u16(), refused.message()),
            (
                400,
                format!("Letter has characters that cannot be printed: {named}").as_str()
            )
        );
        let file = format!(
            "address line 1,address line 2,postcode,name\nAda,1 Mill Lane,SW1A 1AA,Zoë 李\n\
             Bo,2 Mill Lane,SW1A 1AA,Bo {name}\n"
        );
        let checked = world
            .upload(service.id, letter, "people.csv", file.clone())
            .await;
        let data = checked.data();
        assert_eq!(data["valid"], false, "{name}");
        let errors = data["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0]["spreadsheet_row_number"], 3);
        assert!(errors[0].to_string().contains(named), "{errors:?}");

        let order = json!({"name": "Letters", "template_id": letter, "csv": file});
        let bulk = world
            .post(&service.normal, "/v2/notifications/bulk", &order)
            .await;
        assert_eq!(bulk.status, 400);
        assert!(bulk.json.to_string().contains(named), "{}", bulk.json);
    }
    assert_eq!(world.run_tasks().await, 0, "nothing was accepted");
}

/// The address of the sender is filled in when the letter is made, after all checks of its row.
#[tokio::test]
async fn a_letter_that_turns_out_to_be_unprintable_fails_validation() {
    let world = World::new().await;
    let service = service_with(&world, None).await;
    let letter = template(&world, service.id, Channel::Letter, "Dear ((name))").await;
    let mut contact = LetterContact {
        id: LetterContactId::generate(domain::Clock::now(&*world.clock), world.app.random()),
        contact_block: "1 Town Square".to_owned(),
        is_default: true,
    };
    let store = world.app.store();
    let mut tx = store.write().await.unwrap();
    let now = domain::Clock::now(&*world.clock);
    store::letter_contacts::insert(&mut tx, service.id, &contact, now)
        .await
        .unwrap();
    let mut next = store::templates::find(&mut tx, service.id, letter)
        .await
        .unwrap()
        .unwrap();
    next.version += 1;
    next.letter_contact_id = Some(contact.id);
    assert!(store::templates::update(&mut tx, &next).await.unwrap());
    tx.commit().await.unwrap();

    let file = "address line 1,address line 2,postcode,name\nAda,1 Mill Lane,SW1A 1AA,Ada\n";
    let job = world.job(service.id, letter, file).await;
    "1 ไ Square".clone_into(&mut contact.contact_block);
    let mut tx = store.write().await.unwrap();
    // Around the check of the interface, as an address that was saved by a version with more fonts.
    store::letter_contacts::update(&mut tx, service.id, &contact)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.print_letters().await;
    let listed = world
        .get(&service.normal, "/v2/notifications?include_jobs=true")
        .await;
    let found = &listed.json["notifications"][0];
    assert_eq!(found["status"], "validation-failed", "{found} of job {job}");
    let id = found["id"].as_str().unwrap().parse().unwrap();
    let mut session = world.app.read().await.unwrap();
    let kept = store::notifications::find(&mut session, service.id, id).await;
    let problem = kept.unwrap().unwrap().problem.unwrap();
    assert!(problem.contains("ไ (U+0E44)"), "{problem}");
    drop(session);
    assert!(world.letter.accepted().is_empty(), "nothing is posted");
}

#[tokio::test]
async fn a_uk_number_with_a_digit_too_many_reaches_nobody_abroad() {
    let world = World::new().await;
    let service = service_with(&world, Some(Permission::InternationalSms)).await;
    for (number, is_read) in [
        ("07900 9001234", false),
        ("079009001234", false),
        ("(0)7900 9001234", false),
        ("+7 900 900 12 34", true),
        ("79009001234", true),
        ("007 900 900 12 34", true),
        ("07700900123", true),
    ] {
        let body = json!({
            "phone_number": number, "template_id": service.sms,
            "personalisation": {"name": "Ada", "day": "Friday"},
        });
        let single = world
            .post(&service.normal, "/v2/notifications/sms", &body)
            .await;
        assert_eq!(single.status == 201, is_read, "{number}: {}", single.json);
        let csv = format!("phone number,name,day\n{number},Ada,Friday\n");
        let order = json!({"name": "One", "template_id": service.sms, "csv": csv});
        let bulk = world
            .post(&service.normal, "/v2/notifications/bulk", &order)
            .await;
        assert_eq!(bulk.status == 201, is_read, "{number}: {}", bulk.json);
        let checked = world
            .upload(service.id, service.sms, "people.csv", csv)
            .await;
        assert_eq!(checked.data()["valid"], is_read, "{number}");
        if !is_read {
            let said = [single.json, bulk.json, checked.data().clone()];
            for said in said.map(|said| said.to_string()) {
                // The API and the check of rows have words of their own.
                let is_named = said.contains("Too many digits") || said.contains("is too long");
                assert!(is_named, "{number}: {said}");
            }
        }
    }
    world.run_tasks().await;
    let abroad = world.sms.accepted();
    assert!(
        abroad
            .iter()
            .all(|sms| sms.to != "79009001234" || sms.international)
    );
    assert_eq!(
        abroad.len(),
        8,
        "each good number once alone and once in bulk"
    );
}
