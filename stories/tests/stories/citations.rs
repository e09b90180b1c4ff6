//! Comments and documents cite the specification by path and section, and each citation must lead to a heading. Links
//! between documents must lead to a file, and the paths that guides name must exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
};

use regex::Regex;

const SPECIFICATION: &str = "docs/spec";

/// Fewer citations than this mean that the test no longer finds them.
const FEWEST_CITATIONS: usize = 300;

static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        (?<external>(?:ISO|RFC)[ /A-Z]*\ [0-9]+)
        | `(?<titled>[A-Za-z/-]+\.md)`\s"(?<title>[^"]+)"
        | (?<document>docs/[a-z/-]+\.md)
        | \u{a7}(?<section>[0-9A-Z]+(?:\.[0-9]+)*)"#,
    )
    .unwrap()
});

/// The numbered headings of a document, and the titles of all its headings.
#[derive(Default)]
struct Headings {
    sections: BTreeSet<String>,
    titles: BTreeSet<String>,
}

/// Documents by their path from the root of the source.
type Documents = BTreeMap<String, Headings>;

#[derive(Default)]
struct Findings {
    citations: usize,
    /// `<file>:<line>: <what leads nowhere>`
    problems: Vec<String>,
}

#[test]
fn every_citation_leads_to_a_heading() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sources = texts_below(root);
    let documents = documents(&sources);
    let mut findings = Findings::default();
    for (path, text) in &sources {
        check(path, text, &documents, &mut findings);
    }
    assert!(
        findings.problems.is_empty(),
        "citations that lead nowhere:\n{}",
        findings.problems.join("\n")
    );
    assert!(
        findings.citations >= FEWEST_CITATIONS,
        "only {} citations found",
        findings.citations
    );
}

#[test]
fn every_link_between_documents_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    // Links to other sites have a colon; the specification's examples of Markdown have neither a dot nor a slash.
    let link = Regex::new(r"\]\((?<target>[\w-]*[./][\w./-]*)[)#]").unwrap();
    let mut links = 0;
    for (path, text) in texts_below(root)
        .iter()
        .filter(|(path, _)| is_markdown(path))
    {
        let directory = root.join(path).parent().unwrap().to_owned();
        for found in link.captures_iter(text) {
            links += 1;
            let target = &found["target"];
            assert!(
                directory.join(target).exists(),
                "{path}: there is no {target}"
            );
        }
    }
    assert!(links > 20, "only {links} links found");
}

#[test]
fn every_path_that_a_guide_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let quoted = Regex::new(r"`(?<path>(?<directory>[a-z-]+)/[\w./-]+)`").unwrap();
    let mut paths = 0;
    let mut missing = Vec::new();
    for (guide, text) in texts_below(root).iter().filter(|(path, _)| is_guide(path)) {
        for found in quoted.captures_iter(text) {
            let directory = root.join(&found["directory"]);
            // Other texts with a slash are no paths of ours.
            if directory.is_dir() && !is_generated(&directory) {
                paths += 1;
                if !root.join(&found["path"]).exists() {
                    missing.push(format!("{guide}: there is no {}", &found["path"]));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(paths > 100, "only {paths} paths found");
}

/// Guides describe the source as it is. The changelog is a record, and the specification names no source.
fn is_guide(path: &str) -> bool {
    is_markdown(path)
        && path != "CHANGELOG.md"
        && !path.starts_with(SPECIFICATION)
        && (!path.contains('/') || path.starts_with("docs/"))
}

#[test]
fn a_wrong_citation_is_reported() {
    let specification = "# Workers\n\n## 4 Jobs\n\n### 4.2 Statuses\n\n## Appendix A: tasks\n";
    let documents = documents(&[
        ("docs/spec/workers.md".to_owned(), specification.to_owned()),
        ("GUIDE.md".to_owned(), "## Invariants\n".to_owned()),
    ]);
    let problems = |text: &str| {
        let mut findings = Findings::default();
        // Written with `$`, so that the test above does not take these for citations.
        check(
            "a.rs",
            &text.replace('$', "\u{a7}"),
            &documents,
            &mut findings,
        );
        findings.problems.len()
    };

    assert_eq!(problems("// `docs/spec/workers.md` $4, $4.2 and $A"), 0);
    assert_eq!(problems("// `docs/spec/workers.md`\n// $4.2"), 0);
    assert_eq!(problems("// ISO 18004 $9 and `docs/spec/workers.md` $4"), 0);
    assert_eq!(problems("// `GUIDE.md` \"Invariants\", 6"), 0);

    assert_eq!(
        problems("// `docs/spec/workers.md` $4.3"),
        1,
        "no such section"
    );
    assert_eq!(
        problems("// `docs/spec/workers.md` $4,\n// $5"),
        1,
        "the second is wrong"
    );
    assert_eq!(
        problems(&format!("// `docs/spec/{}.md`", "clerks")),
        1,
        "no such document"
    );
    assert_eq!(problems("// as in $4.2"), 1, "no document");
    assert_eq!(
        problems("// `docs/spec/workers.md`\nfn a() {}\n// $4"),
        1,
        "the document stands in another comment"
    );
    assert_eq!(problems("// `GUIDE.md` \"Promises\""), 1, "no such heading");
}

/// Checks every citation of a file, one comment or paragraph after the other.
fn check(path: &str, text: &str, documents: &Documents, findings: &mut Findings) {
    // The specification may cite its own sections without its name.
    let own = documents
        .get_key_value(path)
        .filter(|_| path.starts_with(SPECIFICATION));
    for (line, block) in blocks(path, text) {
        let mut problem = |what: &str| findings.problems.push(format!("{path}:{line}: {what}"));
        let mut cited = own;
        let mut is_external = false;
        for found in TOKEN.captures_iter(&block) {
            let whole = &found[0];
            if found.name("external").is_some() {
                is_external = true;
            } else if let Some(document) = found.name("document") {
                is_external = false;
                cited = documents.get_key_value(document.as_str());
                if cited.is_none() {
                    problem(&format!("there is no {whole}"));
                }
            } else if let (Some(document), Some(title)) =
                (found.name("titled"), found.name("title"))
            {
                match documents.get(document.as_str()) {
                    Some(headings) if headings.titles.contains(title.as_str()) => {}
                    _ => problem(&format!("there is no heading {whole}")),
                }
            } else if let Some(section) = found.name("section")
                && !is_external
            {
                match cited {
                    None => problem(&format!("{whole} of which document?")),
                    Some((name, headings)) if !headings.sections.contains(section.as_str()) => {
                        problem(&format!("{name} has no {whole}"));
                    }
                    Some(_) => findings.citations += usize::from(own.is_none()),
                }
            }
        }
    }
}

/// Comments, each as one text without its markers, with the number of its first line; of Markdown, its paragraphs.
fn blocks(path: &str, text: &str) -> Vec<(usize, String)> {
    let marker = match path.rsplit('.').next() {
        Some("rs") => "//",
        Some("md") => "",
        _ => "#",
    };
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut in_comment = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start();
        // A blank line ends a paragraph; in source, a line without the marker ends a comment and stands alone.
        let continues = line.starts_with(marker) && !line.is_empty();
        let content = if marker.is_empty() {
            line
        } else {
            line.trim_start_matches(['/', '!', '#'])
        };
        match blocks.last_mut() {
            Some((_, block)) if in_comment && continues => {
                block.push(' ');
                block.push_str(content.trim());
            }
            _ => blocks.push((number, content.trim().to_owned())),
        }
        in_comment = continues;
    }
    blocks
}

fn documents(sources: &[(String, String)]) -> Documents {
    let numbered = Regex::new(r"^(?:Appendix )?([0-9A-Z]+(?:\.[0-9]+)?)\b").unwrap();
    sources
        .iter()
        .filter(|(path, _)| is_markdown(path))
        .map(|(path, text)| {
            let mut headings = Headings::default();
            for line in text.lines().filter(|line| line.starts_with("##")) {
                let title = line.trim_start_matches('#').trim();
                headings.titles.insert(title.to_owned());
                if let Some(number) = numbered.captures(title) {
                    headings.sections.insert(number[1].to_owned());
                }
            }
            (path.clone(), headings)
        })
        .collect()
}

/// Every text below the root that people write, by its path. Directories are walked, since a released archive of the
/// source has no `git` to ask. Migrations are left out: what has run is not edited.
fn texts_below(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !is_generated(&path) {
                    waiting.push(path);
                }
            } else if is_text(&path) {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn is_generated(directory: &Path) -> bool {
    let name = directory.file_name().unwrap().to_string_lossy();
    // Hidden directories hold git's files; `node_modules` and `corpus` belong to tools.
    name.starts_with('.') || ["target", "vectors", "node_modules", "corpus"].contains(&&*name)
}

fn is_markdown(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|ending| ending == "md")
}

fn is_text(path: &Path) -> bool {
    let endings = ["rs", "md", "toml", "sh", "py"];
    path.extension()
        .is_some_and(|ending| endings.iter().any(|known| ending == *known))
}
