use std::{collections::BTreeSet, time::Duration};

use anyhow::bail;
use app::IntakeMode;
use providers::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The intake log: where accepted messages wait while the database is slow or away (`docs/intake.md`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Intake {
    /// Which messages are accepted by the log: `database` for none, `fallback` for those for which the database does not
    /// answer in time, `always` for all. Use `fallback` so that callers do not notice an outage of the database, `always`
    /// if they should not notice its load either.
    pub mode: Mode,
    /// Address of the log: `spool:<directory>`, on a local disk, or a RabbitMQ cluster for several machines, as in
    /// `amqps://<user>:<password>@<host>,<host>,<host>/<virtual host>`. Needed for any mode but `database`. What is in it is
    /// saved whatever the mode, so leave it set until it is empty.
    #[schemars(with = "Option<String>")]
    pub log: Option<Secret>,
    /// Ids, separated by commas, of services and templates whose messages always go to the log, whatever the mode.
    #[schemars(with = "String", extend("default" = ""))]
    pub always_for: Ids,
    /// Milliseconds that accepting a message waits for the database before it does without it. Lower it if callers must be
    /// answered sooner; raise it if the log says that the database does not answer while it is only busy.
    #[schemars(range(min = 1, max = 60_000))]
    pub patience_milliseconds: u64,
    /// Minutes for which services, API keys and templates that this process knows are used while the database does not
    /// answer. A key that is revoked elsewhere meanwhile works until then, or until the database answers.
    #[schemars(range(min = 0, max = 10_080))]
    pub cached_minutes: u64,
}

/// Which messages are accepted by the intake log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// None.
    Database,
    /// Those for which the database does not answer in time.
    Fallback,
    /// All.
    Always,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            mode: Mode::Database,
            log: None,
            always_for: Ids::default(),
            patience_milliseconds: 250,
            cached_minutes: 30,
        }
    }
}

impl Intake {
    /// Returns what `app` needs of the settings.
    pub(crate) fn rules(&self) -> app::Intake {
        app::Intake {
            mode: match self.mode {
                Mode::Database => IntakeMode::Database,
                Mode::Fallback => IntakeMode::Fallback,
                Mode::Always => IntakeMode::Always,
            },
            always_for: self.always_for.0.clone(),
            patience: Duration::from_millis(self.patience_milliseconds),
            max_stale: Duration::from_mins(self.cached_minutes),
        }
    }

    /// Opens the log, if there is one, and logs what a 201 rests on.
    pub(crate) async fn open(&self) -> anyhow::Result<Option<::intake::SharedLog>> {
        let uses_log = self.rules().uses_log();
        let Some(address) = &self.log else {
            if uses_log {
                bail!("the settings use an intake log and name none: set log in [intake]");
            }
            return Ok(None);
        };
        let log = ::intake::open(address.expose()).await?;
        if uses_log {
            tracing::info!(
                "a message that is accepted by the intake log is durable because {}",
                log.promise()
            );
        }
        Ok(Some(log))
    }
}

/// A list of ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Ids(BTreeSet<Uuid>);

/// A text that is no list of ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no list of ids, separated by commas")]
pub struct InvalidIds(String);

impl TryFrom<String> for Ids {
    type Error = InvalidIds;

    fn try_from(text: String) -> Result<Self, InvalidIds> {
        let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
        let ids: Result<BTreeSet<Uuid>, _> = ids.map(str::parse).collect();
        ids.map(Self).map_err(|_| InvalidIds(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_separated_by_commas() {
        let id = "70a0b3d5-1c2e-4f60-8a91-b2c3d4e5f607";
        let ids = Ids::try_from(format!(" {id}, {id},")).unwrap();
        assert_eq!(ids.0.len(), 1);
        assert!(Ids::try_from("everyone".to_owned()).is_err());
        assert_eq!(Ids::try_from(String::new()).unwrap(), Ids::default());
    }
}
