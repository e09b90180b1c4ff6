//! `pillarbox callback`: callbacks to services.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::{
    CommandContext,
    output::{print_done, print_list},
    target::ServiceArg,
};
use crate::{
    client::Client,
    terminal::{print_line, text_of},
};

/// Kinds of callbacks.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// Final status of a notification
    DeliveryStatus,
    /// Inbound SMS
    InboundSms,
    /// Returned letters
    ReturnedLetter,
    /// Spam complaints about e-mails
    Complaint,
    /// Requests to be sent no more
    UnsubscribeRequest,
}

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::DeliveryStatus => "delivery-receipt-api",
            Self::InboundSms => "inbound-api",
            Self::ReturnedLetter => "returned-letter-api",
            Self::Complaint => "complaint-api",
            Self::UnsubscribeRequest => "unsubscribe-request-api",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::DeliveryStatus => "delivery_status",
            Self::InboundSms => "inbound_sms",
            Self::ReturnedLetter => "returned_letter",
            Self::Complaint => "complaint",
            Self::UnsubscribeRequest => "unsubscribe_request",
        }
    }
}

/// Which attempts of callbacks are meant
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Kind of callback
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Outcome: delivered, retry, refused, given-up or held
    #[arg(long)]
    outcome: Option<String>,
    /// Id of the notification, inbound SMS, complaint or unsubscribe request
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// First time of an attempt, such as 2026-03-02T10:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Time before which the attempts were made
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Selection {
    /// Returns what was given, besides the outcome.
    fn conditions(&self) -> Vec<(&'static str, String)> {
        let kind = self.kind.map(|kind| kind.name().to_owned());
        let given = [
            ("kind", kind),
            ("subject", self.subject.clone()),
            ("since", self.since.clone()),
            ("until", self.until.clone()),
        ];
        let given = given.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Callback {
    /// Set the URL for a kind of callback
    Set {
        /// Kind of callback
        #[arg(value_enum)]
        kind: Kind,
        /// The https URL of the service to call
        #[arg(value_name = "URL")]
        address: String,
        /// Bearer token to send with each callback, at least ten characters
        #[arg(long, env = "PILLARBOX_CALLBACK_TOKEN", hide_env_values = true)]
        bearer_token: String,
        /// Tell the statuses of letters too (delivery-status only)
        #[arg(long, value_name = "true|false")]
        letters: Option<bool>,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// List attempts, newest first; they are kept for a week
    Log {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Send callbacks again: one, or those that match and were not delivered
    Replay {
        /// Id of an attempt
        id: Option<String>,
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Resume a kind of callback that was paused because its endpoint failed for long
    Resume {
        /// Kind of callback
        #[arg(value_enum)]
        kind: Kind,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Create a secret that signs a kind of callback, and print it; the one before it signs as well
    Secret {
        /// Kind of callback
        #[arg(value_enum)]
        kind: Kind,
        /// Stop signing with the previous secret, in place of creating one
        #[arg(long)]
        forget_previous: bool,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Show the URL for a kind of callback; the token is not shown
    Show {
        /// Kind of callback
        #[arg(value_enum)]
        kind: Kind,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl Callback {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::Set {
                kind,
                address,
                bearer_token,
                letters,
                service,
            } => {
                let id = service.find(&client).await?;
                let body =
                    json!({"url": address, "bearer_token": bearer_token, "letters": letters});
                let path = format!("/service/{id}/{}", kind.path());
                print_done(context, &client.post(&path, &body).await?, "set callback");
            }
            Self::Show { kind, service } => {
                let id = service.find(&client).await?;
                let path = format!("/service/{id}/{}", kind.path());
                let found = client.get(&path, &[]).await?;
                let url = found["url"].as_str().unwrap_or_default();
                print_done(context, &found, &format!("callback to {url},"));
            }
            Self::Log { selection, service } => {
                let id = service.find(&client).await?;
                let mut query = selection.conditions();
                query.extend(selection.outcome.map(|outcome| ("outcome", outcome)));
                let found = client
                    .get(&format!("/service/{id}/callbacks"), &query)
                    .await?;
                print_list(context, &found, COLUMNS, "no attempts");
            }
            Self::Replay {
                id,
                selection,
                service,
            } => replay(context, &client, id, selection, service).await?,
            Self::Resume { kind, service } => {
                let id = service.find(&client).await?;
                let path = format!("/service/{id}/{}/resume", kind.path());
                client.post(&path, &json!({})).await?;
                print_done(context, &json!({}), "resumed callback");
            }
            Self::Secret {
                kind,
                forget_previous,
                service,
            } => {
                let id = service.find(&client).await?;
                let path = format!("/service/{id}/{}/secret", kind.path());
                if forget_previous {
                    client.delete(&path).await?;
                    print_done(context, &json!({}), "forgot the previous secret");
                } else {
                    let made = client.post(&path, &json!({})).await?;
                    print_line(text_of(&made, "secret"));
                }
            }
        }
        Ok(())
    }
}

const COLUMNS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("KIND", "callback_type"),
    ("ABOUT", "subject_id"),
    ("ATTEMPT", "attempt"),
    ("OUTCOME", "outcome"),
    ("STATUS", "status"),
    ("MS", "latency_ms"),
    ("AT", "created_at"),
    ("ANSWER", "answer"),
];

async fn replay(
    context: &CommandContext,
    client: &Client,
    id: Option<String>,
    selection: Selection,
    service: ServiceArg,
) -> anyhow::Result<()> {
    let service = service.find(client).await?;
    let conditions = selection.conditions().into_iter();
    let mut body: Map<String, Value> = conditions
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    body.extend(id.map(|id| ("id".to_owned(), id.into())));
    let outcomes = selection.outcome.map(|outcome| json!([outcome]));
    body.extend(outcomes.map(|outcomes| ("outcomes".to_owned(), outcomes)));
    let path = format!("/service/{service}/callbacks/replay");
    let done = client.post(&path, &Value::Object(body)).await?;
    print_done(context, &done, "callbacks are being sent again");
    Ok(())
}
