//! The errors of a spreadsheet, by row and column.

use pillarbox_stories::World;
use serde_json::json;

#[tokio::test]
async fn each_bad_cell_is_named_by_row_and_column() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let file =
        "phone number,name,day\n07700900001,Ada,Friday\n0770,Bo,Friday\n07700900003,,Friday\n";
    let answer = world
        .upload(service.id, service.sms, "people.csv", file)
        .await;
    let data = answer.data();
    assert_eq!(
        (&data["valid"], &data["notification_count"]),
        (&json!(false), &json!(3))
    );
    let named: Vec<_> = data["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["spreadsheet_row_number"].as_u64().unwrap(),
                one["column_header"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(named, [(3, "phone number"), (4, "name")]);
}

#[tokio::test]
async fn a_file_that_is_not_a_spreadsheet_is_refused() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for (name, file) in [
        ("a.csv", b"%PDF-1.7 ...".to_vec()),
        ("a.xlsx", b"PK\x03\x04 broken".to_vec()),
        ("a.csv", vec![0, 159, 146, 150, 0, 1, 2, 3]),
    ] {
        let answer = world.upload(service.id, service.sms, name, file).await;
        assert_eq!(answer.status, 400, "{}", answer.json);
        assert!(
            answer.message().ends_with('.') && answer.message().len() > 20,
            "{}",
            answer.json
        );
    }
}

#[tokio::test]
async fn errors_of_the_whole_file_are_reported() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let problems = async |file: &str| {
        let answer = world
            .upload(service.id, service.sms, "people.csv", file)
            .await;
        assert_eq!(answer.data()["valid"], false);
        answer.data()["problems"].to_string()
    };
    assert!(
        problems("phone number,name\n07700900001,Ada\n")
            .await
            .contains("columns are missing: day")
    );
    assert!(
        problems("phone number,name,day\n")
            .await
            .contains("no rows")
    );
    assert!(problems("").await.contains("no rows"));
    assert!(
        problems("phone number,Phone Number,name,day\n1,2,3,4\n")
            .await
            .contains("more than once")
    );
}

#[tokio::test]
async fn a_file_in_the_encoding_of_old_spreadsheet_programs_is_understood() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let mut file = b"phone number,name,day\n".to_vec();
    file.extend(b"07700900001,Ren\xe9e,Friday\n");
    world.job(service.id, service.sms, file).await;
    world.run_tasks().await;
    assert!(world.sms.accepted()[0].content.contains("Renée"));
}

#[tokio::test]
async fn text_is_read_in_the_encoding_that_is_named() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let file = b"phone number,name,day\n07700900001,Zo\x91,Friday\n".to_vec();
    let check = async |encoding: &str| {
        let path = format!(
            "/service/{}/spreadsheet?template_id={}&file_name=a.csv&check_only=true{encoding}",
            service.id, service.sms
        );
        world.internal_request("POST", &path, file.clone()).await
    };
    let guessed = check("").await;
    assert_eq!(guessed.status, 400);
    assert!(
        guessed.message().contains("may be Mac Roman: “Zoë”"),
        "{}",
        guessed.json
    );
    let named = check("&encoding=mac%20roman").await;
    assert_eq!(named.data()["valid"], true);
    assert_eq!(
        named.data()["warnings"],
        json!(["the file was read as Mac Roman: “Zoë”"])
    );
    assert_eq!(check("&encoding=klingon").await.status, 400);
}

#[tokio::test]
async fn semicolons_are_read_and_sent() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let file = "sep=;\nphone\u{A0}number;name;day\n07700900001;\"Zoë; dear\";Friday\n";
    let checked = world
        .upload(service.id, service.sms, "people.csv", file)
        .await;
    let warnings = json!(["the file was read with semicolons between its cells"]);
    assert_eq!(checked.data()["warnings"], warnings, "{}", checked.json);
    world.job(service.id, service.sms, file).await;
    world.run_tasks().await;
    assert!(world.sms.accepted()[0].content.contains("Zoë; dear"));
}

#[tokio::test]
async fn a_template_or_sender_that_is_not_the_services_own_is_refused() {
    let world = World::new().await;
    let (service, other) = (
        world.service("Riverside Council").await,
        world.service("Other").await,
    );
    let file = "phone number,name,day\n07700900001,Ada,Friday\n";
    let answer = world
        .upload(service.id, other.sms, "people.csv", file)
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.message()),
        (404, "there is no such template")
    );
    let path = format!(
        "/service/{}/spreadsheet?template_id={}&sender_id=11111111-1111-4111-8111-111111111111",
        service.id, service.sms
    );
    assert_eq!(
        world.internal_request("POST", &path, file).await.status,
        404
    );
}

#[tokio::test]
async fn a_file_that_is_only_checked_is_not_kept() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!(
        "/service/{}/spreadsheet?template_id={}&check_only=true",
        service.id, service.sms
    );
    let answer = world
        .internal_request(
            "POST",
            &path,
            "phone number,name,day\n07700900001,Ada,Friday\n",
        )
        .await;
    assert_eq!(
        (
            answer.status.as_u16(),
            &answer.data()["valid"],
            &answer.data()["id"]
        ),
        (200, &json!(true), &json!(null))
    );
    assert!(!world.files().join("spreadsheets").exists());
}
