//! The top-level modules of a crate form no circle, so that each can be read, tested and moved without the others.
//!
//! The dependencies are read from the sources: paths that begin with `crate::`, or with enough `super::`. The crate
//! root is left out, because every module may use the handle that is defined there. A name that the root only
//! re-exports counts as its module.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// For each module the modules that it uses, each with a file that does.
type Graph = BTreeMap<String, BTreeMap<String, PathBuf>>;

/// The crates that are free of circles.
const CRATES: &[&str] = &[
    "api",
    "app",
    "domain",
    "files",
    "intake",
    "providers",
    "queue",
    "recipients",
    "server",
    "spreadsheets",
    "store",
    "templates",
    "text",
    "typesetting",
];

#[test]
fn modules_form_no_circle() {
    let circles: Vec<String> = CRATES.iter().filter_map(|one| circle_of(one)).collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write(
        "lib.rs",
        "mod a;\nmod b;\nmod c;\nmod d;\npub use c::{Shown, Other as Named};\n",
    );
    write("a.rs", "use crate::{b::{Item, self}, Root};\n");
    write("d.rs", "use super::a;\n");
    write(
        "b.rs",
        "// crate::a is only mentioned\nfn f(_: crate::Shown) {}\n",
    );
    write("c.rs", "#[cfg(test)]\nmod tests {\n    use crate::b;\n}\n");
    assert_eq!(find_circle(&graph_of(directory.path())), None);
    write("c.rs", "fn f() { crate::a::g(); }\n");
    let circle = find_circle(&graph_of(directory.path())).unwrap();
    assert_eq!(circle, ["a", "b", "c"]);
}

/// Returns a description of a circle of modules, if a crate has one.
fn circle_of(crate_name: &str) -> Option<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(crate_name)
        .join("src");
    let graph = graph_of(&source);
    // Sources that were not found would pass as well.
    assert!(
        graph.len() > 1,
        "{crate_name} has the modules {:?}",
        graph.keys()
    );
    let circle = find_circle(&graph)?;
    let steps = circle.iter().zip(circle.iter().cycle().skip(1));
    let steps: Vec<String> = steps
        .map(|(from, to)| format!("{from} uses {to} in {}", graph[from][to].display()))
        .collect();
    Some(format!(
        "modules of {crate_name} form a circle:\n{}",
        steps.join("\n")
    ))
}

fn graph_of(source: &Path) -> Graph {
    let mut files = Vec::new();
    collect_sources(source, &mut files);
    let module_of = |file: &Path| -> String {
        let first = file
            .strip_prefix(source)
            .unwrap()
            .components()
            .next()
            .unwrap();
        let name = first.as_os_str().to_str().unwrap();
        name.trim_end_matches(".rs").to_owned()
    };
    let modules: BTreeSet<String> = files
        .iter()
        .map(|file| module_of(file))
        .filter(|module| !["lib", "main"].contains(&module.as_str()))
        .collect();
    let root = fs::read_to_string(source.join("lib.rs")).unwrap();
    let reexports = reexports(&code_of(&root), &modules);
    let mut graph: Graph = modules
        .iter()
        .map(|name| (name.clone(), BTreeMap::new()))
        .collect();
    for file in &files {
        let from = module_of(file);
        let Some(used) = graph.get_mut(&from) else {
            continue;
        };
        let text = fs::read_to_string(file).unwrap();
        let code = code_of(&text);
        let from_root = [
            names_after(&code, "crate::"),
            names_after(&code, &"super::".repeat(depth_of(file, source))),
        ];
        for name in from_root.into_iter().flatten() {
            let to = reexports.get(&name).unwrap_or(&name);
            if modules.contains(to) && *to != from {
                used.entry(to.clone())
                    .or_insert_with(|| file.strip_prefix(source).unwrap().to_owned());
            }
        }
    }
    graph
}

/// Returns how many modules a file lies below the crate root: a `mod.rs` counts as its folder.
fn depth_of(file: &Path, source: &Path) -> usize {
    let depth = file.strip_prefix(source).unwrap().components().count();
    if file.ends_with("mod.rs") {
        depth - 1
    } else {
        depth
    }
}

fn collect_sources(directory: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect_sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
        {
            files.push(path);
        }
    }
}

/// Returns the source without line comments and without the unit tests at its end, which may use whatever they like.
fn code_of(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines();
    let code = lines.map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

/// Returns, for each item that the crate root re-exports, the module that defines it.
fn reexports(root: &str, modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut reexports = BTreeMap::new();
    for statement in root.split(';') {
        let Some((_, path)) = statement.split_once("use ") else {
            continue;
        };
        let Some((module, items)) = path.trim().split_once("::") else {
            continue;
        };
        if !modules.contains(module) {
            continue;
        }
        for item in items.trim_matches(['{', '}', '\n', ' ']).split(',') {
            let name = item.rsplit([' ', ':']).next().unwrap_or_default();
            // After the comma at the end of a list.
            if name.trim().is_empty() {
                continue;
            }
            reexports.insert(name.trim().to_owned(), module.to_owned());
        }
    }
    reexports
}

/// Returns the first name of each path after `prefix`, which may open a group: `crate::{a::B, c}` gives `a` and `c`.
fn names_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            names.extend(group_members(group).into_iter().map(first_name));
        } else {
            names.insert(first_name(rest));
        }
    }
    names
}

/// Splits an opened group at its own commas, up to its closing brace.
fn group_members(group: &str) -> Vec<&str> {
    let (mut members, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members
}

fn first_name(path: &str) -> String {
    path.trim()
        .chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

/// Returns the modules of one circle in order, each using the next and the last the first.
fn find_circle(graph: &Graph) -> Option<Vec<String>> {
    let mut left: BTreeSet<&String> = graph.keys().collect();
    // A module that uses none of those left is in no circle with them; what remains in the end has a way on, always.
    loop {
        let before = left.len();
        let leaves: Vec<&String> = left
            .iter()
            .copied()
            .filter(|module| !graph[*module].keys().any(|used| left.contains(used)))
            .collect();
        for leaf in leaves {
            left.remove(leaf);
        }
        if left.len() == before {
            break;
        }
    }
    let mut path: Vec<&String> = vec![left.first()?];
    loop {
        let here = path[path.len() - 1];
        let next = graph[here].keys().find(|used| left.contains(used))?;
        if let Some(start) = path.iter().position(|module| *module == next) {
            return Some(path[start..].iter().map(|name| (*name).clone()).collect());
        }
        path.push(next);
    }
}
