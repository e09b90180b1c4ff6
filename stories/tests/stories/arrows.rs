//! Arrows between the rooms point one way.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each room may know. `stories` may know everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("content", &[]),
    ("store", &["domain"]),
    ("queue", &["store", "domain"]),
    ("files", &[]),
    ("providers", &["domain"]),
    ("typesetting", &["content", "domain"]),
    (
        "app",
        &[
            "queue",
            "store",
            "files",
            "providers",
            "typesetting",
            "content",
            "domain",
        ],
    ),
    ("api", &["app", "content", "domain"]),
    (
        "server",
        &[
            "api",
            "app",
            "queue",
            "store",
            "files",
            "providers",
            "content",
            "domain",
        ],
    ),
];

#[test]
fn no_room_knows_one_that_it_should_not() {
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
        let Some(allowed) = rooms.get(package.name.as_str()) else {
            assert_eq!(
                package.name.as_str(),
                "stories",
                "a room is missing from the table"
            );
            continue;
        };
        let known = package.dependencies.iter().filter(|dependency| {
            dependency.kind == DependencyKind::Normal && dependency.path.is_some()
        });
        for dependency in known {
            assert!(
                allowed.contains(&dependency.name.as_str()),
                "{} must not know {}",
                package.name,
                dependency.name
            );
        }
    }
}
