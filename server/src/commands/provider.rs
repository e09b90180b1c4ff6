//! `pillarbox provider`: the providers of each channel, their shares and their history.

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CommandContext, output::print_list, target::ServiceArg};
use crate::{
    client::Client,
    terminal::{print_json, print_line, text_of},
};

/// Channel of a provider.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ProviderChannel {
    Email,
    Sms,
    Letter,
}

impl ProviderChannel {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Letter => "letter",
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ProviderArg {
    /// Name or id of the provider, from `provider list`
    provider: String,
    /// Channel of the provider, if several channels have one of this name
    #[arg(long, value_enum)]
    channel: Option<ProviderChannel>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Provider {
    /// List the providers with their shares
    List,
    /// Show the changes of a provider, newest first
    Show {
        #[command(flatten)]
        provider: ProviderArg,
    },
    /// List the attempts to send a notification
    Attempts {
        /// Id of the notification
        notification: Uuid,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Set the share of a provider; automatic changes return to it
    Set {
        #[command(flatten)]
        provider: ProviderArg,
        /// Weight against the other providers of the channel
        #[arg(long, value_parser = clap::value_parser!(u32).range(0..=100))]
        priority: u32,
        /// Why, for the history
        #[arg(long)]
        reason: String,
    },
    /// Give messages to a provider again
    Activate {
        #[command(flatten)]
        provider: ProviderArg,
        /// Why, for the history
        #[arg(long)]
        reason: String,
    },
    /// Give no more messages to a provider
    Deactivate {
        #[command(flatten)]
        provider: ProviderArg,
        /// Why, for the history
        #[arg(long)]
        reason: String,
    },
}

impl Provider {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::List => list(context, &client).await,
            Self::Show { provider } => show(context, &client, &provider).await,
            Self::Attempts {
                notification,
                service,
            } => attempts(context, &client, notification, &service).await,
            Self::Set {
                provider,
                priority,
                reason,
            } => {
                let change = json!({"priority": priority, "reason": reason});
                update(context, &client, &provider, &change).await
            }
            Self::Activate { provider, reason } => {
                let change = json!({"active": true, "reason": reason});
                update(context, &client, &provider, &change).await
            }
            Self::Deactivate { provider, reason } => {
                let change = json!({"active": false, "reason": reason});
                update(context, &client, &provider, &change).await
            }
        }
    }
}

async fn all(client: &Client) -> anyhow::Result<Value> {
    let mut response = client.get_raw("/provider-details").await?;
    Ok(response["provider_details"].take())
}

async fn list(context: &CommandContext, client: &Client) -> anyhow::Result<()> {
    let columns = [
        ("Channel", "notification_type"),
        ("Provider", "identifier"),
        ("Priority", "priority"),
        ("At rest", "resting_priority"),
        ("Active", "active"),
        ("Removed", "removed"),
        ("International", "supports_international"),
        ("Changed at", "updated_at"),
        ("Reason", "reason"),
    ];
    let empty = "there are no providers yet: they are listed once a process that sends has started";
    print_list(context, &all(client).await?, &columns, empty);
    Ok(())
}

async fn show(
    context: &CommandContext,
    client: &Client,
    provider: &ProviderArg,
) -> anyhow::Result<()> {
    let found = find(client, provider).await?;
    let path = format!("/provider-details/{}/versions", text_of(&found, "id"));
    let columns = [
        ("Version", "version"),
        ("Changed at", "updated_at"),
        ("Priority", "priority"),
        ("Active", "active"),
        ("By", "created_by_name"),
        ("Reason", "reason"),
    ];
    let versions = client.get(&path, &[]).await?;
    print_list(context, &versions, &columns, "it was never changed");
    Ok(())
}

async fn attempts(
    context: &CommandContext,
    client: &Client,
    notification: Uuid,
    service: &ServiceArg,
) -> anyhow::Result<()> {
    let service = service.find(client).await?;
    let path = format!("/service/{service}/notifications/{notification}/attempts");
    let columns = [
        ("Number", "number"),
        ("Provider", "provider"),
        ("Started at", "started_at"),
        ("Milliseconds", "latency_ms"),
        ("Outcome", "outcome"),
        ("Detail", "detail"),
    ];
    let found = client.get(&path, &[]).await?;
    print_list(context, &found, &columns, "no provider was called yet");
    Ok(())
}

async fn update(
    context: &CommandContext,
    client: &Client,
    provider: &ProviderArg,
    change: &Value,
) -> anyhow::Result<()> {
    let found = find(client, provider).await?;
    let path = format!("/provider-details/{}", text_of(&found, "id"));
    let after = client.post_raw(&path, change).await?;
    let after = &after["provider_details"];
    if context.json {
        print_json(after);
        return Ok(());
    }
    let is_active = after["active"] == true;
    print_line(format!(
        "{} provider {}: priority {}, {}; processes that send follow within two seconds",
        text_of(after, "notification_type"),
        text_of(after, "identifier"),
        after["priority"],
        if is_active { "active" } else { "not active" }
    ));
    warn_if_none_is_active(client, after).await
}

/// Says so if the change has left a channel without a provider.
async fn warn_if_none_is_active(client: &Client, changed: &Value) -> anyhow::Result<()> {
    let all = all(client).await?;
    let channel = &changed["notification_type"];
    let mut of_channel = all.as_array().into_iter().flatten();
    let takes_messages = |one: &Value| one["active"] == true && one["removed"] != true;
    if !of_channel.any(|one| one["notification_type"] == *channel && takes_messages(one)) {
        print_line(format!(
            "no provider of the channel {} is active now: its messages wait, and fail after four hours",
            text_of(changed, "notification_type")
        ));
    }
    Ok(())
}

async fn find(client: &Client, wanted: &ProviderArg) -> anyhow::Result<Value> {
    let all = all(client).await?;
    let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
    let channel = wanted.channel.map(ProviderChannel::as_str);
    let is_wanted = |one: &&Value| {
        (one["identifier"] == *wanted.provider || one["id"] == *wanted.provider)
            && channel.is_none_or(|channel| one["notification_type"] == channel)
    };
    let mut found = all.iter().filter(is_wanted);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.clone()),
        (Some(_), Some(_)) => bail!(
            "several channels have a provider `{}`: choose one with --channel",
            wanted.provider
        ),
        (None, _) => bail!(
            "there is no provider `{}`: see `pillarbox provider list`",
            wanted.provider
        ),
    }
}
