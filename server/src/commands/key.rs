//! `pillarbox key`: API keys. The secret of a key is shown only when it is created.

use clap::Subcommand;
use domain::KeyType;
use serde_json::json;
use uuid::Uuid;

use super::{CommandContext, output::print_list, target::ServiceArg};
use crate::terminal::{print_json, print_line, text_of};

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// List the keys of a service, without their secrets
    List {
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Create a key; its secret is shown once
    Create {
        /// Name of the key
        name: String,
        /// normal: sends to anyone; team: to the team and the guest list; test: simulates sending
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
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::List { service } => {
                let id = service.find(&client).await?;
                let columns = [
                    ("Id", "id"),
                    ("Name", "name"),
                    ("Type", "key_type"),
                    ("Created", "created_at"),
                    ("Revoked", "expiry_date"),
                ];
                let keys = client.get(&format!("/service/{id}/api-keys"), &[]).await?;
                print_list(context, &keys, &columns, "this service has no key");
            }
            Self::Create {
                name,
                key_type,
                service,
            } => {
                let id = service.find(&client).await?;
                let body = json!({"name": name, "key_type": key_type});
                let created = client
                    .post(&format!("/service/{id}/api-key"), &body)
                    .await?;
                if context.json {
                    print_json(&created);
                } else {
                    print_line(format!(
                        "{}\n\nStore it now: it cannot be shown again.",
                        text_of(&created, "key")
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
                if context.json {
                    print_json(&json!({"id": id, "revoked": true}));
                } else {
                    print_line(format!("revoked key {id}"));
                }
            }
        }
        Ok(())
    }
}
