//! The JSON schema of the settings, derived from their structs.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::{Map, Value};

use super::Settings;

/// The providers as they stand in the settings file: tables with settings of their own, by `kind`.
#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ProviderTables {
    /// E-mail providers. Without one, e-mails go to the sink.
    #[schemars(default)]
    email: Vec<ProviderTable>,
    /// SMS providers. Without one, text messages go to the sink.
    #[schemars(default)]
    sms: Vec<ProviderTable>,
    /// Letter providers. Without one, letters go to the sink.
    #[schemars(default)]
    letter: Vec<ProviderTable>,
}

/// A provider and its share of the messages of its channel.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct ProviderTable {
    /// Kind of the provider, which decides what other settings it has.
    kind: String,
    /// Weight of the provider against others of its channel.
    #[schemars(range(max = 100), default = "default_priority")]
    priority: u32,
}

const fn default_priority() -> u32 {
    100
}

/// A setting in the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Name with the groups before it: `log.level`.
    pub(super) path: String,
    /// The field's doc comment on one line.
    pub(super) about: String,
    pub(super) type_name: String,
    /// Default as one would write it; `None` for optional settings, whose doc comment says what happens without it.
    pub(super) default: Option<String>,
}

/// Returns the JSON schema of the settings file.
pub fn schema() -> Schema {
    let generator =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    generator
        .into_generator()
        .into_root_schema_for::<Settings>()
}

/// Returns every setting that has an environment variable, in the order of the fields.
pub(super) fn entries() -> Vec<Entry> {
    let schema = schema();
    let mut entries = Vec::new();
    collect("", properties(schema.as_value()), &mut entries);
    entries
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

fn collect(prefix: &str, settings: Option<&Map<String, Value>>, entries: &mut Vec<Entry>) {
    for (name, setting) in settings.into_iter().flatten() {
        let path = format!("{prefix}{name}");
        if let Some(group) = properties(setting) {
            collect(&format!("{path}."), Some(group), entries);
        } else if setting["type"] != "array" {
            entries.push(Entry {
                about: one_line(setting),
                type_name: type_name(setting),
                default: default_text(setting),
                path,
            });
        }
        // A list of tables, as the providers are, has no environment variable.
    }
}

fn one_line(setting: &Value) -> String {
    let about = setting["description"].as_str().unwrap_or_default();
    about.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn type_name(setting: &Value) -> String {
    if let Some(choices) = setting["oneOf"].as_array() {
        let choices = choices.iter().filter_map(|choice| choice["const"].as_str());
        let choices: Vec<String> = choices.map(|choice| format!("`{choice}`")).collect();
        return choices.join(" or ");
    }
    // An optional setting has the types "string" and "null".
    let first = setting["type"].as_array().and_then(|types| types.first());
    match first.unwrap_or(&setting["type"]).as_str() {
        Some("integer") => "whole number".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        _ => "text".to_owned(),
    }
}

fn default_text(setting: &Value) -> Option<String> {
    match setting.get("default")? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_docs_is_fresh() {
        let file = include_str!("../../../docs/settings.schema.json");
        let fresh = format!("{:#}\n", schema().as_value());
        assert_eq!(file, fresh, "run `make fresh`");
    }

    #[test]
    fn every_setting_has_a_type_and_a_reference_text() {
        for entry in entries() {
            assert!(entry.about.ends_with('.'), "{entry:?}");
        }
        let all = entries();
        let find = |path: &str| all.iter().find(|entry| entry.path == path).unwrap();
        assert_eq!(find("log.format").type_name, "`text` or `json`");
        assert_eq!(find("log.format").default.as_deref(), Some("text"));
        assert_eq!(find("lease_seconds").default.as_deref(), Some("30"));
        assert_eq!(find("time_zone").default.as_deref(), Some("Europe/London"));
        assert_eq!(find("database").type_name, "text");
        assert_eq!(find("database").default, None);
    }
}
