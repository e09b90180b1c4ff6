//! Every route refuses callers that it is not for.

use api::{Auth, routes};
use pillarbox_stories::World;
use serde_json::json;

fn filled(path: &str) -> String {
    let id = "22222222-0000-4000-8000-000000000001";
    path.split('/')
        .map(|part| match part {
            "{version}" => "1",
            part if part.starts_with('{') => id,
            part => part,
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn no_route_answers_a_caller_it_is_not_for() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let service_token = world.token(&service.id.to_string(), &service.normal.secret);
    let internal = world.token(
        pillarbox_stories::INTERNAL_CLIENT,
        pillarbox_stories::INTERNAL_SECRET,
    );
    for route in routes::all() {
        let (method, path) = (route.method.as_str(), filled(route.path));
        let status = async |authorization: Option<&str>| {
            world
                .request(method, &path, authorization, "{}")
                .await
                .status
                .as_u16()
        };
        match route.auth {
            // A link to no file gets the same page for every caller.
            Auth::Anyone if path.starts_with("/d/") => {
                assert_eq!(status(None).await, 404, "{method} {path}");
            }
            Auth::Anyone => assert_eq!(status(None).await, 200, "{method} {path}"),
            Auth::Service => {
                assert_eq!(status(None).await, 401, "{method} {path} needs a token");
                assert_eq!(
                    status(Some(&internal)).await,
                    403,
                    "{method} {path} answers an internal client"
                );
            }
            Auth::ProviderCredentials => {
                assert_eq!(status(None).await, 401, "{method} {path} needs a token");
                for stranger in [&service_token, &internal] {
                    let answered = status(Some(stranger)).await;
                    assert_eq!(answered, 403, "{method} {path} answers a stranger");
                }
            }
            // A storage gets the same response to whatever it announces.
            Auth::UnverifiedReceipt if path == "/notifications/letter/dvla" => {
                assert_eq!(status(None).await, 200, "{method} {path}");
            }
            Auth::UnverifiedReceipt => assert_eq!(status(None).await, 400, "{method} {path}"),
            // Of a provider that the settings do not name there is no endpoint.
            Auth::SignedBody => {
                let answered = status(None).await;
                assert!([400, 404].contains(&answered), "{method} {path}");
            }
            Auth::SignedLink => {
                for stranger in [None, Some(&*service_token), Some(&*internal)] {
                    let answered = status(stranger).await;
                    assert!(
                        [403, 404].contains(&answered),
                        "{method} {path} answers a stranger"
                    );
                }
            }
            Auth::Internal | Auth::Testing | Auth::InternalV2 => {
                assert_eq!(status(None).await, 401, "{method} {path} needs a token");
                assert_eq!(
                    status(Some(&service_token)).await,
                    401,
                    "{method} {path} answers a service"
                );
            }
        }
    }
}

#[tokio::test]
async fn nothing_of_one_service_is_found_under_another() {
    let world = World::new().await;
    let (ours, theirs) = (world.service("Ours").await, world.service("Theirs").await);
    let job = world
        .job(
            ours.id,
            ours.sms,
            "phone number,name,day\n07700900001,Ada,Friday\n",
        )
        .await;
    let keys = app::manage::services::list_keys(&world.app, ours.id)
        .await
        .unwrap();
    let id = theirs.id;
    for (method, path, body) in [
        ("GET", format!("/service/{id}/job/{job}"), json!({})),
        ("POST", format!("/service/{id}/job/{job}/cancel"), json!({})),
        ("POST", format!("/service/{id}/job"), json!({"id": job})),
        (
            "GET",
            format!("/service/{id}/template/{}", ours.sms),
            json!({}),
        ),
        (
            "POST",
            format!("/service/{id}/template/{}", ours.sms),
            json!({"archived": true}),
        ),
        (
            "POST",
            format!("/service/{id}/api-key/revoke/{}", keys[0].id),
            json!({}),
        ),
    ] {
        let answer = world
            .internal_request(method, &path, body.to_string())
            .await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.json);
    }
    world.run_tasks().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_get_the_legacy_error_format() {
    let world = World::new().await;
    let unknown = world.request("GET", "/v2/nothing", None, "").await;
    assert_eq!(
        (unknown.status.as_u16(), &unknown.json["result"]),
        (404, &json!("error"))
    );
    assert!(
        unknown
            .message()
            .starts_with("The requested URL was not found on the server.")
    );
    let wrong = world.request("DELETE", "/v2/notifications", None, "").await;
    assert_eq!(wrong.status, 405);
    assert_eq!(wrong.headers["content-type"], "text/html; charset=utf-8");
    assert!(wrong.headers["allow"].to_str().unwrap().contains("GET"));
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
        (
            "cache-control",
            "no-store, no-cache, private, must-revalidate",
        ),
    ] {
        assert_eq!(wrong.headers[name], value, "errors carry the headers too");
    }
    assert_eq!(wrong.headers["x-b3-traceid"].len(), 32);
}

#[tokio::test]
async fn every_answer_carries_the_ids_of_its_request_or_new_ones() {
    let world = World::new().await;
    let ids = async |headers: &[(&str, &str)]| {
        let answer = world
            .request_with("GET", "/_status?simple=1", headers, "")
            .await;
        let text = |name| answer.headers[name].to_str().unwrap().to_owned();
        (text("x-b3-traceid"), text("x-b3-spanid"))
    };
    let (trace, span) = ids(&[]).await;
    assert!(trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(span.starts_with("self-") && span.len() == 21, "{span}");
    assert_ne!(ids(&[]).await.0, trace, "new ones each time");

    let amazon = [("x-amzn-trace-id", "Root=1"), ("x-amz-cf-id", "front")];
    assert_eq!(ids(&amazon[..1]).await.0, "Root=1");
    assert_eq!(ids(&amazon).await.0, "front");
    let all = [
        amazon[0],
        amazon[1],
        ("x-b3-traceid", "t"),
        ("x-b3-spanid", "s"),
    ];
    assert_eq!(ids(&all).await, ("t".to_owned(), "s".to_owned()));
    assert_eq!(ids(&[("x-b3-traceid", ""), amazon[0]]).await.0, "Root=1");
}

#[tokio::test]
async fn every_route_lists_its_methods_to_authorized_callers() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let service_token = world.token(&service.id.to_string(), &service.normal.secret);
    let internal = world.token(
        pillarbox_stories::INTERNAL_CLIENT,
        pillarbox_stories::INTERNAL_SECRET,
    );
    for route in routes::all() {
        let (method, path) = (route.method.as_str(), route.path);
        let url = filled(path);
        let authorization = match route.auth {
            Auth::Service => Some(&*service_token),
            Auth::Internal | Auth::Testing | Auth::InternalV2 => Some(&*internal),
            _ => None,
        };
        if authorization.is_some() {
            let nobody = world.request("OPTIONS", &url, None, "").await;
            assert_eq!(nobody.status, 401, "OPTIONS {path} needs a token");
        }
        let answer = world.request("OPTIONS", &url, authorization, "").await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.text),
            (200, ""),
            "OPTIONS {path}"
        );
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        let allowed = answer.headers["allow"].to_str().unwrap();
        assert!(
            allowed.contains(method) && allowed.ends_with("OPTIONS"),
            "{path}: {allowed}"
        );
        assert_eq!(
            allowed.contains("HEAD"),
            allowed.contains("GET"),
            "{path}: {allowed}"
        );
        let wrong = world.request("PATCH", &url, None, "").await;
        assert_eq!(
            (wrong.status.as_u16(), &wrong.headers["allow"]),
            (405, &answer.headers["allow"])
        );
    }
    let list = world
        .request("OPTIONS", "/v2/notifications", Some(&service_token), "")
        .await;
    assert_eq!(list.headers["allow"], "HEAD, GET, OPTIONS");
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let service_token = world.token(&service.id.to_string(), &service.normal.secret);
    for path in [
        "/",
        "/_status",
        "/v2/notifications",
        "/v2/received-text-messages",
    ] {
        let get = world.request("GET", path, Some(&service_token), "").await;
        let head = world.request("HEAD", path, Some(&service_token), "").await;
        assert_eq!((head.status, &*head.text), (get.status, ""), "{path}");
        assert_eq!(
            head.headers["content-type"], get.headers["content-type"],
            "{path}"
        );
    }
    assert_eq!(
        world
            .request("HEAD", "/v2/notifications", None, "")
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_line_or_a_header_that_is_too_long_is_turned_away() {
    let world = World::new().await;
    let long = format!("/_status?simple={}", "x".repeat(4094));
    for (path, headers) in [
        (&*long, vec![]),
        ("/_status", vec![("x-long", "x".repeat(8200))]),
    ] {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let answer = world.request_with("GET", path, &headers, "").await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    }
    let fits = format!("/_status?simple={}", "x".repeat(4000));
    assert_eq!(world.request("GET", &fits, None, "").await.status, 200);
}

#[tokio::test]
async fn the_status_says_what_the_database_is_and_how_many_services_are_live() {
    let world = World::new().await;
    let status = world.request("GET", "/_status", None, "").await;
    assert_eq!(status.json["db_version"], app::schema_version());
    for key in ["build_time", "git_commit", "db_bulk_version"] {
        assert!(status.json.as_object().unwrap().contains_key(key), "{key}");
    }
    let simple = world
        .request("POST", "/_status?simple=1&simple=", None, "")
        .await;
    assert_eq!(simple.json, json!({"status": "ok"}));

    let counts = async || {
        let path = "/_status/live-service-and-organisation-counts";
        world.request("GET", path, None, "").await.json
    };
    assert_eq!(counts().await, json!({"organisations": 0, "services": 0}));
    let trial = world.service("Riverside Council").await;
    let live = world.service("Hilltop Council").await;
    assert_eq!(counts().await, json!({"organisations": 0, "services": 2}));
    for (service, change) in [
        (&trial, json!({"restricted": true})),
        (&live, json!({"active": false})),
    ] {
        let path = format!("/service/{}", service.id);
        world
            .internal_request("POST", &path, change.to_string())
            .await;
    }
    assert_eq!(counts().await, json!({"organisations": 0, "services": 0}));
}
