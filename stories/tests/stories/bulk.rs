//! Rows in one request become a job: checked like a spreadsheet, accepted as a whole or not at all, and visible to
//! their service only.

use std::time::Duration;

use app::manage::services::NewService;
use domain::Allowance;
use pillarbox_stories::{Key, TestResponse, TestService, World};
use serde_json::{Value, json};

fn rows(count: usize) -> Vec<Value> {
    let mut rows = vec![json!(["phone number", "name", "day"])];
    let people = (0..count).map(|row| json!([format!("0770090{:04}", row % 10_000), "Ada", row]));
    rows.extend(people);
    rows
}

fn order(service: &TestService, rows: &[Value]) -> Value {
    json!({"name": "Bin days", "template_id": service.sms, "rows": rows})
}

async fn bulk(world: &World, key: &Key, order: &Value) -> TestResponse {
    world.post(key, "/v2/notifications/bulk", order).await
}

async fn request(world: &World, key: &Key, method: &str, path: &str) -> TestResponse {
    let token = world.token(&key.service.to_string(), &key.secret);
    world.request(method, path, Some(&token), "").await
}

fn path_of(job: &TestResponse) -> String {
    format!("/v2/jobs/{}", job.json["id"].as_str().unwrap())
}

fn messages(answer: &TestResponse) -> Vec<&str> {
    let errors = answer.json["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|one| one["message"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn every_row_of_a_request_becomes_a_message() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let mut order = order(&service, &rows(1200));
    order["reference"] = json!("spring");
    let made = bulk(&world, &service.normal, &order).await;
    assert_eq!(made.status, 201, "{}", made.json);
    assert_eq!(
        (
            &made.json["status"],
            &made.json["notification_count"],
            &made.json["statistics"]
        ),
        (&json!("pending"), &json!(1200), &json!({}))
    );
    assert_eq!(
        made.json,
        world.get(&service.normal, &path_of(&made)).await.json
    );
    world.run_tasks().await;
    let done = world.get(&service.normal, &path_of(&made)).await.json;
    assert_eq!(
        (&done["status"], &done["rows_kept"], &done["statistics"]),
        (&json!("finished"), &json!(1200), &json!({"sending": 1200}))
    );
    let taken = world.sms.accepted();
    assert_eq!(taken.len(), 1200);
    assert!(
        taken
            .iter()
            .any(|sms| sms.content.contains("Ada, your bin day is 1199"))
    );
    let listed = world
        .get(
            &service.normal,
            "/v2/notifications?include_jobs=true&reference=spring",
        )
        .await;
    assert_eq!(listed.json["notifications"].as_array().unwrap().len(), 250);
}

#[tokio::test]
async fn a_bulk_request_accepts_csv_and_references_per_row() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let order = json!({
        "name": "One person",
        "template_id": service.email,
        "csv": "email address,name,day,reference\nada@example.com,\"Ada \"\"A\"\" L\",Friday,mine\n",
        "reference": "theirs",
    });
    assert_eq!(bulk(&world, &service.normal, &order).await.status, 201);
    world.run_tasks().await;
    assert_eq!(world.email.accepted()[0].subject, "Hello Ada “A” L");
    let listed = world
        .get(&service.normal, "/v2/notifications?include_jobs=true")
        .await;
    assert_eq!(listed.json["notifications"][0]["reference"], "mine");
}

#[tokio::test]
async fn a_bulk_request_with_errors_names_rows_and_columns_and_sends_nothing() {
    let world = World::new().await;
    let (service, other) = (world.service("Ours").await, world.service("Other").await);
    let mut bad = rows(3);
    bad[2][0] = json!("0770");
    bad[3][1] = json!(null);
    let refused = bulk(&world, &service.normal, &order(&service, &bad)).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json["status_code"]),
        (400, &json!(400))
    );
    let said = messages(&refused);
    assert_eq!(said[0], "2 of 3 rows have errors, nothing was sent");
    assert!(
        said[1].starts_with("Row 3, column phone number: "),
        "{said:?}"
    );
    assert_eq!(said[2], "Row 4, column name: Missing");

    let many: Vec<Value> = rows(1)
        .into_iter()
        .take(1)
        .chain((0..150).map(|_| json!(["0770", "Ada", "Friday"])))
        .collect();
    let refused = bulk(&world, &service.normal, &order(&service, &many)).await;
    assert_eq!(
        messages(&refused)[0],
        "150 of 150 rows have errors, nothing was sent"
    );
    assert_eq!(messages(&refused).len(), 101, "the first hundred are named");

    let very_many: Vec<Value> = rows(1)
        .into_iter()
        .chain((0..5_000).map(|_| json!(["0770", "Ada", "Friday"])))
        .collect();
    let refused = bulk(&world, &service.normal, &order(&service, &very_many)).await;
    assert_eq!(
        messages(&refused)[0],
        "1000 of the first 1001 rows have errors, the rest was not checked, nothing was sent"
    );

    let with = |key: &str, value: Value| {
        let mut order = order(&service, &rows(1));
        order[key] = value;
        order
    };
    for (order, message) in [
        (json!({}), "rows or csv is a required property"),
        (json!({"rows": rows(1)}), "name is a required property"),
        (
            order(&service, &rows(0)),
            "the file has no rows after its header",
        ),
        (
            with("csv", json!("a")),
            "rows and csv must not both be given",
        ),
        (
            with("rows", json!([["name", "day"], ["Ada", "Friday"]])),
            "these columns are missing: phone number",
        ),
        (with("template_id", json!(other.sms)), "Template not found"),
        (
            with("scheduled_for", json!("soon")),
            "scheduled_for datetime format is invalid.",
        ),
        (
            with("scheduled_for", json!("2026-03-01")),
            "scheduled_for datetime can not be in the past",
        ),
        (
            with("scheduled_for", json!("2026-03-10")),
            "scheduled_for datetime can only be 7 days in the future",
        ),
        (
            with("sms_sender_id", json!(service.id)),
            &format!(
                "sms_sender_id {} does not exist in database for service id {}",
                service.id, service.id
            ),
        ),
        (
            with("reply_to_id", json!(service.id)),
            "reply_to_id can only be given for emails",
        ),
        (
            with("colour", json!(1)),
            "Additional properties are not allowed (colour was unexpected)",
        ),
        (
            with("rows", json!([["phone number"], [{}]])),
            "invalid type: map, expected a cell, which is text, a number or null",
        ),
        (json!(12), "invalid type: integer `12`, expected an object"),
    ] {
        let refused = bulk(&world, &service.normal, &order).await;
        assert_eq!(refused.status, 400, "{order}");
        assert!(
            refused.message().starts_with(message),
            "{order}: {}",
            refused.json
        );
    }
    assert_eq!(
        world.get(&service.normal, "/v2/jobs").await.json["jobs"],
        json!([])
    );
    assert_eq!(world.run_tasks().await, 0);
    let kept = std::fs::read_dir(world.files().join("spreadsheets"));
    let kept = kept
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|one| std::fs::read_dir(one.path()));
    assert_eq!(kept.flatten().count(), 0, "no file of refused rows is kept");
}

#[tokio::test]
async fn a_row_longer_than_the_header_is_refused_in_lists_of_cells() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let long = json!(["07700900001", "Smith", "Zo", "Friday"]);
    let rows = [json!(["phone number", "name", "day"]), long];
    let answer = bulk(&world, &service.normal, &order(&service, &rows)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(messages(&answer), ["row 2 has more cells than the header"]);
    let blank = json!(["07700900001", "Smith", "Friday", "", null]);
    let rows = [rows[0].clone(), blank];
    let answer = bulk(&world, &service.normal, &order(&service, &rows)).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
}

#[tokio::test]
async fn a_row_longer_than_the_header_is_refused_in_csv() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let with = |csv: &str| json!({"name": "Bins", "template_id": service.sms, "csv": csv});
    let long = with("phone number,name,day\n07700900001,Zo,Friday\n07700900002,Smith, Zo,Friday\n");
    let answer = bulk(&world, &service.normal, &long).await;
    assert_eq!(answer.status, 400, "{}", answer.json);
    assert_eq!(messages(&answer), ["row 3 has more cells than the header"]);
    let blank = with("phone number,name,day\n07700900001,Zo,Friday,,\n");
    let answer = bulk(&world, &service.normal, &blank).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    world.run_tasks().await;
}

#[tokio::test]
async fn a_job_has_at_most_a_hundred_thousand_rows() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let refused = bulk(&world, &service.normal, &order(&service, &rows(100_001))).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.message(),
        "100001 rows are more than a file may have: split it"
    );
}

#[tokio::test]
async fn a_scheduled_job_can_be_cancelled_and_no_other() {
    let world = World::new().await;
    let (service, other) = (world.service("Ours").await, world.service("Other").await);
    let mut order = order(&service, &rows(1));
    order["scheduled_for"] = json!("2026-03-02T13:00:00+01:00");
    let made = bulk(&world, &service.normal, &order).await;
    assert_eq!(
        (&made.json["status"], &made.json["scheduled_for"]),
        (&json!("scheduled"), &json!("2026-03-02T12:00:00.000000Z"))
    );
    for method in ["GET", "DELETE"] {
        let theirs = request(&world, &other.normal, method, &path_of(&made)).await;
        assert_eq!(theirs.status, 404, "{method}");
    }
    let trying = request(&world, &service.test, "DELETE", &path_of(&made)).await;
    assert_eq!(trying.status, 403, "a test key stops nothing that is meant");
    let cancelled = request(&world, &service.normal, "DELETE", &path_of(&made)).await;
    assert_eq!(
        (cancelled.status.as_u16(), &cancelled.json["status"]),
        (200, &json!("cancelled"))
    );
    let again = request(&world, &service.normal, "DELETE", &path_of(&made)).await;
    assert_eq!(
        (again.status.as_u16(), again.message()),
        (
            409,
            "Only a job that is scheduled, paused or stopped with an error can be cancelled, and this one is cancelled"
        )
    );
    let kept = bulk(&world, &service.normal, &order).await;
    world.advance(Duration::from_hours(4));
    world.run_schedule().await;
    assert_eq!(
        world.sms.accepted().len(),
        1,
        "the one that was not cancelled"
    );
    let late = request(&world, &service.normal, "DELETE", &path_of(&kept)).await;
    assert_eq!(
        late.message(),
        "Only a job that is scheduled, paused or stopped with an error can be cancelled, and this one is finished"
    );
    let wrong = request(&world, &service.normal, "GET", "/v2/jobs/nonsense").await;
    assert_eq!(wrong.message(), "job_id is not a valid UUID");
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages_and_by_type_of_key() {
    let world = World::new().await;
    let (service, other) = (world.service("Ours").await, world.service("Other").await);
    let theirs = bulk(&world, &other.normal, &order(&other, &rows(1))).await;
    bulk(&world, &service.test, &order(&service, &rows(1))).await;
    let mut made = Vec::new();
    for _ in 0..51 {
        let job = bulk(&world, &service.normal, &order(&service, &rows(1))).await;
        made.insert(0, job.json["id"].clone());
    }
    let ids = |page: &TestResponse| -> Vec<Value> {
        let jobs = page.json["jobs"].as_array().unwrap();
        jobs.iter().map(|job| job["id"].clone()).collect()
    };
    let first = world.get(&service.normal, "/v2/jobs").await;
    assert_eq!(ids(&first), made[..50]);
    assert_eq!(
        first.json["links"]["current"],
        "http://api.example.org/v2/jobs"
    );
    let next = first.json["links"]["next"].as_str().unwrap();
    let second = world
        .get(
            &service.normal,
            next.strip_prefix("http://api.example.org").unwrap(),
        )
        .await;
    assert_eq!(ids(&second), made[50..]);
    let foreign = format!(
        "/v2/jobs?older_than={}",
        theirs.json["id"].as_str().unwrap()
    );
    let none = world.get(&service.normal, &foreign).await;
    assert_eq!(
        (ids(&none).len(), none.json["links"].get("next")),
        (0, None)
    );
    let wrong = world
        .get(&service.normal, "/v2/jobs?older_than=x&page=2")
        .await;
    assert_eq!(
        messages(&wrong),
        [
            "older_than is not a valid UUID",
            "Additional properties are not allowed (page was unexpected)"
        ]
    );
    world.run_tasks().await;
}

#[tokio::test]
async fn a_quota_too_small_for_the_whole_job_takes_no_row() {
    let world = World::new().await;
    let new = NewService {
        rate_limit: 100_000,
        limits: [(Allowance::Sms, 10)].into(),
        ..NewService::named("Capped")
    };
    let service = world.service_with(new).await;
    assert_eq!(
        bulk(&world, &service.normal, &order(&service, &rows(7)))
            .await
            .status,
        201
    );
    world.run_tasks().await;
    world.advance(Duration::from_secs(2));
    let refused = bulk(&world, &service.normal, &order(&service, &rows(4))).await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.message(),
        "Exceeded send limits (sms: 10) for today"
    );
    assert!(
        refused.headers["ratelimit"]
            .to_str()
            .unwrap()
            .starts_with("\"sms-day\";r=3;t=")
    );
    let mut tomorrow = order(&service, &rows(9));
    tomorrow["scheduled_for"] = json!("2026-03-03T08:00:00");
    assert_eq!(
        bulk(&world, &service.normal, &tomorrow).await.status,
        201,
        "tomorrow has room"
    );
    let never = bulk(&world, &service.normal, &order(&service, &rows(11))).await;
    assert_eq!(
        (never.status.as_u16(), never.message()),
        (
            400,
            "11 rows are more than the 10 messages you may send in a day"
        )
    );
    let tried = bulk(&world, &service.test, &order(&service, &rows(11))).await;
    assert_eq!(tried.status, 201, "what a test key sends is not counted");
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 7);
}

#[tokio::test]
async fn a_team_key_reaches_the_team_and_a_test_key_reaches_nobody() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    app::manage::services::add_guest(&world.app, service.id, "07700900001")
        .await
        .unwrap();
    let to = |number: &str| {
        let rows = [
            json!(["phone number", "name", "day"]),
            json!([number, "Ada", "Friday"]),
        ];
        order(&service, &rows)
    };
    let stranger = bulk(&world, &service.team, &to("07700900002")).await;
    assert_eq!(stranger.status, 400);
    assert!(
        stranger.message().ends_with("and the key is a team key"),
        "{}",
        stranger.json
    );
    let guest = bulk(&world, &service.team, &to("07700900001")).await;
    assert_eq!(guest.status, 201);
    let tried = bulk(&world, &service.test, &to("07700900002")).await;
    assert_eq!(tried.status, 201);
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 1, "the guest");
    let tried = world.get(&service.test, &path_of(&tried)).await;
    assert_eq!(tried.json["statistics"], json!({"permanent-failure": 1}));
    for (key, count) in [(&service.team, 1), (&service.test, 1), (&service.normal, 0)] {
        let listed = world.get(key, "/v2/notifications?include_jobs=true").await;
        assert_eq!(
            listed.json["notifications"].as_array().unwrap().len(),
            count
        );
    }
}

#[tokio::test]
async fn rows_that_are_sent_twice_with_one_key_are_one_job() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (other, body) = (
        world.another_client(),
        order(&service, &rows(20)).to_string(),
    );
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let headers = [
        ("authorization", token.as_str()),
        ("idempotency-key", "spring"),
    ];
    let path = "/v2/notifications/bulk";
    let at_once =
        [world.client(), &other].map(|door| door.request("POST", path, &headers, body.clone()));
    let answers = futures::future::join_all(at_once).await;
    let later = world.client().request("POST", path, &headers, body).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 201 && answer.json == later.json)
    );
    assert_eq!(later.headers["idempotent-replay"], "true");
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 20);
    assert_eq!(
        world.get(&service.normal, "/v2/jobs").await.json["jobs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn what_looks_wrong_with_the_rows_is_said() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let lacking = json!([
        ["phone number", "first name", "day"],
        ["07700900123", "Ada", "Friday"]
    ]);
    let refused = bulk(
        &world,
        &service.normal,
        &order(&service, lacking.as_array().unwrap()),
    )
    .await;
    let said = messages(&refused);
    assert_eq!(said[0], "these columns are missing: name");
    assert!(
        said.iter().any(|one| one.contains("first name")),
        "the columns that were found: {said:?}"
    );

    let mut twice = order(&service, &[rows(1), rows(1)[1..].to_vec()].concat());
    let created = bulk(&world, &service.normal, &twice).await;
    assert_eq!(created.status, 201, "{}", created.json);
    let warnings = created.json["warnings"].as_array().unwrap();
    assert!(
        warnings[0]
            .as_str()
            .unwrap()
            .contains("row 3 repeats the phone number of row 2"),
        "{warnings:?}"
    );
    // An open quotation mark has made one cell of two rows: one message in place of two, and no error.
    let swallowed = "phone number,name,day\n07700900123,\"Ada,Friday\n07700900124,Bo\",Monday\n";
    twice.as_object_mut().unwrap().remove("rows");
    twice["csv"] = swallowed.into();
    let created = bulk(&world, &service.normal, &twice).await;
    assert_eq!(created.status, 201, "{}", created.json);
    assert!(
        created.json["warnings"][0]
            .as_str()
            .unwrap()
            .contains("look like rows"),
        "{}",
        created.json
    );
    let found = world.get(&service.normal, &path_of(&created)).await;
    assert!(found.json.get("warnings").is_none());
    world.run_tasks().await;
}
