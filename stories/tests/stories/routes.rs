//! Every route is in the caller table, and each is attacked.

use std::collections::BTreeSet;

use api::router::{Callers, ROUTES};
use serde_json::json;
use stories::World;

fn filled(path: &str) -> String {
    let id = "22222222-0000-4000-8000-000000000001";
    [
        "{id}",
        "{service}",
        "{key}",
        "{template}",
        "{job}",
        "{task}",
    ]
    .iter()
    .fold(path.replace("{version}", "1"), |path, part| {
        path.replace(part, id)
    })
}

#[tokio::test]
async fn no_route_answers_a_caller_it_is_not_for() {
    let world = World::new().await;
    let council = world.service("Riverside Council").await;
    let service = world.token(&council.id.to_string(), &council.normal.secret);
    let internal = world.token(stories::INTERNAL_CLIENT, stories::INTERNAL_SECRET);
    for (method, path, callers) in ROUTES {
        let path = filled(path);
        let status = async |authorization: Option<&str>| {
            world
                .ask(method, &path, authorization, "{}")
                .await
                .status
                .as_u16()
        };
        match callers {
            Callers::Anybody => assert_eq!(status(None).await, 200, "{method} {path}"),
            Callers::Service => {
                assert_eq!(status(None).await, 401, "{method} {path} answers nobody");
                assert_eq!(
                    status(Some(&internal)).await,
                    403,
                    "{method} {path} answers an internal client"
                );
            }
            Callers::Internal => {
                assert_eq!(status(None).await, 401, "{method} {path} answers nobody");
                assert_eq!(
                    status(Some(&service)).await,
                    401,
                    "{method} {path} answers a service"
                );
            }
        }
    }
    world.end().await;
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
    let keys = app::services::list_keys(&world.app, ours.id).await.unwrap();
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
        let answer = world.ask_internally(method, &path, body.to_string()).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.json);
    }
    world.run_tasks().await;
    world.end().await;
}

#[tokio::test]
async fn the_table_and_the_router_name_the_same_paths() {
    let source = include_str!("../../../api/src/router.rs");
    let (_, router) = source.split_once("Router::new()").unwrap();
    let answered: BTreeSet<&str> = router
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.starts_with('/'))
        .collect();
    let listed: BTreeSet<&str> = ROUTES.iter().map(|(_, path, _)| *path).collect();
    assert_eq!(answered, listed);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_told_so_in_the_old_shape() {
    let world = World::new().await;
    let unknown = world.ask("GET", "/v2/nothing", None, "").await;
    assert_eq!(
        (unknown.status.as_u16(), &unknown.json["result"]),
        (404, &json!("error"))
    );
    assert!(
        unknown
            .message()
            .starts_with("The requested URL was not found on the server.")
    );
    let wrong = world.ask("DELETE", "/v2/notifications", None, "").await;
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
    world.end().await;
}
