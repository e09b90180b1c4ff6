//! From the row of a file to its letter and its final status.

use std::{collections::BTreeSet, fmt::Write as _};

use app::{
    manage::services::ServiceChange,
    privacy::erasure::{Erasure, Recipient},
};
use domain::{Allowance, Clock as _, KeyType, NotificationStatus, Permission, Postage, Timestamp};
use pillarbox_stories::World;
use serde_json::{Value, json};

use super::{
    count_rows, dress_up, kept, letters_spent, origin, pages, people, people_in, service,
    service_that_writes_abroad, standing, stands, template, that_sends_letters,
};

#[tokio::test]
async fn a_letter_of_a_job_equals_one_sent_through_the_api() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    dress_up(&world, &service, letter).await;
    let mut file = "address line 1,address line 2,postcode,name,Office,enw,reference\n".to_owned();
    for row in 0..12 {
        let _ = writeln!(
            file,
            "Ada {row},\"{row}  Mill Lane,\",sw1a1aa,Ada,Bins,Ada,ref-{row}"
        );
    }
    let job = world.job(service.id, letter, file).await;
    world.print_letters().await;
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("finished", &[("sending", 12)])
    );
    assert_eq!(letters_spent(&world, &service).await, 12);
    let handed = world.letter.accepted();
    let references: BTreeSet<_> = handed.iter().map(|one| one.reference.clone()).collect();
    assert_eq!((handed.len(), references.len()), (12, 12));

    let id = origin(&world, &service, &job).await.row(7);
    let row = kept(&world, &service, id).await;
    let of_it = handed.iter().find(|one| one.id == id.as_uuid()).unwrap();
    assert_eq!(of_it.address, ["Ada 7", "7 Mill Lane", "SW1A 1AA"]);
    assert_eq!(of_it.postage.as_str(), "first");
    let reference = row.reference.clone().unwrap();
    assert_eq!((&of_it.reference, reference.len()), (&reference, 16));
    let is_fitting = |one: u8| one.is_ascii_uppercase() || one.is_ascii_digit();
    assert!(reference.bytes().all(is_fitting), "{reference}");
    let contents = row.open(world.app.store().keyring()).unwrap();
    assert_eq!(
        contents.recipient.reveal(),
        "Ada 7\n7 Mill Lane\nSW1A 1AA",
        "the whole address"
    );
    assert_eq!(contents.normalised.reveal(), "ada77milllanesw1a1aa");
    assert_eq!(
        row.reply_to_text.as_deref(),
        Some("((office))\n2 Town Square"),
        "as it is at this moment"
    );
    assert_eq!(
        (row.postage, row.international, row.billable_units),
        (Some(Postage::First), false, 1)
    );
    assert_eq!(
        (row.key_type, row.job_row_number),
        (KeyType::Normal, Some(7))
    );

    let path = format!("/v2/notifications/{id}");
    let shown = world.get(&service.normal, &path).await.json;
    for (key, value) in [
        ("line_1", "Ada 7"),
        ("line_2", "7  Mill Lane,"),
        ("postcode", "sw1a1aa"),
        ("reference", "ref-7"),
        ("postage", "first"),
        ("status", "accepted"),
        ("body", "Dear Ada"),
    ] {
        assert_eq!(shown[key], value, "{key}");
    }
    let pdf = pages(&world, &service.normal, id).await;
    assert_eq!((pdf.status.as_u16(), &pdf.bytes), (200, &of_it.pdf));
}

#[tokio::test]
async fn the_address_of_a_row_decides_how_its_letter_goes_abroad() {
    let world = World::new().await;
    let service = service_that_writes_abroad(&world).await;
    let letter = template(&world, &service, "").await;
    let last_lines = ["France", "japan", "sw1a1aa", "bfpo 61", "JE2 3AB"];
    let job = world.job(service.id, letter, people_in(&last_lines)).await;
    world.print_letters().await;
    let origin = origin(&world, &service, &job).await;
    for (row, (postage, last_line)) in (0..).zip([
        (Postage::Europe, "France"),
        (Postage::RestOfWorld, "Japan"),
        (Postage::Second, "SW1A 1AA"),
        (Postage::Second, "BFPO 61"),
        (Postage::Second, "JE2 3AB"),
    ]) {
        let found = kept(&world, &service, origin.row(row)).await;
        assert_eq!(found.postage, Some(postage), "{last_line}");
        assert_eq!(found.international, postage != Postage::Second);
        assert_eq!(found.status, NotificationStatus::Sending);
        let contents = found.open(world.app.store().keyring()).unwrap();
        assert_eq!(
            contents.recipient.reveal(),
            &format!("Ada {row}\n{row} Mill Lane\n{last_line}")
        );
    }
}

#[tokio::test]
async fn errors_in_a_letter_spreadsheet_name_their_rows() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    dress_up(&world, &service, letter).await;
    let check = async |file: &str| {
        let answer = world.upload(service.id, letter, "people.csv", file).await;
        assert_eq!(answer.data()["valid"], false, "{}", answer.json);
        answer.data().clone()
    };
    let bad = check(
        "address line 1,address line 2,postcode,name,office,enw\nAda,1 Mill Lane,France,Ada,Bins,Ada\n\
         Ada,,sw1a1aa,Ada,Bins,Ada\nAda,1 Mill Lane,sw1a1aa,,Bins,Ada\nnfa,1 Mill Lane,sw1a1aa,Ada,Bins,Ada\n",
    )
    .await;
    let errors: Vec<_> = bad["errors"].as_array().unwrap().iter().collect();
    let named: Vec<_> = errors
        .iter()
        .map(|one| {
            (
                one["spreadsheet_row_number"].as_u64().unwrap(),
                &one["column_header"],
            )
        })
        .collect();
    let name = json!("name");
    assert_eq!(
        named,
        [
            (2, &Value::Null),
            (3, &Value::Null),
            (4, &name),
            (5, &Value::Null)
        ]
    );
    for (error, words) in errors
        .iter()
        .zip(["postcode", "3 lines", "Missing", "real address"])
    {
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
    let bare = check("address line 1,postcode,name\nAda,sw1a1aa,Ada\n").await;
    assert_eq!(bare["missing_column_headers"], json!(["office", "enw"]));
    let problems = bare["problems"].to_string();
    assert!(
        problems.contains("not enough columns for an address"),
        "{problems}"
    );

    let path = format!(
        "/service/{0}/spreadsheet?template_id={letter}&sender_id={0}",
        service.id
    );
    let refused = world.internal_request("POST", &path, people(1)).await;
    assert_eq!(refused.status, 404);
    assert!(
        refused.message().contains("letters have none"),
        "{}",
        refused.json
    );

    let made = world
        .create_job(service.id, &json!({"id": bad["id"]}))
        .await;
    assert_eq!(made.message(), "File is not valid, can't create job");
}

#[tokio::test]
async fn a_row_with_an_address_no_longer_valid_costs_no_quota() {
    let world = World::new().await;
    let service = service_that_writes_abroad(&world).await;
    let letter = template(&world, &service, "").await;
    let file = people_in(&["France", "sw1a1aa", "Japan"]);
    let job = world.job(service.id, letter, file).await;
    let change = ServiceChange {
        permissions: Some([Permission::Letter].into()),
        ..ServiceChange::default()
    };
    app::manage::services::update(&world.app, service.id, change)
        .await
        .unwrap();
    world.print_letters().await;
    let expected = [("sending", 1), ("validation-failed", 2)];
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("finished", &expected)
    );
    let first = origin(&world, &service, &job).await.row(0);
    let row = kept(&world, &service, first).await;
    assert_eq!((row.billable_units, row.sent_by.as_deref()), (0, None));
    let problem = row.problem.as_deref().unwrap();
    assert!(problem.contains("postcode"), "{problem}");
    let contents = row.open(world.app.store().keyring()).unwrap();
    assert_eq!(contents.recipient.reveal(), "Ada 0\n0 Mill Lane\nFrance");
    assert_eq!(world.letter.accepted().len(), 1);
    count_rows(&world).await;
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("finished all notifications created", &expected)
    );
}

#[tokio::test]
async fn trial_mode_sends_no_letter() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, "").await;
    let before = world.job(service.id, letter, people(2)).await;
    let uploaded = world
        .upload(service.id, letter, "people.csv", people(2))
        .await;
    app::manage::services::set_mode(&world.app, service.id, true, true)
        .await
        .unwrap();
    let refused = world
        .create_job(service.id, &json!({"id": uploaded.data()["id"]}))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.message()),
        (
            403,
            "Create letter job is not allowed for service in trial mode "
        )
    );
    world.print_letters().await;
    assert_eq!(
        standing(&world, &service, &before).await,
        stands("finished", &[("validation-failed", 2)])
    );
    assert_eq!(world.letter.accepted(), []);
}

#[tokio::test]
async fn a_letter_job_over_the_daily_quota_creates_no_letter() {
    let world = World::new().await;
    let mut new = that_sends_letters();
    new.limits = [(Allowance::Letter, 5)].into();
    let service = world.service_with(new).await;
    let letter = template(&world, &service, "").await;
    let first = world.job(service.id, letter, people(3)).await;
    let second = world.job(service.id, letter, people(3)).await;
    world.print_letters().await;
    assert_eq!(
        standing(&world, &service, &first).await,
        stands("finished", &[("sending", 3)])
    );
    assert_eq!(
        standing(&world, &service, &second).await,
        stands("sending limits exceeded", &[])
    );
    assert_eq!(letters_spent(&world, &service).await, 3);
}

#[tokio::test]
async fn erasure_skips_letters_and_retention_deletes_their_pages() {
    let world = World::new().await;
    let service = service(&world).await;
    let letter = template(&world, &service, " at ((phone number))").await;
    world.letter.set_reports_delivery(false);
    let mut file = "address line 1,address line 2,postcode,name,phone number\n".to_owned();
    for row in 0..3 {
        let _ = writeln!(file, "Ada,{row} Mill Lane,sw1a1aa,Ada,07700900123");
    }
    let job = world.job(service.id, letter, file).await;
    let recipient = Recipient::parse("07700900123").unwrap();
    let mut erasure = Erasure::new(&world.app, recipient, None);
    assert!(erasure.run().await.unwrap());
    assert_eq!(
        erasure.report().rows,
        0,
        "what a letter says is no recipient"
    );
    world.print_letters().await;
    assert_eq!(
        standing(&world, &service, &job).await,
        stands("finished", &[("delivered", 3)])
    );
    let id = origin(&world, &service, &job).await.row(1);
    assert_eq!(pages(&world, &service.normal, id).await.status, 200);

    for night in ["2026-03-10T03:00:00Z", "2026-03-10T04:00:00Z"] {
        let night: Timestamp = night.parse().unwrap();
        world.advance(night.since(world.clock.now()));
        world.run_schedule().await;
    }
    let path = format!("/v2/notifications/{id}");
    assert_eq!(world.get(&service.normal, &path).await.status, 404);
    let found = app::letters::find_pages(&world.app, service.id, id).await;
    assert!(found.unwrap().is_none(), "the pages go with the letter");
    assert_eq!(world.job_status(service.id, &job).await["archived"], true);
}
