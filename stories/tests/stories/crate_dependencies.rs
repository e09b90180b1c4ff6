//! The dependencies between the crates point one way.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The crates that each crate may depend on. `stories` may depend on all.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("text", &[]),
    ("recipients", &["text"]),
    ("templates", &["recipients", "text", "domain"]),
    (
        "spreadsheets",
        &["templates", "recipients", "text", "domain"],
    ),
    ("store", &["files", "domain"]),
    ("queue", &["store", "domain"]),
    ("intake", &["domain"]),
    ("files", &[]),
    ("sandbox", &[]),
    ("providers", &["files", "recipients", "domain"]),
    ("typesetting", &["templates", "text", "domain"]),
    (
        "app",
        &[
            "queue",
            "intake",
            "store",
            "files",
            "providers",
            "typesetting",
            "sandbox",
            "spreadsheets",
            "templates",
            "recipients",
            "text",
            "domain",
        ],
    ),
    (
        "api",
        &[
            "app",
            "providers",
            "templates",
            "recipients",
            "text",
            "domain",
        ],
    ),
    (
        "server",
        &[
            "api",
            "app",
            "queue",
            "intake",
            "store",
            "files",
            "providers",
            "domain",
        ],
    ),
    // Used by tests only.
    ("vector-runner", &[]),
];

#[test]
fn crates_depend_only_on_allowed_crates() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec();
    let metadata = metadata.expect("cargo knows the workspace");
    let rooms: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    assert_eq!(
        metadata.packages.len(),
        ARROWS.len() + 1,
        "a room is missing from the table"
    );
    for package in &metadata.packages {
        let room = room_of(&package.name);
        let Some(allowed) = rooms.get(room) else {
            assert_eq!(room, "stories", "a room is missing from the table");
            continue;
        };
        let known = package.dependencies.iter().filter(|dependency| {
            dependency.kind == DependencyKind::Normal && dependency.path.is_some()
        });
        for dependency in known {
            assert!(
                allowed.contains(&room_of(&dependency.name)),
                "{} must not know {}",
                package.name,
                dependency.name
            );
        }
    }
}

/// Returns the folder of one of our packages, which is its name without the prefix that all of them share.
fn room_of(package: &str) -> &str {
    package
        .strip_prefix("pillarbox-")
        .expect("every package of the workspace is named pillarbox-…")
}
