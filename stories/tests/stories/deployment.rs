//! The files in `deploy` name metrics that exist, alerts have a paragraph that says what to do, and units and probes ask for
//! what the program has.

use std::{collections::BTreeSet, fs, path::PathBuf, sync::LazyLock};

use regex::Regex;

static METRIC: LazyLock<Regex> = LazyLock::new(|| Regex::new("pillarbox_[a-z0-9_]+").unwrap());

fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the names of metrics in a text, those of a histogram without what Prometheus appends.
fn metrics(text: &str) -> BTreeSet<String> {
    let names = METRIC.find_iter(text).map(|found| found.as_str());
    let plain = names.map(|name| {
        let ends = ["_bucket", "_count", "_sum"];
        ends.iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name)
    });
    plain.map(str::to_owned).collect()
}

fn lines_after<'text>(text: &'text str, start: &str) -> BTreeSet<&'text str> {
    let rest = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(start));
    rest.collect()
}

#[test]
fn alerts_and_dashboards_name_metrics_that_exist() {
    let described = metrics(&read("server/src/metrics.rs"));
    for file in [
        "deploy/monitoring/alerts.yaml",
        "deploy/monitoring/dashboard.json",
    ] {
        let used = metrics(&read(file));
        assert!(used.len() > 10, "{file}");
        let unknown: Vec<_> = used.difference(&described).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn each_alert_has_a_paragraph_that_says_what_to_do() {
    let (rules, manual) = (
        read("deploy/monitoring/alerts.yaml"),
        read("docs/operate.md"),
    );
    let alerts = lines_after(&rules, "- alert: ");
    let paragraphs: BTreeSet<_> = lines_after(&manual, "### Pillarbox").into_iter().collect();
    let alerts: BTreeSet<_> = alerts
        .iter()
        .map(|name| name.trim_start_matches("Pillarbox"))
        .collect();
    assert!(alerts.len() > 10);
    assert_eq!(alerts, paragraphs);
}

#[test]
fn settings_that_deployments_pass_in_the_environment_exist() {
    let settings = read("docs/settings.md");
    let variable = Regex::new("PILLARBOX_[A-Z_]+").unwrap();
    // What is in a file is set by the caller; these two are no settings of the program.
    let others = ["PILLARBOX_CONFIG"];
    for file in [
        "deploy/compose/embedded.yaml",
        "deploy/compose/distributed.yaml",
        "deploy/kubernetes/kustomization.yaml",
        "deploy/container/Containerfile",
        "deploy/systemd/pillarbox.service",
        "deploy/systemd/pillarbox@.service",
    ] {
        for found in variable.find_iter(&read(file)) {
            let name = found.as_str();
            let is_known = others.contains(&name) || settings.contains(&format!("`{name}`"));
            assert!(is_known, "{file}: {name} is no setting");
        }
    }
}

#[test]
fn processes_are_alive_while_their_database_is_away() {
    for role in ["api", "worker", "saver", "clock"] {
        let text = read(&format!("deploy/kubernetes/{role}.yaml"));
        let probe = text
            .split("livenessProbe")
            .nth(1)
            .expect("each process has one");
        let path = probe.lines().nth(1).unwrap();
        assert!(path.contains("/_status?simple=1"), "{role}: {path}");
    }
}
