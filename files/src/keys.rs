//! Every path that we ever write.

use std::fmt;

use object_store::path::Path;
use uuid::Uuid;

/// The place of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// An uploaded spreadsheet as CSV, sealed (`docs/spec/workers.md` §4.3).
    pub fn spreadsheet(service: Uuid, job: Uuid) -> Self {
        Self(format!("spreadsheets/service-{service}-notify/{job}.csv"))
    }

    /// A contact list as CSV, sealed.
    pub fn contact_list(service: Uuid, list: Uuid) -> Self {
        Self(format!("contact-lists/service-{service}/{list}.csv"))
    }

    /// The pages of a letter, as they are printed or as they were given; sealed.
    pub fn letter_pdf(service: Uuid, notification: Uuid) -> Self {
        Self(format!("letters/service-{service}/{notification}.pdf"))
    }

    /// A file that a recipient downloads, sealed with the key in the link (`docs/spec/public-api.md` §9).
    pub fn document(service: Uuid, document: Uuid) -> Self {
        Self(format!("documents/service-{service}/{document}"))
    }

    /// A file that belongs to an e-mail template; sealed (`docs/spec/public-api.md` §9.3).
    pub fn template_file(service: Uuid, file: Uuid) -> Self {
        Self(format!("template-files/service-{service}/{file}"))
    }

    pub(crate) fn path(&self) -> Path {
        Path::from(self.0.as_str())
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
