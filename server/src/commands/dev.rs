//! `pillarbox dev`: test data for development. Both commands write to the database directly, also while the platform runs;
//! its caches pick up the changes within two seconds.

use std::path::PathBuf;

use app::fixtures::{self, ClientFixtures, Fixtures};
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{CommandContext, up::shell_quote_always};
use crate::{
    terminal::{print_json, print_line},
    wiring,
};

#[derive(Debug, Subcommand)]
pub(super) enum Dev {
    /// Load the services in a fixtures file
    #[command(
        about = "Load the services of a fixtures file, such as vectors/api_contract_fixtures.json, unless it was loaded before"
    )]
    LoadFixtures {
        /// Fixtures file
        file: PathBuf,
    },
    /// Create the service for the integration tests of the official clients, and print its environment as export lines
    ClientFixtures,
}

impl Dev {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        match self {
            Self::LoadFixtures { file } => load(context, &file).await,
            Self::ClientFixtures => prepare_clients(context).await,
        }
    }
}

async fn load(context: &CommandContext, file: &std::path::Path) -> anyhow::Result<()> {
    // An invalid file is reported before a data directory or a database is created.
    let fixtures = Fixtures::read(file)?;
    let (settings, _) = context.settings(None)?;
    wiring::create_data_dir(&settings)?;
    let app = wiring::open(settings).await?.app;
    let loaded = fixtures.load(&app).await?;
    app.store().close().await;
    if context.json {
        print_json(&json!({"loaded": loaded}));
    } else if loaded {
        print_line(format!("loaded {}", file.display()));
    } else {
        print_line(format!("{} was already loaded", file.display()));
    }
    Ok(())
}

async fn prepare_clients(context: &CommandContext) -> anyhow::Result<()> {
    let client = context.client()?;
    // The output contains the URL of the platform, so it must be running.
    client.get_raw("/_status").await?;
    let (settings, _) = context.settings(None)?;
    let app = wiring::open(settings).await?.app;
    let created = fixtures::prepare_clients(&app).await?;
    app.store().close().await;
    let variables = variables(client.url(), &created);
    if context.json {
        let object: Map<String, Value> = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        print_json(&object.into());
    } else {
        for (name, value) in variables {
            print_line(format!("export {name}={}", shell_quote_always(&value)));
        }
    }
    Ok(())
}

/// Returns the environment variables that the tests of the clients read.
fn variables(url: &str, created: &ClientFixtures) -> [(&'static str, String); 11] {
    [
        ("NOTIFY_API_URL", url.to_owned()),
        ("API_KEY", created.api_key.reveal().clone()),
        ("API_SENDING_KEY", created.api_sending_key.reveal().clone()),
        (
            "INBOUND_SMS_QUERY_KEY",
            created.inbound_sms_query_key.reveal().clone(),
        ),
        ("FUNCTIONAL_TEST_NUMBER", created.number.to_owned()),
        ("FUNCTIONAL_TEST_EMAIL", created.email.to_owned()),
        ("EMAIL_TEMPLATE_ID", created.email_template.to_string()),
        ("SMS_TEMPLATE_ID", created.sms_template.to_string()),
        ("LETTER_TEMPLATE_ID", created.letter_template.to_string()),
        ("EMAIL_REPLY_TO_ID", created.reply_to.to_string()),
        ("SMS_SENDER_ID", created.sms_sender.to_string()),
    ]
}
