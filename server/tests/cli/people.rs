//! Organisations, users and callbacks.

use serde_json::json;

use crate::platform::{Platform, stderr};

#[test]
fn organisations_users_and_callbacks_are_managed_by_commands() {
    let platform = Platform::up();
    platform.answer(&["organisation", "create", "Riverside"]);
    let organisations = platform.answer(&["organisation", "list"]);
    assert_eq!(organisations[0]["name"], "Riverside");

    platform.answer(&["user", "create", "Ada", "Ada@example.org"]);
    let join = platform.answer(&[
        "user",
        "join",
        "ada@example.org",
        "--permissions",
        "send_texts,manage_users",
    ]);
    let team = join[0]["team"].as_array().unwrap();
    let ada = team.iter().find(|one| one["name"] == "Ada").unwrap();
    assert_eq!(ada["permissions"], json!(["manage_users", "send_texts"]));
    assert_eq!(platform.answer(&["user", "list"]).len(), 2);

    let url = "https://example.org/told";
    let token = ["--bearer-token", "0123456789"];
    platform.answer(&[&["callback", "set", "delivery-status", url], &token[..]].concat());
    let shown = platform.answer(&["callback", "show", "delivery-status"]);
    assert_eq!(shown[0]["url"], url);
    let plain = [
        &["callback", "set", "complaint", "http://example.org"],
        &token[..],
    ]
    .concat();
    let refused = platform.run(&plain);
    assert_eq!(
        stderr(&refused),
        "pillarbox: url: is not a valid https url\n"
    );
}
