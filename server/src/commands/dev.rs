//! `pillarbox dev`: what those need who try or test a platform. Both commands write into the database themselves, also
//! while the platform runs: it takes what they wrote after two seconds at most.

use std::path::PathBuf;

use app::fixtures::{self, ClientFixtures, Fixtures};
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{Place, up::quoted_always};
use crate::{
    data_dir::DataDir,
    screen::{say, say_json},
    wiring,
};

#[derive(Debug, Subcommand)]
pub(super) enum Dev {
    /// Load the services of a file such as `vectors/api_contract_fixtures.json`; twice does nothing more
    #[command(
        about = "Load the services of a file such as vectors/api_contract_fixtures.json; twice does nothing more"
    )]
    LoadFixtures {
        /// The file
        file: PathBuf,
    },
    /// Make the service that the tests of the official clients look for, and print what they need as export lines
    ClientFixtures,
}

impl Dev {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        match self {
            Self::LoadFixtures { file } => load(place, &file).await,
            Self::ClientFixtures => prepare_clients(place).await,
        }
    }
}

async fn load(place: &Place, file: &std::path::Path) -> anyhow::Result<()> {
    // What is wrong with the file is said before anything is opened.
    let fixtures = Fixtures::read(file)?;
    let (settings, _) = place.settings(None)?;
    DataDir::new(&settings.data_dir).make()?;
    let app = wiring::open(settings).await?.app;
    let loaded = fixtures.load(&app).await?;
    app.store().close().await;
    if place.json {
        say_json(&json!({"loaded": loaded}));
    } else if loaded {
        say(format!("loaded {}", file.display()));
    } else {
        say(format!("{} was loaded before", file.display()));
    }
    Ok(())
}

async fn prepare_clients(place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    client.get_bare("/_status").await?;
    let (settings, _) = place.settings(None)?;
    let app = wiring::open(settings).await?.app;
    let made = fixtures::prepare_clients(&app).await?;
    app.store().close().await;
    let variables = variables(client.url(), &made);
    if place.json {
        let object: Map<String, Value> = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        say_json(&object.into());
    } else {
        for (name, value) in variables {
            say(format!("export {name}={}", quoted_always(&value)));
        }
    }
    Ok(())
}

/// The variables by which the tests of the clients know these things.
fn variables(url: &str, made: &ClientFixtures) -> [(&'static str, String); 11] {
    [
        ("NOTIFY_API_URL", url.to_owned()),
        ("API_KEY", made.api_key.reveal().clone()),
        ("API_SENDING_KEY", made.api_sending_key.reveal().clone()),
        (
            "INBOUND_SMS_QUERY_KEY",
            made.inbound_sms_query_key.reveal().clone(),
        ),
        ("FUNCTIONAL_TEST_NUMBER", made.number.to_owned()),
        ("FUNCTIONAL_TEST_EMAIL", made.email.to_owned()),
        ("EMAIL_TEMPLATE_ID", made.email_template.to_string()),
        ("SMS_TEMPLATE_ID", made.sms_template.to_string()),
        ("LETTER_TEMPLATE_ID", made.letter_template.to_string()),
        ("EMAIL_REPLY_TO_ID", made.reply_to.to_string()),
        ("SMS_SENDER_ID", made.sms_sender.to_string()),
    ]
}
