/// Why something that the platform is set up with – an organisation, a service, a sender – cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no such thing, or it is another service's.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// What was given for these fields makes no sense.
    #[error("{}", joined(.0))]
    Fields(Vec<(&'static str, String)>),
    /// It must not be done as things are.
    #[error("{0}")]
    Refused(String),
    /// There is one already.
    #[error("{0}")]
    Taken(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

impl AdminError {
    /// What was given for this field makes no sense.
    pub(crate) fn field(name: &'static str, why: impl Into<String>) -> Self {
        Self::Fields(vec![(name, why.into())])
    }

    pub(crate) fn rejected(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }

    /// For a statement that a unique index may refuse: what it means if it does.
    pub(crate) fn if_taken(meaning: impl FnOnce() -> Self) -> impl FnOnce(store::Error) -> Self {
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

/// A name for people: some text, without spaces around it.
pub(crate) fn name_of(text: &str) -> Result<String, AdminError> {
    const MAX_CHARACTERS: usize = 255;
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
    if name.chars().any(char::is_control) {
        return Err(AdminError::field("name", "Cannot hold control characters."));
    }
    Ok(name.to_owned())
}
