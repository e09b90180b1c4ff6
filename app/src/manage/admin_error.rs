/// An error of creating or changing something that the platform manages, such as an organisation, a service or a
/// sender.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// It does not exist, or belongs to another service.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// These fields have invalid values.
    #[error("{}", joined(.0))]
    Fields(Vec<(&'static str, String)>),
    /// The present state does not allow it.
    #[error("{0}")]
    Rejected(String),
    /// It exists already.
    #[error("{0}")]
    Conflict(String),
    /// The database failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

impl AdminError {
    /// Returns an error about the value of one field.
    pub(crate) fn field(name: &'static str, why: impl Into<String>) -> Self {
        Self::Fields(vec![(name, why.into())])
    }

    pub(crate) fn rejected(why: impl Into<String>) -> Self {
        Self::Rejected(why.into())
    }

    /// Maps a violated unique constraint to the error that it means; other database errors pass through.
    pub(crate) fn if_exists(meaning: impl FnOnce() -> Self) -> impl FnOnce(store::Error) -> Self {
        |error| match error {
            store::Error::Exists => meaning(),
            other => Self::Store(other),
        }
    }
}

fn joined(fields: &[(&'static str, String)]) -> String {
    fields
        .iter()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect::<Vec<_>>()
        .join("; ")
}

/// Checks and trims a name shown to people.
pub(crate) fn valid_name(text: &str) -> Result<String, AdminError> {
    const MAX_CHARACTERS: usize = 255;
    // Spaces around a name are typing errors, and two names that differ in nothing else look the same.
    let name = text.trim();
    if name.is_empty() {
        return Err(AdminError::field("name", "Cannot be blank."));
    }
    if name.chars().count() > MAX_CHARACTERS {
        return Err(AdminError::field(
            "name",
            format!("Cannot be longer than {MAX_CHARACTERS} characters."),
        ));
    }
    // Names are printed on terminals and in log lines.
    if name.chars().any(char::is_control) {
        return Err(AdminError::field("name", "Cannot hold control characters."));
    }
    Ok(name.to_owned())
}
