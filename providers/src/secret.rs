use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

/// A password, token or key from the settings: a text, or `{ env = "NAME" }` or `{ file = "PATH" }` for one that stands
/// elsewhere. Has no `Display` and no `Serialize`, and its `Debug` hides the value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the value, for the line that puts it into a request.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, { env = \"NAME\" } or { file = \"PATH\" }")
    }

    fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
        Ok(text.into())
    }

    // A password of digits, from sources that tell numbers from texts by their looks.
    fn visit_i64<E>(self, number: i64) -> Result<Secret, E> {
        Ok(number.to_string().into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Secret, E> {
        Ok(number.to_string().into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let found = match map.next_key::<String>()?.as_deref() {
            Some("env") => from_environment(&map.next_value::<String>()?),
            Some("file") => from_file(&map.next_value::<PathBuf>()?),
            _ => {
                return Err(de::Error::custom(
                    "a secret in a table needs `env` or `file`",
                ));
            }
        };
        if map.next_key::<String>()?.is_some() {
            return Err(de::Error::custom(
                "a secret in a table has one of `env` and `file`",
            ));
        }
        found.map(Secret).map_err(de::Error::custom)
    }
}

fn from_environment(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))
}

fn from_file(path: &Path) -> Result<String, String> {
    let text = files::settings_file::read_text(path);
    let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    // Editors and `echo` end a file with a line end, and no secret has one.
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    // The tables are left out: editors would offer them for every password.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<String, String> {
        let secret = serde_json::from_value::<Secret>(value);
        secret
            .map(|secret| secret.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "[secret]");
    }

    #[test]
    fn a_secret_may_stand_in_a_file_or_in_the_environment() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\n").unwrap();
        assert_eq!(read(json!({"file": file.path()})).unwrap(), "hunter2");
        assert!(read(json!({"env": "PATH"})).unwrap().contains('/'));
        assert_eq!(read(json!("hunter2")).unwrap(), "hunter2");
        assert_eq!(read(json!(12345)).unwrap(), "12345");
    }

    #[test]
    fn a_secret_that_cannot_be_found_is_named() {
        for (value, why) in [
            (
                json!({"env": "NO_SUCH_VARIABLE"}),
                "NO_SUCH_VARIABLE is not set",
            ),
            (
                json!({"file": "/no/such/file"}),
                "cannot read /no/such/file",
            ),
            (json!({"path": "x"}), "needs `env` or `file`"),
            (json!({}), "needs `env` or `file`"),
            (
                json!({"env": "PATH", "file": "x"}),
                "one of `env` and `file`",
            ),
        ] {
            let error = read(value).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
