use std::{io::Write as _, time::Duration};

use domain::Clock as _;
use pillarbox_server::system::SystemClock;
use serde_json::{Value, json};

use crate::foreign_files::{ADDRESS, pdf, pdf_with_content};
use crate::platform::{Platform, example, json_lines, stderr, stdout};

fn sink_counts(platform: &Platform) -> Value {
    platform.answer(&["sink", "count"]).remove(0)
}

fn send(platform: &Platform, file: &str, template: &str) -> Vec<Value> {
    platform.send(&example(file), template, &["--follow"])
}

#[test]
fn the_example_spreadsheets_are_sent_completely() {
    let platform = Platform::up();
    let emails = send(&platform, "library-cards.csv", "your library card");
    let texts = send(
        &platform,
        "bin-days.xlsx",
        platform.line["templates"]["sms"].as_str().unwrap(),
    );
    for lines in [&emails, &texts] {
        let last = lines.last().unwrap();
        assert_eq!(last["status"], "finished", "{last}");
        assert_eq!(last["statistics"], json!({"delivered": 200}), "{last}");
    }
    assert_eq!(
        sink_counts(&platform),
        json!({"email": 200, "sms": 200, "letter": 0})
    );

    let id = emails.last().unwrap()["id"].as_str().unwrap();
    let status = platform.answer(&["job", "status", id]);
    assert_eq!(status[0]["statistics"], json!({"delivered": 200}));
    let jobs = platform.answer(&["job", "list"]);
    assert_eq!(
        jobs.iter()
            .map(|job| &job["original_file_name"])
            .collect::<Vec<_>>(),
        ["bin-days.xlsx", "library-cards.csv"]
    );
}

#[test]
fn letters_are_sent_from_a_spreadsheet() {
    let platform = Platform::up();
    platform.answer(&[
        "template",
        "create",
        "Bin letter",
        "--type",
        "letter",
        "--subject",
        "Your bins",
        "--content",
        "Dear ((name))",
    ]);
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    let header = "address line 1,address line 2,postcode,name";
    writeln!(
        file,
        "{header}\nAda,1 Mill Lane,SW1A 1AA,Ada\nBo,2 Mill Lane,nowhere,Bo"
    )
    .unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let checked = platform.run(&["job", "check", &path, "--template", "Bin letter"]);
    let error = stdout(&checked);
    assert_eq!(checked.status.code(), Some(1), "{}", stderr(&checked));
    assert!(error.contains("real UK postcode"), "{error}");
    assert!(error.contains("2 rows, 1 of them with errors"), "{error}");

    std::fs::write(&path, format!("{header}\nAda,1 Mill Lane,SW1A 1AA,Ada\n")).unwrap();
    let lines = platform.answer(&["job", "send", &path, "--template", "Bin letter", "--follow"]);
    let last = lines.last().unwrap();
    assert_eq!(last["statistics"], json!({"created": 1}), "{last}");
    assert_eq!(sink_counts(&platform)["letter"], 0, "it waits");
    // The pages are made meanwhile, and a run takes what has pages.
    for _ in 0..100 {
        platform.answer(&["letters", "print-run", "--now"]);
        if sink_counts(&platform)["letter"] == 1 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the letter is not printed");
}

#[test]
fn letters_at_hand_as_pdf_are_sent_and_the_others_say_why_not() {
    let platform = Platform::up();
    let directory = tempfile::tempdir().unwrap();
    let good = directory.path().join("bins.pdf");
    let bad = directory.path().join("margin.pdf");
    std::fs::write(&good, pdf([])).unwrap();
    let in_the_margin = format!("{ADDRESS} BT /F 10 Tf 5 300 Td (too far left) Tj ET");
    std::fs::write(&bad, pdf_with_content(&in_the_margin, "", [])).unwrap();
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());

    let checked = platform.answer(&["letters", "send", "--check-only", good]);
    assert_eq!(
        checked[0]["recipient_address"],
        "Ada\n1 Mill Lane\nSW1A 1AA"
    );
    let output = platform.run(&["letters", "send", good, bad, "--postage", "first"]);
    let (text, error) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        text.contains("1 page, to Ada, 1 Mill Lane, SW1A 1AA"),
        "{text}"
    );
    assert!(
        text.contains("margin.pdf: ") && text.contains("Pages: [1]"),
        "{text}"
    );
    assert!(text.contains("letters print-run --now"), "{text}");
    assert!(error.contains("1 of 2 letters cannot be sent"), "{error}");
    platform.answer(&["letters", "print-run", "--now"]);
    for _ in 0..100 {
        if sink_counts(&platform)["letter"] == 1 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the letter is not printed");
}

#[test]
fn a_check_lists_each_error_and_sends_nothing() {
    let platform = Platform::up();
    let file = example("bin-days-with-errors.csv");
    let output = platform.run_job("check", &file, "Bin day", &[]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = stdout(&output);
    let errors: Vec<Vec<&str>> = text
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    let named: Vec<(&str, &str)> = errors.iter().map(|cells| (cells[0], cells[1])).collect();
    let expected = [
        ("3", "phone number"),
        ("4", "phone number"),
        ("5", "name"),
        ("6", "phone number"),
        ("8", "phone number"),
        ("9", "phone number"),
        ("10", "phone number"),
        ("11", "phone number"),
        ("11", "name"),
        ("11", "day"),
        ("12", "phone number"),
        ("13", "phone number"),
        ("14", "day"),
        ("15", "phone number"),
        ("16", "day"),
        ("17", "phone number"),
        ("17", "name"),
    ];
    for cell in expected {
        assert!(named.contains(&cell), "{cell:?} is missing in\n{text}");
    }
    assert!(text.contains("19 rows, 16 of them with errors"), "{text}");

    let sent = platform.run_job("send", &file, "Bin day", &[]);
    assert_eq!(sent.status.code(), Some(1));
    assert_eq!(stdout(&sent), text, "send reports the same as check");
    assert_eq!(
        sink_counts(&platform),
        json!({"email": 0, "sms": 0, "letter": 0})
    );
    assert_eq!(platform.answer(&["job", "list"]), Vec::<Value>::new());
}

#[test]
fn a_check_as_json_prints_errors_and_a_summary() {
    let platform = Platform::up();
    let file = example("bin-days-with-errors.csv");
    let output = platform.run_job("check", &file, "Bin day", &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let lines = json_lines(&output);
    let (last, cells) = lines.split_last().unwrap();
    assert_eq!((&last["valid"], &last["rows"]), (&json!(false), &json!(19)));
    assert!(
        cells
            .iter()
            .all(|cell| cell["spreadsheet_row_number"].is_number() && cell["message"].is_string())
    );
    assert_eq!(last["error_counts"]["rows_with_errors"], 16);

    let good = example("bin-days.xlsx");
    let output = platform.run_job("check", &good, "Bin day", &["--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(json_lines(&output)[0]["valid"], true);
}

#[test]
fn a_check_says_what_the_endpoint_says() {
    let platform = Platform::up();
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    // `Zoë` as old programs of Apple wrote it, and a recipient twice.
    file.write_all(b"phone number,name,date\n07700900123,Zo\x91,Friday\n07700900123,Ana,Friday\n")
        .unwrap();
    let path = file.path().to_str().unwrap();
    let template = platform.line["templates"]["sms"].as_str().unwrap();
    let check = [
        "job",
        "check",
        path,
        "--template",
        template,
        "--encoding",
        "macintosh",
    ];
    let output = platform.command(&check).arg("--json").output().unwrap();
    let mut ours = json_lines(&output).pop().unwrap();
    let service = platform.answer(&["service", "list"])[0]["id"].clone();
    let secret =
        std::fs::read_to_string(platform.directory.path().join("internal-secret")).unwrap();
    let token = jsonwebtoken::encode(
        &jsonwebtoken::Header::default(),
        &json!({"iss": "notify-admin", "iat": SystemClock.now().unix_seconds()}),
        &jsonwebtoken::EncodingKey::from_secret(secret.trim().as_bytes()),
    );
    let token = token.unwrap();
    let name = file.path().file_name().unwrap().to_str().unwrap();
    let target = format!(
        "POST /service/{}/spreadsheet?template_id={template}&check_only=true&encoding=macintosh&file_name={name}",
        service.as_str().unwrap()
    );
    let body = std::fs::read(file.path()).unwrap();
    let (status, answer) = platform.http_bytes(&target, &token, &body);
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let theirs = &answer["data"];
    assert!(!ours["warnings"].as_array().unwrap().is_empty(), "{ours}");
    assert_eq!(ours["rows"].take(), theirs["notification_count"]);
    ours.as_object_mut().unwrap().remove("rows");
    for (name, value) in ours.as_object().unwrap() {
        assert_eq!(value, &theirs[name], "{name}");
    }
    let text = stdout(&platform.run(&check));
    for warning in theirs["warnings"].as_array().unwrap() {
        let line = format!("warning: {}", warning.as_str().unwrap());
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[test]
fn a_time_without_an_offset_is_in_the_time_zone_of_the_settings() {
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("pillarbox.toml");
    std::fs::write(settings, "time_zone = 'Asia/Tokyo'\n").unwrap();
    let platform = Platform::up_in(directory.into());
    let file = example("bin-days.xlsx");
    let due = SystemClock.now().plus(Duration::from_hours(1));
    // Nine hours ahead of UTC all year.
    let there = due.plus(Duration::from_hours(9)).to_string();
    let job = platform.send(&file, "Bin day", &["--at", &there[..16]]);
    let scheduled = job[0]["scheduled_for"].as_str().unwrap();
    assert_eq!(scheduled[..16], due.to_string()[..16]);
}

#[test]
fn a_failed_check_has_an_exit_code_of_its_own() {
    let platform = Platform::up();
    let good = example("bin-days.xlsx");
    let mut picture = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    picture
        .write_all(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01")
        .unwrap();
    for (file, template, what) in [
        (
            good.to_str().unwrap(),
            "No such",
            "there is no template called `No such`; there are: Bin day",
        ),
        (
            good.to_str().unwrap(),
            "00000000-0000-0000-0000-000000000000",
            "there is no template",
        ),
        (
            "no/such/file.csv",
            "Bin day",
            "cannot read no/such/file.csv",
        ),
        ("/", "Bin day", "it is not a file"),
        (picture.path().to_str().unwrap(), "Bin day", "cannot use"),
    ] {
        for (command, code) in [("check", 2), ("send", 1)] {
            let output = platform.run(&["job", command, file, "--template", template]);
            let error = stderr(&output);
            assert_eq!(output.status.code(), Some(code), "{error}");
            assert!(
                error.starts_with("pillarbox: ") && error.contains(what),
                "{error}"
            );
            assert_eq!(
                (error.lines().count(), stdout(&output)),
                (1, String::new()),
                "{error}"
            );
        }
    }
}

#[test]
fn a_scheduled_job_can_be_cancelled() {
    let platform = Platform::up();
    let file = example("bin-days.xlsx");
    let at = SystemClock.now().plus(Duration::from_hours(1)).to_string();
    let job = platform.send(&file, "Bin day", &["--at", &at]);
    let id = job[0]["id"].as_str().unwrap();
    assert_eq!(
        platform.answer(&["job", "status", id])[0]["status"],
        "scheduled"
    );
    platform.answer(&["job", "cancel", id]);
    assert_eq!(
        platform.answer(&["job", "status", id])[0]["status"],
        "cancelled"
    );
    let again = platform.run(&["job", "cancel", id]);
    assert_eq!(
        (again.status.code(), stderr(&again).lines().count()),
        (Some(1), 1)
    );
}

#[test]
fn the_demo_runs_and_exits() {
    let directory = tempfile::tempdir().unwrap();
    let mut demo = crate::platform::pillarbox();
    demo.args(["demo", "--exit", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(directory.path().join("demo"));
    let output = demo.output().unwrap();
    let story = stdout(&output);
    assert!(output.status.success(), "{story}\n{}", stderr(&output));
    for part in [
        "bin-days-with-errors.csv",
        "library-cards.csv: 200 rows",
        "bin-days.xlsx: 200 rows",
        "401 messages",
        "sink list",
    ] {
        assert!(story.contains(part), "{part} is missing in\n{story}");
    }
}
