//! The oldest compiler that builds the program is declared once, and every package inherits it.
//!
//! `make check` runs clippy, which reports parts of the standard library that are newer than `rust-version`. Cargo
//! refuses to build with an older compiler.

use cargo_metadata::{MetadataCommand, semver::Version};

#[test]
fn every_package_promises_the_same_compiler() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let promised = promised_version();
    for package in &metadata.packages {
        assert_eq!(
            package.rust_version.as_ref(),
            Some(&promised),
            "{}: rust-version.workspace = true is missing",
            package.name
        );
    }
}

#[test]
fn no_dependency_needs_a_newer_compiler() {
    let metadata = MetadataCommand::new().exec().unwrap();
    let promised = promised_version();
    let newer: Vec<_> = metadata
        .packages
        .iter()
        .filter(|package| {
            package
                .rust_version
                .as_ref()
                .is_some_and(|needed| *needed > promised)
        })
        .map(|package| format!("{} {}", package.name, package.version))
        .collect();
    assert!(
        newer.is_empty(),
        "need more than Rust {promised}: {newer:?}"
    );
}

/// `rust-version` of the workspace, which this package inherits.
fn promised_version() -> Version {
    let mut text = env!("CARGO_PKG_RUST_VERSION").to_owned();
    while text.matches('.').count() < 2 {
        text.push_str(".0");
    }
    text.parse().unwrap()
}
