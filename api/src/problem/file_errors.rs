//! Texts about files that are sent by e-mail (`docs/spec/public-api.md` §9).

use app::{
    accept::FileFieldError,
    documents::{FileRejected, SUPPORTED},
};
use serde_json::Value;
use text::python_repr;

use super::{display_value, unexpected_keys};

/// Describes each error of a file value (`docs/spec/public-api.md` §9.1).
pub(super) fn describe_all(faults: &[FileFieldError]) -> Vec<String> {
    faults.iter().map(describe).collect()
}

fn describe(fault: &FileFieldError) -> String {
    match fault {
        FileFieldError::Unknown(keys) => {
            let keys: Vec<String> = keys
                .iter()
                .map(|key| display_value(&Value::from(key.as_str())))
                .collect();
            unexpected_keys(&keys).unwrap_or_default()
        }
        FileFieldError::File(value) => format!("file {} is not of type string", plain(value)),
        FileFieldError::IsCsv(value) => not_a_boolean("is_csv", value),
        FileFieldError::Confirm(value) => not_a_boolean("confirm_email_before_download", value),
        FileFieldError::Retention(value) => format!(
            "retention_period Unsupported value for retention_period: {}. Supported periods are from 1 to 78 weeks.",
            plain(value)
        ),
        FileFieldError::FileName => {
            "filename `filename` must end with a file extension. For example, filename.csv"
                .to_owned()
        }
        FileFieldError::IsCsvWithFileName => {
            "Do not set a value for `is_csv` if `filename` is set.".to_owned()
        }
    }
}

fn not_a_boolean(key: &str, value: &Value) -> String {
    format!(
        "{key} Unsupported value for {key}: {}. Use a boolean true or false value.",
        plain(value)
    )
}

/// Writes a value without its quotes; apostrophes are removed as everywhere in these texts.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\'', ""),
        other => python_repr(other).replace('\'', ""),
    }
}

/// Describes why a file is rejected. The wording is ours where the contract has none.
pub(crate) fn file_rejected(refused: FileRejected) -> String {
    match refused {
        FileRejected::NotBase64 => "Document is not base64 encoded".to_owned(),
        FileRejected::Empty => "File is empty".to_owned(),
        FileRejected::TooLarge { limit_bytes } => {
            format!("File is larger than {}", display_size(limit_bytes))
        }
        FileRejected::NameTooLong { limit } => {
            format!("Filename cannot be longer than {limit} characters")
        }
        FileRejected::Type {
            extension: Some(extension),
        } => {
            format!("Unsupported file type '{extension}'. Supported types are: {SUPPORTED}")
        }
        FileRejected::Type { extension: None } => {
            format!("Unsupported file type. Supported types are: {SUPPORTED}")
        }
        FileRejected::OtherType { extension } => {
            format!("File type does not match the file: its contents are not {extension}")
        }
        FileRejected::Virus => "File did not pass the virus scan".to_owned(),
        FileRejected::ExternalService(why) => why,
    }
}

/// Writes a size in the largest unit that is exact, as `2MB`.
fn display_size(bytes: u64) -> String {
    const KILO: u64 = 1 << 10;
    const MEGA: u64 = 1 << 20;
    if bytes >= MEGA && bytes.is_multiple_of(MEGA) {
        format!("{}MB", bytes / MEGA)
    } else if bytes >= KILO && bytes.is_multiple_of(KILO) {
        format!("{}KB", bytes / KILO)
    } else {
        format!("{bytes} bytes")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_without_apostrophes() {
        assert_eq!(
            describe(&FileFieldError::File(json!({"it's": [1, null]}))),
            "file {\"its\": [1, None]} is not of type string"
        );
        assert_eq!(
            describe(&FileFieldError::Retention(json!("a day's \"rest\""))),
            "retention_period Unsupported value for retention_period: a days \"rest\". Supported periods are from 1 \
             to 78 weeks."
        );
    }

    #[test]
    fn a_size_has_the_largest_unit_that_is_exact() {
        assert_eq!(display_size(2 << 20), "2MB");
        assert_eq!(display_size(10 << 20), "10MB");
        assert_eq!(display_size(1536 << 10), "1536KB");
        assert_eq!(display_size(100), "100 bytes");
    }
}
