//! `pillarbox dev`.

use std::path::Path;

use crate::platform::{Platform, pillarbox, stderr, stdout};

const VARIABLES: [&str; 11] = [
    "NOTIFY_API_URL",
    "API_KEY",
    "API_SENDING_KEY",
    "INBOUND_SMS_QUERY_KEY",
    "FUNCTIONAL_TEST_NUMBER",
    "FUNCTIONAL_TEST_EMAIL",
    "EMAIL_TEMPLATE_ID",
    "SMS_TEMPLATE_ID",
    "LETTER_TEMPLATE_ID",
    "EMAIL_REPLY_TO_ID",
    "SMS_SENDER_ID",
];

/// Returns the value of the line `export NAME='value'`.
fn value<'a>(lines: &'a str, name: &str) -> &'a str {
    let start = format!("export {name}='");
    let line = lines.lines().find_map(|line| line.strip_prefix(&*start));
    line.and_then(|line| line.strip_suffix('\''))
        .unwrap_or_else(|| panic!("no {name} in {lines}"))
}

#[test]
fn client_fixtures_are_created_once_and_work() {
    let platform = Platform::up();
    let first = platform.run(&["dev", "client-fixtures"]);
    assert!(first.status.success(), "{}", stderr(&first));
    let lines = stdout(&first);
    assert_eq!(lines.lines().count(), VARIABLES.len());
    for name in VARIABLES {
        assert!(!value(&lines, name).is_empty());
    }
    let again = platform.run(&["dev", "client-fixtures"]);
    assert_eq!(stdout(&again), lines, "a second run prints the same");

    let token = platform.answer(&["token", "--key", value(&lines, "API_SENDING_KEY")]);
    let body = format!(
        r#"{{"phone_number": "{}", "template_id": "{}", "sms_sender_id": "{}", "personalisation": {{"name": "Jo"}}}}"#,
        value(&lines, "FUNCTIONAL_TEST_NUMBER"),
        value(&lines, "SMS_TEMPLATE_ID"),
        value(&lines, "SMS_SENDER_ID"),
    );
    let (status, answer) = platform.http(
        "POST /v2/notifications/sms",
        token[0]["token"].as_str().unwrap(),
        &body,
    );
    assert_eq!(status, 201, "{answer}");
    assert!(
        answer.contains(r"Hello Jo\n\nFunctional Tests make our world a better place"),
        "{answer}"
    );
}

#[test]
fn contract_fixtures_are_loaded_once() {
    let platform = Platform::up();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/api_contract_fixtures.json");
    let file = file.to_str().unwrap();
    for loaded in [true, false] {
        assert_eq!(
            platform.answer(&["dev", "load-fixtures", file])[0]["loaded"],
            loaded
        );
    }
    let services = platform.answer(&["service", "list"]);
    assert!(
        services
            .iter()
            .any(|service| service["name"] == "Example Licensing")
    );
}

#[test]
fn an_invalid_fixtures_file_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    let good = std::fs::read_to_string(vectors.join("api_contract_fixtures.json")).unwrap();
    let file = directory.path().join("fixtures.json");
    for (text, why) in [
        ("{".to_owned(), "the file is not a set of fixtures"),
        ("{}".to_owned(), "missing field"),
        (
            good.replace(r#""service": "svc.live""#, r#""service": "svc.gone""#),
            "names the service svc.gone, which is not in the file",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = pillarbox()
            .args(["dev", "load-fixtures"])
            .arg(&file)
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        assert!(!directory.path().join("data").exists(), "nothing is made");
    }
    let nothing = pillarbox()
        .args(["dev", "client-fixtures", "--data-dir"])
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(stderr(&nothing).contains("nothing is running"));
}
