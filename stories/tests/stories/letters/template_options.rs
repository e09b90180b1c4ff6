//! Postage, contact block and Welsh texts of a letter template, set through the internal endpoints.

use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{id_of, kept, post, service, to_ada};

async fn contact_block(world: &World, service: &impl std::fmt::Display, block: &str) -> Value {
    let path = format!("/service/{service}/letter-contact");
    let body = json!({"contact_block": block}).to_string();
    let made = world.internal_request("POST", &path, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.data()["id"].clone()
}

#[tokio::test]
async fn the_options_of_a_letter_template_are_set_and_printed() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let contact = contact_block(&world, &service.id, "Bins\n2 Town Square").await;
    let path = format!("/service/{}/template", service.id);
    let mut body = json!({
        "template_type": "letter", "name": "A letter", "subject": "About ((thing))", "content": "Dear ((name))",
        "postage": "first", "reply_to": contact,
        "letter_welsh_subject": "Am ((thing))", "letter_welsh_content": "Annwyl ((name))",
    });
    let made = world
        .internal_request("POST", &path, body.to_string())
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.data().clone();
    assert_eq!(
        (
            &made["postage"],
            &made["reply_to_text"],
            &made["letter_welsh_subject"]
        ),
        (
            &json!("first"),
            &json!("Bins\n2 Town Square"),
            &json!("Am ((thing))")
        )
    );

    let id = made["id"].as_str().unwrap().parse().unwrap();
    let letter = id_of(&post(&world, &service.normal, &to_ada(id)).await);
    let row = kept(&world, &service, letter).await;
    assert_eq!(row.postage.map(domain::Postage::as_str), Some("first"));
    assert_eq!(row.reply_to_text.as_deref(), Some("Bins\n2 Town Square"));

    // Options that are absent stay, null removes.
    for option in ["postage", "letter_welsh_subject", "letter_welsh_content"] {
        body.as_object_mut().unwrap().remove(option);
    }
    body["reply_to"] = Value::Null;
    let path = format!("{path}/{}", made["id"].as_str().unwrap());
    let changed = world
        .internal_request("POST", &path, body.to_string())
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let changed = changed.data();
    assert_eq!(
        (
            &changed["postage"],
            &changed["reply_to"],
            &changed["letter_welsh_content"]
        ),
        (&json!("first"), &Value::Null, &json!("Annwyl ((name))"))
    );
    world.print_letters().await;
    assert_eq!(world.letter.accepted()[0].postage.as_str(), "first");
}

#[tokio::test]
async fn options_that_do_not_fit_a_template_are_refused() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let path = format!("/service/{}/template", service.id);
    for (template_type, option, value) in [
        ("letter", "postage", json!("europe")),
        ("letter", "postage", json!("third")),
        ("letter", "letter_welsh_subject", json!("Am")),
        ("letter", "has_unsubscribe_link", json!(true)),
        ("letter", "reply_to", json!(service.id)),
        ("sms", "postage", json!("first")),
    ] {
        let subject = (template_type == "letter").then_some("About");
        let mut body = json!({
            "template_type": template_type, "name": "A template", "subject": subject, "content": "Dear ((name))",
        });
        body[option] = value.clone();
        let refused = world
            .internal_request("POST", &path, body.to_string())
            .await;
        assert!(
            matches!(refused.status.as_u16(), 400 | 404),
            "{option} {value} of {template_type}: {}",
            refused.text
        );
    }
}

#[tokio::test]
async fn the_contact_block_is_printed_as_it_was_when_the_letter_was_accepted() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let contact = contact_block(&world, &service.id, "Bins\n2 Town Square").await;
    let path = format!("/service/{}/template", service.id);
    let body = json!({
        "template_type": "letter", "name": "A letter", "subject": "About ((thing))", "content": "Dear ((name))",
        "reply_to": contact,
    });
    let made = world
        .internal_request("POST", &path, body.to_string())
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let template = made.data()["id"].as_str().unwrap().parse().unwrap();
    let mut pages = Vec::new();
    let letter = async || id_of(&post(&world, &service.normal, &to_ada(template)).await);
    let drawn = async |id| {
        let path = format!("/v2/notifications/{id}/pdf");
        let pdf = world.get(&service.normal, &path).await;
        assert_eq!(pdf.status, 200, "{}", pdf.text);
        pdf.bytes
    };
    // Its pages are made before the change, those of the second after it.
    let first = letter().await;
    world.run_tasks().await;
    pages.push(drawn(first).await);
    let second = letter().await;
    let path = format!(
        "/service/{}/letter-contact/{}",
        service.id,
        contact.as_str().unwrap()
    );
    let body = json!({"contact_block": "Parking\n3 Hill Road"}).to_string();
    let changed = world.internal_request("POST", &path, body).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let third = letter().await;
    world.run_tasks().await;
    for id in [second, third] {
        pages.push(drawn(id).await);
    }
    assert!(pages[0] == pages[1], "accepted with the same contact block");
    assert!(pages[1] != pages[2], "accepted with another");
}
