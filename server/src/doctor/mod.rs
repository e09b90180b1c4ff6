//! `pillarbox doctor`: looks at everything that an installation needs, one after the other, and says what it found.
//!
//! It changes nothing but a sample file, which it removes, and may run beside the platform.

mod outside;
mod stored;

use serde::Serialize;

use crate::settings::{self, Settings};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) subject: String,
    /// How it is.
    pub(crate) state: State,
    /// What was found, and what to do about it.
    pub(crate) sentence: String,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works, and should be looked at.
    Warning,
    /// The platform does not work, or will not.
    Problem,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Finding {
    fn new(subject: impl Into<String>, state: State, sentence: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            state,
            sentence: sentence.into(),
        }
    }

    /// Turns the outcome of a check into what was found.
    fn of(subject: impl Into<String>, outcome: anyhow::Result<String>) -> Self {
        match outcome {
            Ok(sentence) => Self::new(subject, State::Ok, sentence),
            Err(error) => Self::new(subject, State::Problem, format!("{error:#}")),
        }
    }
}

/// Looks at everything that the settings name.
pub(crate) async fn examine(settings: &Settings, unknown_variables: &[String]) -> Vec<Finding> {
    let mut found = of_settings(settings, unknown_variables);
    found.extend(stored::examine(settings).await);
    found.extend(outside::examine(settings).await);
    found
}

fn of_settings(settings: &Settings, unknown_variables: &[String]) -> Vec<Finding> {
    let unknown = unknown_variables.iter().map(|variable| {
        format!(
            "the environment variable {variable} is not a setting; `pillarbox settings` lists them"
        )
    });
    let warnings = settings::warnings(settings).into_iter().chain(unknown);
    let mut found = vec![Finding::new("settings", State::Ok, "they can be read")];
    found.extend(warnings.map(|warning| Finding::new("settings", State::Warning, warning)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_installation_is_looked_at_without_being_created() {
        let parent = tempfile::tempdir().unwrap();
        let settings = Settings {
            data_dir: parent.path().join("data"),
            ..Settings::default()
        };
        let found = examine(&settings, &["PILLARBOX_LISTN".to_owned()]).await;
        assert!(!settings.data_dir.exists());
        let of = |subject: &'static str| found.iter().filter(move |one| one.subject == subject);
        assert!(of("settings").any(|one| one.sentence.contains("PILLARBOX_LISTN")));
        assert_eq!(of("data directory").next().unwrap().state, State::Warning);
        assert!(
            found.iter().all(|one| one.state != State::Problem),
            "{found:#?}"
        );
    }
}
