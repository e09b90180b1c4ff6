//! Requests that are rejected: methods that no route has, files that are too large.

use std::{collections::BTreeSet, sync::Arc, task::Poll, time::Duration};

use api::{Api, routes};
use app::{App, Dependencies, Providers};
use axum::{
    body::{Body, Bytes, to_bytes},
    http::Request,
};
use files::Files;
use futures::{StreamExt as _, stream};
use pillarbox_stories::{INTERNAL_CLIENT, INTERNAL_SECRET, SeededRandom, World};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt as _;

#[tokio::test]
async fn a_method_without_a_route_is_not_served() {
    let world = World::new().await;
    let internal = world.token(INTERNAL_CLIENT, INTERNAL_SECRET);
    let paths: BTreeSet<&str> = routes::all().iter().map(|route| route.path).collect();
    for path in paths {
        let listed: Vec<&str> = routes::all()
            .iter()
            .filter(|route| route.path == path)
            .map(|route| route.method.as_str())
            .collect();
        let example = path.replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"]
            .iter()
            .filter(|method| !listed.contains(method))
        {
            let answer = world.request(method, &example, Some(&internal), "{}").await;
            assert_eq!(
                answer.status, 405,
                "{method} {path} is served, and is no route"
            );
        }
    }
}

/// Uploads to the same platform under other settings.
async fn upload_under(
    world: &World,
    settings: app::Settings,
    path: &str,
    file: String,
) -> (u16, Value) {
    let foundations = Dependencies {
        store: world.app.store().clone(),
        files: Files::open("memory:").unwrap(),
        providers: Providers::default(),
        foreign_files: app::foreign_files::ForeignFiles::in_this_process(),
        clock: world.clock.clone(),
        intake: None,
        random: Arc::new(SeededRandom::new(11)),
    };
    let router = api::router(Api::new(
        App::new(settings, foundations),
        api::Settings {
            internal_client_id: INTERNAL_CLIENT.to_owned(),
            internal_secrets: vec![INTERNAL_SECRET.to_owned().into()],
            ..api::Settings::default()
        },
    ));
    let token = world.token(INTERNAL_CLIENT, INTERNAL_SECRET);
    let request = Request::post(path)
        .header("authorization", token)
        .body(Body::from(file))
        .unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn a_file_with_too_many_bytes_or_rows_is_refused() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!(
        "/service/{}/spreadsheet?template_id={}",
        service.id, service.sms
    );
    let file = "phone number,name,day\n".to_owned() + &"07700900001,Ada,Friday\n".repeat(20);

    let small = app::Settings {
        max_upload_bytes: 100,
        ..app::Settings::default()
    };
    let (status, answer) = upload_under(&world, small, &path, file.clone()).await;
    assert_eq!(
        (status, &answer["message"]),
        (413, &"the file is larger than 100 bytes: split it".into())
    );

    let short = app::Settings {
        max_spreadsheet_rows: 5,
        ..app::Settings::default()
    };
    let (status, answer) = upload_under(&world, short, &path, file).await;
    assert_eq!((status, &answer["data"]["valid"]), (201, &false.into()));
    assert!(
        answer["data"]["problems"]
            .to_string()
            .contains("20 rows are more than a file may have"),
        "{answer}"
    );
}

/// Returns a router of the same platform with this timeout.
fn with_patience(world: &World, serve_timeout: std::time::Duration) -> axum::Router {
    let settings = api::Settings {
        internal_client_id: INTERNAL_CLIENT.to_owned(),
        internal_secrets: vec![INTERNAL_SECRET.to_owned().into()],
        serve_timeout,
        ..api::Settings::default()
    };
    api::router(Api::new(world.app.clone(), settings))
}

#[tokio::test]
async fn a_timeout_is_reported_in_the_error_format_of_the_route() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let router = with_patience(&world, std::time::Duration::from_millis(50));
    let asked = async |path: &str| {
        // A body that never ends.
        let body = futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
        let request = Request::post(path)
            .header("authorization", &token)
            .body(Body::from_stream(body))
            .unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let has_headers = answer.headers().contains_key("x-b3-traceid");
        assert!(has_headers, "{path}: errors carry the headers too");
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        (status, body)
    };
    let text = "Timeout serving request";
    let v2 = json!({
        "errors": [{"error": "SoftEventletTimeout", "message": text}], "status_code": 504,
    });
    assert_eq!(asked("/v2/notifications/sms").await, (504, v2));
    let old = json!({"message": text, "result": "error"});
    assert_eq!(asked("/notifications/sms/mmg").await, (504, old));
}

/// A body of which this much arrives at once, and nothing after it. Tells when somebody waits for the rest.
fn stalled(beginning: &'static str) -> (Body, Arc<Notify>) {
    let waited_for = Arc::new(Notify::new());
    let waits = waited_for.clone();
    let rest = stream::poll_fn(move |_| {
        waits.notify_one();
        Poll::<Option<Result<Bytes, std::io::Error>>>::Pending
    });
    let beginning = stream::iter([Ok(Bytes::from_static(beginning.as_bytes()))]);
    (Body::from_stream(beginning.chain(rest)), waited_for)
}

#[tokio::test]
async fn a_body_that_stands_still_is_cut_off_with_a_408() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let internal = world.token(INTERNAL_CLIENT, INTERNAL_SECRET);
    let of_service = world.token(&service.id.to_string(), &service.normal.secret);
    let bodies = [
        format!(
            "/service/{}/spreadsheet?template_id={}&file_name=a.csv",
            service.id, service.sms
        ),
        format!("/service/{}/contact-list?template_type=sms", service.id),
        format!("/service/{}/template", service.id),
        "/notifications/sms/mmg".to_owned(),
        "/v2/notifications/sms".to_owned(),
    ];
    for path in bodies {
        let (body, waited_for) = stalled("phone number,name,day\n");
        let is_v2 = path.starts_with("/v2/");
        let token = if is_v2 { &of_service } else { &internal };
        let sent = world.request("POST", &path, Some(token), body);
        let time_passes = async {
            waited_for.notified().await;
            // Only now, because the connections to the database have time limits of their own.
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(21)).await;
            tokio::time::resume();
        };
        let (answer, ()) = futures::join!(sent, time_passes);
        assert_eq!(answer.status, 408, "{path}: {}", answer.json);
        if is_v2 {
            assert_eq!(answer.json["status_code"], 408, "{path}");
        } else {
            assert_eq!(answer.json["result"], "error", "{path}");
        }
    }
}
