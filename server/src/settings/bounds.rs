//! Smallest and largest values of the settings that are numbers. The schema names them, and nothing else does.

use config::Config;
use serde_json::{Map, Value};

use super::schema::{Entry, properties};

/// The smallest and the largest value of a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) min: i64,
    pub(super) max: i64,
}

impl Bounds {
    /// Reads the bounds in the schema of a setting; `None` if it is no number or has none.
    pub(super) fn of(setting: &Value) -> Option<Self> {
        Some(Self {
            min: setting.get("minimum")?.as_i64()?,
            max: setting.get("maximum")?.as_i64()?,
        })
    }

    fn check(self, name: &str, value: i128) -> Result<(), String> {
        let Self { min, max } = self;
        if value < min.into() {
            return Err(format!("the setting {name} must be at least {min}"));
        }
        if value > max.into() {
            return Err(format!("the setting {name} must be at most {max}"));
        }
        Ok(())
    }
}

/// Fails if a setting is outside its bounds. Wherever a value comes from, it is text or a number here.
pub(super) fn check(config: &Config, entries: &[Entry]) -> Result<(), String> {
    for entry in entries {
        let Some(bounds) = entry.bounds else {
            continue;
        };
        // One that is not set has its default. One that is no number has been refused already.
        let value = config.get_string(&entry.path).ok();
        if let Some(value) = value.and_then(|text| text.trim().parse().ok()) {
            bounds.check(&entry.path, value)?;
        }
    }
    Ok(())
}

/// As [`check`], for the table of a provider with the schema of its kind.
pub(super) fn check_table(table: &Map<String, Value>, schema: &Value) -> Result<(), String> {
    for (name, setting) in properties(schema).into_iter().flatten() {
        let value = table.get(name).and_then(as_integer);
        if let (Some(value), Some(bounds)) = (value, Bounds::of(setting)) {
            bounds.check(name, value)?;
        }
    }
    Ok(())
}

fn as_integer(value: &Value) -> Option<i128> {
    value.as_number()?.as_i128()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::schema;

    /// Calls `visit` with the schema of everything that has a name, in groups and in tables of providers too.
    fn walk(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
        for (name, setting) in properties(schema).into_iter().flatten() {
            let path = format!("{path}.{name}");
            visit(&path, setting);
            walk(&path, setting, visit);
            let kinds = setting["items"]["oneOf"].as_array();
            for kind in kinds.into_iter().flatten() {
                walk(&path, kind, visit);
            }
        }
    }

    #[test]
    fn every_number_has_bounds() {
        let mut count = 0;
        walk("", schema().as_value(), &mut |path, setting| {
            let types = setting["type"].to_string();
            if types.contains("integer") {
                count += 1;
                assert!(Bounds::of(setting).is_some(), "{path}: {setting}");
            }
        });
        assert!(count > 50, "{count}");
    }

    #[test]
    fn every_default_is_within_its_bounds() {
        walk("", schema().as_value(), &mut |path, setting| {
            let default = setting.get("default").and_then(as_integer);
            if let (Some(bounds), Some(default)) = (Bounds::of(setting), default) {
                bounds.check(path, default).unwrap();
            }
        });
    }
}
