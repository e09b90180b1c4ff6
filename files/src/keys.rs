//! Every path that the platform writes.

use std::fmt;

use object_store::path::Path;
use uuid::Uuid;

/// The folders of all paths.
pub const FOLDERS: [&str; 10] = [
    "spreadsheets",
    "contact-lists",
    "letters",
    "letter-originals",
    "letter-uploads",
    "letter-attachments",
    "letter-logos",
    "response-files",
    "documents",
    "template-files",
];

/// Path of a file within the storage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Returns the path of an uploaded spreadsheet, stored as sealed CSV (`docs/spec/workers.md` §4.3).
    pub fn spreadsheet(service: Uuid, job: Uuid) -> Self {
        Self(format!("spreadsheets/service-{service}-notify/{job}.csv"))
    }

    /// Returns the path of a contact list, stored as sealed CSV.
    pub fn contact_list(service: Uuid, list: Uuid) -> Self {
        Self(format!("contact-lists/service-{service}/{list}.csv"))
    }

    /// Returns the path of a letter's PDF, typeset or uploaded; stored sealed.
    pub fn letter_pdf(service: Uuid, notification: Uuid) -> Self {
        Self(format!("letters/service-{service}/{notification}.pdf"))
    }

    /// Returns the path of what is known of a supplied letter that failed validation: JSON, stored sealed
    /// (`docs/spec/letters.md` §3).
    pub fn letter_validation(service: Uuid, notification: Uuid) -> Self {
        Self(format!(
            "letters/service-{service}/{notification}.invalid.json"
        ))
    }

    /// Returns the path of a supplied letter as it was received, before it was rewritten for the printer; stored sealed. `day`
    /// is that on which it was accepted.
    pub fn letter_original(day: &str, service: Uuid, notification: Uuid) -> Self {
        let Self(folder) = Self::letter_originals_of(day);
        Self(format!("{folder}/service-{service}/{notification}.pdf"))
    }

    /// Returns the folder of the original letters of a day.
    pub fn letter_originals_of(day: &str) -> Self {
        Self(format!("letter-originals/{day}"))
    }

    /// Returns the path of a letter that was uploaded and not yet sent; stored sealed. `day` is that of the upload.
    pub fn letter_upload(day: &str, service: Uuid, upload: Uuid) -> Self {
        let Self(folder) = Self::letter_uploads_of(day);
        Self(format!("{folder}/service-{service}/{upload}.pdf"))
    }

    /// Returns the path of what is known of an uploaded letter: JSON, stored sealed.
    pub fn letter_upload_facts(day: &str, service: Uuid, upload: Uuid) -> Self {
        let Self(folder) = Self::letter_uploads_of(day);
        Self(format!("{folder}/service-{service}/{upload}.json"))
    }

    /// Returns the folder of the uploaded letters of a day.
    pub fn letter_uploads_of(day: &str) -> Self {
        Self(format!("letter-uploads/{day}"))
    }

    /// Returns the path of pages that are appended to letters of a template; stored sealed.
    pub fn letter_attachment(service: Uuid, attachment: Uuid) -> Self {
        Self(format!(
            "letter-attachments/service-{service}/{attachment}.pdf"
        ))
    }

    /// Returns the path of the logo at the head of a service's letters; stored sealed.
    pub fn letter_logo(service: Uuid, logo: Uuid) -> Self {
        Self(format!("letter-logos/service-{service}/{logo}.png"))
    }

    /// Returns the path of a response file of a print provider that an operator has uploaded; stored sealed.
    pub fn response_file(upload: Uuid) -> Self {
        Self(format!("response-files/{upload}.txt"))
    }

    /// Returns the path of a file that a recipient downloads, sealed with the key in its link
    /// (`docs/spec/public-api.md` §9).
    pub fn document(service: Uuid, document: Uuid) -> Self {
        Self(format!("documents/service-{service}/{document}"))
    }

    /// Returns the path of a file attached to an e-mail template; stored sealed (`docs/spec/public-api.md` §9.3).
    pub fn template_file(service: Uuid, file: Uuid) -> Self {
        Self(format!("template-files/service-{service}/{file}"))
    }

    /// Returns the path of one of the [`FOLDERS`].
    pub fn folder(name: &'static str) -> Self {
        debug_assert!(FOLDERS.contains(&name), "{name} is one of the folders");
        Self(name.to_owned())
    }

    /// Returns the service in the path, and what the file is named after: a job, a list, a notification … `None` if the
    /// platform writes no such path for a service.
    pub fn owner(&self) -> Option<(Uuid, Uuid)> {
        let (folders, name) = self.0.rsplit_once('/')?;
        let (_, service) = folders.rsplit_once("/service-")?;
        let service = service.strip_suffix("-notify").unwrap_or(service);
        let id = name.split('.').next()?;
        Some((service.parse().ok()?, id.parse().ok()?))
    }

    /// Returns the path of a file that the storage lists.
    pub(crate) fn of_listed(path: &Path) -> Self {
        Self(path.to_string())
    }

    pub(crate) fn path(&self) -> Path {
        Path::from(self.0.as_str())
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_in_a_folder_of_the_list() {
        let id = Uuid::nil();
        for key in [
            Key::spreadsheet(id, id),
            Key::contact_list(id, id),
            Key::letter_pdf(id, id),
            Key::letter_validation(id, id),
            Key::letter_original("2026-11-30", id, id),
            Key::letter_upload("2026-11-30", id, id),
            Key::letter_upload_facts("2026-11-30", id, id),
            Key::letter_attachment(id, id),
            Key::letter_logo(id, id),
            Key::response_file(id),
            Key::document(id, id),
            Key::template_file(id, id),
        ] {
            let folder = key.as_str().split('/').next().unwrap();
            assert!(FOLDERS.contains(&folder), "{key}");
        }
    }

    #[test]
    fn a_path_of_a_service_names_its_owner() {
        let (service, id) = (Uuid::from_u128(7), Uuid::from_u128(8));
        for key in [
            Key::spreadsheet(service, id),
            Key::contact_list(service, id),
            Key::letter_pdf(service, id),
            Key::letter_validation(service, id),
            Key::letter_original("2026-11-30", service, id),
            Key::letter_upload("2026-11-30", service, id),
            Key::letter_attachment(service, id),
            Key::letter_logo(service, id),
            Key::document(service, id),
            Key::template_file(service, id),
        ] {
            assert_eq!(key.owner(), Some((service, id)), "{key}");
        }
        assert_eq!(Key::response_file(id).owner(), None);
        assert_eq!(Key::folder("letters").owner(), None);
    }
}
