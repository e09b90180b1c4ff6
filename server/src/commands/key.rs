//! `pillarbox key`: API keys. A key can be read only when it is made.

use clap::Subcommand;
use domain::KeyType;
use serde_json::json;
use uuid::Uuid;

use super::{Place, answers::print_list, target::ServiceArg};
use crate::screen::{say, say_json, text_of};

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// List the keys of a service, without their secrets
    List {
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Make a key; it is shown once
    Create {
        /// What it is for
        name: String,
        /// normal sends to anybody, team to the team and guests, test sends nothing
        #[arg(long = "type", value_name = "TYPE", default_value = "normal", value_parser = key_type)]
        key_type: KeyType,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Revoke a key
    Revoke {
        /// The key's id, as `key list` shows it
        id: Uuid,
        #[command(flatten)]
        service: ServiceArg,
    },
}

fn key_type(text: &str) -> Result<KeyType, String> {
    text.parse()
        .map_err(|_| "use normal, team or test".to_owned())
}

impl Key {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let client = place.client()?;
        match self {
            Self::List { service } => {
                let id = service.find(&client).await?;
                let columns = [
                    ("Id", "id"),
                    ("Name", "name"),
                    ("Type", "key_type"),
                    ("Made", "created_at"),
                    ("Revoked", "expiry_date"),
                ];
                let keys = client.get(&format!("/service/{id}/api-keys"), &[]).await?;
                print_list(place, &keys, &columns, "this service has no key");
            }
            Self::Create {
                name,
                key_type,
                service,
            } => {
                let id = service.find(&client).await?;
                let body = json!({"name": name, "key_type": key_type});
                let made = client
                    .post(&format!("/service/{id}/api-key"), &body)
                    .await?;
                if place.json {
                    say_json(&made);
                } else {
                    say(format!(
                        "{}\n\nKeep it now: it is not shown again.",
                        text_of(&made, "key")
                    ));
                }
            }
            Self::Revoke { id, service } => {
                let service = service.find(&client).await?;
                client
                    .post(
                        &format!("/service/{service}/api-key/revoke/{id}"),
                        &json!({}),
                    )
                    .await?;
                if place.json {
                    say_json(&json!({"id": id, "revoked": true}));
                } else {
                    say(format!("revoked key {id}"));
                }
            }
        }
        Ok(())
    }
}
