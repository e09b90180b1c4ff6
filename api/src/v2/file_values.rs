//! What is said about files by e-mail (`docs/spec/public-api.md` §9).

use app::{
    accept::FileFieldError,
    documents::{FileRejected, SUPPORTED},
};
use serde_json::Value;
use text::python_repr;

use super::schema::{shown, unexpected};

/// What is wrong with a file value, each fault in the words of the contract (`docs/spec/public-api.md` §9.1).
pub(crate) fn faults(faults: &[FileFieldError]) -> Vec<String> {
    faults.iter().map(fault).collect()
}

fn fault(fault: &FileFieldError) -> String {
    match fault {
        FileFieldError::Unknown(keys) => {
            let keys: Vec<String> = keys
                .iter()
                .map(|key| shown(&Value::from(key.as_str())))
                .collect();
            unexpected(&keys).unwrap_or_default()
        }
        FileFieldError::File(value) => format!("file {} is not of type string", plain(value)),
        FileFieldError::IsCsv(value) => not_a_truth("is_csv", value),
        FileFieldError::Confirm(value) => not_a_truth("confirm_email_before_download", value),
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

fn not_a_truth(key: &str, value: &Value) -> String {
    format!(
        "{key} Unsupported value for {key}: {}. Use a boolean true or false value.",
        plain(value)
    )
}

/// A value as its text: text without quotes, everything without apostrophes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\'', ""),
        other => python_repr(other).replace('\'', ""),
    }
}

/// Why a file is not taken, in our own words where the contract has none.
pub(crate) fn refused(refused: FileRejected) -> String {
    match refused {
        FileRejected::NotBase64 => "Document is not base64 encoded".to_owned(),
        FileRejected::Empty => "File is empty".to_owned(),
        FileRejected::TooLarge { limit_bytes } => {
            format!("File is larger than {}", shown_limit(limit_bytes))
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
        FileRejected::Elsewhere(why) => why,
    }
}

/// `2MB` where that is exact.
fn shown_limit(bytes: u64) -> String {
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
    fn values_are_shown_as_their_text_without_apostrophes() {
        assert_eq!(
            fault(&FileFieldError::File(json!({"it's": [1, null]}))),
            "file {\"its\": [1, None]} is not of type string"
        );
        assert_eq!(
            fault(&FileFieldError::Retention(json!("a day's \"rest\""))),
            "retention_period Unsupported value for retention_period: a days \"rest\". Supported periods are from 1 \
             to 78 weeks."
        );
    }

    #[test]
    fn a_limit_is_shown_in_the_largest_unit_that_is_exact() {
        assert_eq!(shown_limit(2 << 20), "2MB");
        assert_eq!(shown_limit(10 << 20), "10MB");
        assert_eq!(shown_limit(1536 << 10), "1536KB");
        assert_eq!(shown_limit(100), "100 bytes");
    }
}
