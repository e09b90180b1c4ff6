//! Files among the values of an e-mail, and those of its template (`docs/spec/public-api.md` §9).

use domain::Private;
use serde_json::{Map, Value};
use store::template_files::TemplateFile;
use templates::placeholders::name_key;

use super::{AcceptError, is_file, is_simulated};
use crate::{
    App, Caller,
    documents::{self, Bytes, DEFAULT_WEEKS, FileRequest, MAX_WEEKS, PreparedFile, template_files},
};

/// What is wrong with a file value. Its public wording is in `api`.
#[derive(Debug, Clone, PartialEq)]
pub enum FileFieldError {
    /// Keys that a file does not have.
    Unknown(Vec<String>),
    /// The file itself is not text.
    File(Value),
    /// `is_csv` is neither true nor false.
    IsCsv(Value),
    /// `confirm_email_before_download` is neither true nor false.
    Confirm(Value),
    /// `retention_period` is not an allowed number of weeks.
    Retention(Value),
    /// `filename` has no extension.
    FileName,
    /// `is_csv` is given together with `filename`.
    IsCsvWithFileName,
}

const KEYS: [&str; 5] = [
    "file",
    "is_csv",
    "confirm_email_before_download",
    "retention_period",
    "filename",
];

/// Fills the placeholders of the template's files, so that step 7 does not miss them. Their links are known at step
/// 10.
pub(super) fn insert_placeholder_links(
    personalisation: &mut Map<String, Value>,
    files: &[TemplateFile],
) {
    for file in files {
        put(personalisation, file, "(a link)".to_owned());
    }
}

/// Inserts a value under the name of a template's file, and removes other spellings of that name.
fn put(personalisation: &mut Map<String, Value>, file: &TemplateFile, value: String) {
    let key = name_key(&file.file_name);
    personalisation.retain(|name, _| name_key(name) != key);
    personalisation.insert(file.file_name.clone(), value.into());
}

/// Step 10. Checks the files of an e-mail and replaces them by their links. Nothing is stored yet. Returns `None` if
/// there are no files, and an empty list if nothing is to be stored.
pub(super) async fn process_files(
    app: &App,
    caller: &Caller,
    own: &[TemplateFile],
    personalisation: &mut Map<String, Value>,
    recipient: &str,
) -> Result<Option<Vec<PreparedFile>>, AcceptError> {
    let has_sent = personalisation.values().any(is_file);
    if !has_sent && own.is_empty() {
        return Ok(None);
    }
    let service = &caller.tenant.service;
    let sent = personalisation
        .iter_mut()
        .filter(|(_, value)| is_file(value));
    let sent: Vec<(&mut Value, Sent)> = sent
        .map(|(_, value)| check(value).map(|file| (value, file)))
        .collect::<Result<_, _>>()
        .map_err(AcceptError::FileValue)?;
    if has_sent && service.contact_link.as_deref().is_none_or(str::is_empty) {
        return Err(AcceptError::FilesNotSetUp);
    }
    // Nothing is stored for these recipients, and their links lead to a test document.
    let is_simulated = is_simulated(recipient);
    let mut drafts = Vec::new();
    for (value, file) in sent {
        let link = if is_simulated {
            test_document(app, caller)
        } else {
            let draft = documents::prepare(app, service.id, file.order(recipient)).await?;
            let link = draft.link.reveal().clone();
            drafts.push(draft);
            link
        };
        *value = link.into();
    }
    for file in own {
        let link = if is_simulated {
            test_document(app, caller)
        } else {
            let order = template_files::request(app, file, recipient).await;
            let order = order.map_err(AcceptError::Files)?;
            let draft = documents::prepare(app, service.id, order).await?;
            let link = draft.link.reveal().clone();
            drafts.push(draft);
            link
        };
        put_link(personalisation, file, link);
    }
    Ok(Some(drafts))
}

fn test_document(app: &App, caller: &Caller) -> String {
    format!(
        "{}/services/{}/documents/test-document",
        app.settings.files_root, caller.tenant.service.id
    )
}

/// Inserts the link to a template's file.
pub(crate) fn put_link(
    personalisation: &mut Map<String, Value>,
    file: &TemplateFile,
    link: String,
) {
    put(personalisation, file, shown(file, link));
}

/// Returns the link, with the link text of the file if it has one.
fn shown(file: &TemplateFile, link: String) -> String {
    match file.link_text.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => format!("[{text}]({link})"),
        None => link,
    }
}

/// A file value that was checked.
#[derive(Debug)]
struct Sent {
    file: Private<String>,
    is_csv: bool,
    confirm: bool,
    weeks: u32,
    retention_period: Option<String>,
    file_name: Option<Private<String>>,
}

impl Sent {
    fn order(self, recipient: &str) -> FileRequest {
        FileRequest {
            bytes: Bytes::Base64(self.file),
            is_csv: self.is_csv,
            confirm: self.confirm.then(|| recipient.to_owned().into()),
            weeks: self.weeks,
            retention_period: self.retention_period,
            file_name: self.file_name,
            identity: None,
        }
    }
}

/// Takes the file out of a value, or returns all its errors in the order of the contract (`docs/spec/public-api.md`
/// §9.1).
fn check(value: &mut Value) -> Result<Sent, Vec<FileFieldError>> {
    let members = value.as_object_mut().expect("a file value is an object");
    let mut faults = Vec::new();
    let mut unknown: Vec<String> = members
        .keys()
        .filter(|key| !KEYS.contains(&key.as_str()))
        .cloned()
        .collect();
    // Before the other errors, unlike in a request body (`docs/spec/public-api.md` §5.3).
    if !unknown.is_empty() {
        unknown.sort();
        faults.push(FileFieldError::Unknown(unknown));
    }
    let member = |key: &str| members.get(key).filter(|value| !value.is_null()).cloned();
    if !members["file"].is_string() {
        faults.push(FileFieldError::File(members["file"].clone()));
    }
    let mut truth = |key: &str, fault: fn(Value) -> FileFieldError| match member(key) {
        None => None,
        Some(Value::Bool(truth)) => Some(truth),
        Some(other) => {
            faults.push(fault(other));
            None
        }
    };
    let is_csv = truth("is_csv", FileFieldError::IsCsv);
    let confirm = truth("confirm_email_before_download", FileFieldError::Confirm);
    let retention = member("retention_period");
    let weeks = retention.as_ref().map_or(Some(DEFAULT_WEEKS), weeks_of);
    if weeks.is_none() {
        faults.extend(retention.clone().map(FileFieldError::Retention));
    }
    let file_name = member("filename");
    if file_name.as_ref().is_some_and(|name| !has_dot(name)) {
        faults.push(FileFieldError::FileName);
    }
    if members.contains_key("is_csv") && members.contains_key("filename") {
        faults.push(FileFieldError::IsCsvWithFileName);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    Ok(Sent {
        is_csv: is_csv.unwrap_or(false),
        confirm: confirm.unwrap_or(true),
        weeks: weeks.unwrap_or(DEFAULT_WEEKS),
        retention_period: retention.and_then(text),
        file_name: file_name.and_then(text).map(Private::new),
        file: members
            .remove("file")
            .and_then(text)
            .unwrap_or_default()
            .into(),
    })
}

fn has_dot(name: &Value) -> bool {
    name.as_str().is_some_and(|name| name.contains('.'))
}

/// Parses `<n> week` or `<n> weeks`, either for any number, in any case and with spaces around it.
fn weeks_of(value: &Value) -> Option<u32> {
    let text = value.as_str()?.trim().to_lowercase();
    let number = text
        .strip_suffix(" weeks")
        .or_else(|| text.strip_suffix(" week"))?;
    let weeks: u32 = number.parse().ok()?;
    // One spelling of each number: neither `+2` nor `02`.
    (weeks.to_string() == number && (1..=MAX_WEEKS).contains(&weeks)).then_some(weeks)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(mut value: Value) -> Vec<FileFieldError> {
        check(&mut value).err().unwrap_or_default()
    }

    #[test]
    fn weeks_are_a_number_from_1_to_78_and_a_word() {
        for (text, weeks) in [
            ("1 week", 1),
            ("1 weeks", 1),
            ("78 weeks", 78),
            ("78 WEEK", 78),
            ("\n 52 Weeks ", 52),
        ] {
            assert_eq!(weeks_of(&json!(text)), Some(weeks), "{text}");
        }
        for text in [
            "0 weeks", "79 weeks", "02 weeks", "+2 weeks", "2  weeks", "2weeks", "weeks", "2",
            "1 month", "-1 weeks", "",
        ] {
            assert_eq!(weeks_of(&json!(text)), None, "{text}");
        }
        assert_eq!(weeks_of(&json!(52)), None);
    }

    #[test]
    fn everything_that_is_wrong_with_a_file_is_found_in_the_order_of_the_contract() {
        let value = json!({
            "filename": "report", "retention_period": 5, "confirm_email_before_download": "maybe", "is_csv": 1,
            "file": {"a": 1}, "b": 1, "a": 2,
        });
        assert_eq!(
            faults(value),
            [
                FileFieldError::Unknown(vec!["a".to_owned(), "b".to_owned()]),
                FileFieldError::File(json!({"a": 1})),
                FileFieldError::IsCsv(json!(1)),
                FileFieldError::Confirm(json!("maybe")),
                FileFieldError::Retention(json!(5)),
                FileFieldError::FileName,
                FileFieldError::IsCsvWithFileName,
            ]
        );
    }

    #[test]
    fn null_counts_as_not_said_but_for_csv_beside_a_name() {
        let nothing = json!({
            "file": "YWJj", "confirm_email_before_download": null, "retention_period": null, "filename": null,
        });
        assert_eq!(faults(nothing), []);
        assert_eq!(
            faults(json!({"file": "YWJj", "is_csv": null, "filename": null})),
            [FileFieldError::IsCsvWithFileName]
        );
        assert_eq!(
            faults(json!({"file": null})),
            [FileFieldError::File(json!(null))]
        );
    }
}
