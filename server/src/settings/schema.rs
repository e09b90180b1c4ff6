//! The JSON schema of the settings, derived from their structs.

use ::providers::{EmailProvider, LetterProvider, SmsProvider};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Settings, bounds::Bounds, providers::Port};

/// The providers as they stand in the settings file: tables with settings of their own, by `kind`.
#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ProviderTables {
    /// E-mail providers. Without one, e-mails go to the sink.
    #[schemars(default, schema_with = "tables::<dyn EmailProvider>")]
    email: Vec<Value>,
    /// SMS providers. Without one, text messages go to the sink.
    #[schemars(default, schema_with = "tables::<dyn SmsProvider>")]
    sms: Vec<Value>,
    /// Letter providers. Without one, letters go to the sink.
    #[schemars(default, schema_with = "tables::<dyn LetterProvider>")]
    letter: Vec<Value>,
}

/// Returns the schema of the tables of a channel: one alternative for each kind of provider.
fn tables<P: Port + ?Sized>(generator: &mut SchemaGenerator) -> Schema {
    let kinds = P::kinds().iter();
    let alternatives: Vec<Schema> = kinds
        .map(|kind| table(kind.name, (kind.schema)(generator)))
        .collect();
    json!({"type": "array", "items": {"oneOf": alternatives}})
        .try_into()
        .expect("an object is a schema")
}

/// Adds the settings that every provider has to those of a kind.
fn table(kind: &str, mut schema: Schema) -> Schema {
    let own = schema.remove("properties").unwrap_or_default();
    let mut properties = Map::new();
    properties.insert("kind".to_owned(), json!({"const": kind}));
    properties.insert(
        "priority".to_owned(),
        json!({
            "description": "Weight of the provider against others of its channel. Later changes by `pillarbox provider set` win.",
            "type": "integer", "minimum": 0, "maximum": 100, "default": 100,
        }),
    );
    properties.insert(
        "per_second".to_owned(),
        json!({
            "description": "Messages a second, for each process that sends. Default: no limit but the provider's `concurrency`.",
            "type": "integer", "minimum": 1, "maximum": u32::MAX,
        }),
    );
    properties.insert(
        "daily_quota".to_owned(),
        json!({
            "description": "Messages a day (UTC), for all processes together. Default: no limit.",
            "type": "integer", "minimum": 1, "maximum": u32::MAX,
        }),
    );
    properties.extend(own.as_object().cloned().unwrap_or_default());
    let mut required = vec![json!("kind")];
    if let Some(Value::Array(own)) = schema.remove("required") {
        required.extend(own);
    }
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("required".to_owned(), required.into());
    schema
}

/// Returns a generator of schemas without references, which editors and [`entries`] read most easily.
pub(super) fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
}

/// A setting in the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Name with the groups before it: `log.level`.
    pub(super) path: String,
    /// The field's doc comment on one line.
    pub(super) about: String,
    pub(super) type_name: String,
    /// Of a whole number.
    pub(super) bounds: Option<Bounds>,
    /// Default as one would write it; `None` for optional settings, whose doc comment says what happens without it.
    pub(super) default: Option<String>,
}

/// Returns the JSON schema of the settings file.
pub fn schema() -> Schema {
    generator().into_root_schema_for::<Settings>()
}

/// Returns every setting that has an environment variable, in the order of the fields.
pub(super) fn entries() -> Vec<Entry> {
    let schema = schema();
    let mut entries = Vec::new();
    collect("", properties(schema.as_value()), &mut entries);
    entries
}

pub(super) fn properties(schema: &Value) -> Option<&Map<String, Value>> {
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
                bounds: Bounds::of(setting),
                default: default_text(setting),
                path,
            });
        }
        // A list of tables, as the providers are, has no environment variable.
    }
}

pub(super) fn one_line(setting: &Value) -> String {
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
        Some("integer") => match Bounds::of(setting) {
            Some(Bounds { min, max }) => format!("whole number from {min} to {max}"),
            None => "whole number".to_owned(),
        },
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
