//! `pillarbox service`: services.

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{
    CommandContext,
    output::{print_done, print_list},
    target::ServiceArg,
};

#[derive(Debug, Subcommand)]
pub(super) enum Service {
    /// List the services
    List,
    /// Create a service
    Create {
        /// Name of the service
        name: String,
        /// Start in trial mode: it can send only to its team and guest list
        #[arg(long)]
        restricted: bool,
        /// Permissions [default: email,sms]
        #[arg(long, value_delimiter = ',')]
        permissions: Option<Vec<String>>,
        /// Rate limit, in requests per minute [default: 3000]
        #[arg(long)]
        rate_limit: Option<u32>,
        /// Text message sender [default: the name of the service, shortened to fit]
        #[arg(long)]
        sms_sender: Option<String>,
        /// Reply-to address of its e-mails
        #[arg(long)]
        reply_to: Option<String>,
    },
    /// Show a service, and how much it has stored
    Show {
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Activate or deactivate a service; switch trial mode; set how much it may store
    Update {
        #[command(flatten)]
        service: ServiceArg,
        /// Whether the service can be used
        #[arg(long)]
        active: Option<bool>,
        /// Whether it is in trial mode
        #[arg(long)]
        restricted: Option<bool>,
        /// How many bytes of messages and files it may store; `default` for the setting of the platform
        #[arg(long, value_name = "BYTES")]
        storage_limit: Option<String>,
    },
}

impl Service {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::List => {
                let columns = [
                    ("Id", "id"),
                    ("Name", "name"),
                    ("Active", "active"),
                    ("Trial", "restricted"),
                    ("Permissions", "permissions"),
                    ("Per minute", "rate_limit"),
                ];
                print_list(
                    context,
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
                let body = without_nulls(json!({
                    "name": name, "restricted": restricted, "permissions": permissions, "rate_limit": rate_limit,
                    "sms_sender": sms_sender, "reply_to": reply_to,
                }));
                print_done(
                    context,
                    &client.post("/service", &body).await?,
                    "created service",
                );
            }
            Self::Show { service } => {
                let id = service.find(&client).await?;
                let found = client.get(&format!("/service/{id}"), &[]).await?;
                let columns = [
                    ("Id", "id"),
                    ("Name", "name"),
                    ("Stored bytes", "stored_bytes"),
                    ("Storage limit", "storage_limit_bytes"),
                ];
                let one = Value::Array(vec![found]);
                print_list(context, &one, &columns, "there is no such service");
            }
            Self::Update {
                service,
                active,
                restricted,
                storage_limit,
            } => {
                let limit = storage_limit.as_deref().map(parse_limit).transpose()?;
                let id = service.find(&client).await?;
                let mut body = without_nulls(json!({"active": active, "restricted": restricted}));
                if let Some(limit) = limit {
                    body["storage_limit_bytes"] = limit;
                }
                print_done(
                    context,
                    &client.post(&format!("/service/{id}"), &body).await?,
                    "changed service",
                );
            }
        }
        Ok(())
    }
}

/// Returns a storage limit as the endpoint takes it: null for the setting of the platform.
fn parse_limit(text: &str) -> anyhow::Result<Value> {
    if text == "default" {
        return Ok(Value::Null);
    }
    let bytes: u64 = text
        .parse()
        .with_context(|| format!("`{text}` is neither a number of bytes nor `default`"))?;
    Ok(bytes.into())
}

/// Returns an object without its null members: options that were not given.
pub(super) fn without_nulls(object: Value) -> Value {
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
