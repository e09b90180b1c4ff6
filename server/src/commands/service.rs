//! `pillarbox service`: services are made, seen, switched.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{
    Place,
    answers::{print_done, print_list},
    target::ServiceArg,
};

#[derive(Debug, Subcommand)]
pub(super) enum Service {
    /// List the services
    List,
    /// Make a service
    Create {
        /// What people call it
        name: String,
        /// Begin in trial mode: it reaches only its team and guests
        #[arg(long)]
        restricted: bool,
        /// What it may do [default: email,sms]
        #[arg(long, value_delimiter = ',')]
        permissions: Option<Vec<String>>,
        /// Requests a minute [default: 3000]
        #[arg(long)]
        rate_limit: Option<u32>,
        /// The sender of its text messages [default: its name, cut to what fits]
        #[arg(long)]
        sms_sender: Option<String>,
        /// Where answers to its e-mails go
        #[arg(long)]
        reply_to: Option<String>,
    },
    /// Switch a service on or off, or in or out of trial mode
    Update {
        /// Which service
        #[command(flatten)]
        service: ServiceArg,
        /// Whether it may do anything at all
        #[arg(long)]
        active: Option<bool>,
        /// Whether it is in trial mode
        #[arg(long)]
        restricted: Option<bool>,
    },
}

impl Service {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let client = place.client()?;
        match self {
            Self::List => {
                let columns = [
                    ("Id", "id"),
                    ("Name", "name"),
                    ("Active", "active"),
                    ("Trial", "restricted"),
                    ("May", "permissions"),
                    ("A minute", "rate_limit"),
                ];
                print_list(
                    place,
                    &client.get("/service", &[]).await?,
                    &columns,
                    "there is no service yet",
                );
            }
            Self::Create {
                name,
                restricted,
                permissions,
                rate_limit,
                sms_sender,
                reply_to,
            } => {
                let body = given(json!({
                    "name": name, "restricted": restricted, "permissions": permissions, "rate_limit": rate_limit,
                    "sms_sender": sms_sender, "reply_to": reply_to,
                }));
                print_done(
                    place,
                    &client.post("/service", &body).await?,
                    "made service",
                );
            }
            Self::Update {
                service,
                active,
                restricted,
            } => {
                let id = service.find(&client).await?;
                let body = given(json!({"active": active, "restricted": restricted}));
                print_done(
                    place,
                    &client.post(&format!("/service/{id}"), &body).await?,
                    "changed service",
                );
            }
        }
        Ok(())
    }
}

/// An object without the members that nobody gave.
pub(super) fn given(object: Value) -> Value {
    let Value::Object(members) = object else {
        return object;
    };
    Value::Object(
        members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect::<Map<_, _>>(),
    )
}
