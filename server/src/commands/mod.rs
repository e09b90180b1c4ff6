//! What a person types: a file for each command.

mod answers;
mod callback;
mod demo;
mod dev;
mod erase;
mod guest;
mod job;
mod key;
mod keyring;
mod migrate;
mod organisation;
mod queue;
mod reply_to;
mod sender;
mod serve;
mod service;
mod sink;
mod target;
mod template;
mod token;
mod up;
mod user;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    client::Client,
    data_dir::DataDir,
    screen::say,
    settings::{self, Flags, Settings},
};

/// What was typed.
#[derive(Debug, Parser)]
#[command(
    name = "pillarbox",
    version,
    about = "Sends e-mails, text messages and letters for services, and tells what became of them"
)]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Which installation is meant, and how it should speak.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The directory of the installation
    #[arg(
        help = "The directory of the installation [default: ./pillarbox-data, or PILLARBOX_DATA_DIR]"
    )]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The settings file
    #[arg(
        help = "The settings file [default: pillarbox.toml in the data directory, or PILLARBOX_CONFIG]"
    )]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the platform runs
    #[arg(
        help = "Where the platform runs, in place of looking into the data directory [or PILLARBOX_URL]"
    )]
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// Print JSON: an object a line
    #[arg(long, global = true)]
    json: bool,
}

impl Place {
    /// The settings, with the address to listen on if the command has one.
    fn settings(&self, listen: Option<&str>) -> anyhow::Result<(Settings, Vec<String>)> {
        settings::load(&Flags {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            listen: listen.map(str::to_owned),
        })
    }

    /// The running platform.
    fn client(&self) -> anyhow::Result<Client> {
        let (settings, _) = self.settings(None)?;
        let url = self.url.clone().or_else(|| {
            std::env::var("PILLARBOX_URL")
                .ok()
                .filter(|url| !url.is_empty())
        });
        Client::find(&settings, url.as_deref())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in this process; makes what it needs
    Up(up::Up),
    /// Show the main job: a fresh platform, two spreadsheets, everything sent to the sink
    Demo(demo::Demo),
    /// Check, send and follow spreadsheets
    #[command(subcommand)]
    Job(job::Job),
    /// Run some of the roles, for deployments of more than one process
    Serve(serve::Serve),
    /// Bring the database up to date
    Migrate(migrate::Migrate),
    /// Services
    #[command(subcommand)]
    Service(service::Service),
    /// API keys
    #[command(subcommand)]
    Key(key::Key),
    /// Templates
    #[command(subcommand)]
    Template(template::Template),
    /// Text message senders
    #[command(subcommand)]
    Sender(sender::Sender),
    /// Reply-to addresses
    #[command(subcommand)]
    ReplyTo(reply_to::ReplyTo),
    /// Whom a service in trial mode may send to
    #[command(subcommand)]
    Guest(guest::Guest),
    /// Organisations
    #[command(subcommand)]
    Organisation(organisation::Organisation),
    /// People, and in whose teams they are
    #[command(subcommand)]
    User(user::User),
    /// Where a service is told what happened
    #[command(subcommand)]
    Callback(callback::Callback),
    /// What waits, and what was given up
    #[command(subcommand)]
    Queue(queue::Queue),
    /// What the sink kept in place of sending it
    #[command(subcommand)]
    Sink(sink::Sink),
    /// The keys that seal personal data
    #[command(subcommand)]
    Keyring(keyring::KeyringCommand),
    /// Erase a recipient everywhere
    Erase(erase::Erase),
    /// Print a token for the public API; good for half a minute
    Token(token::Token),
    /// Services to try and test the platform with
    #[command(subcommand)]
    Dev(dev::Dev),
    /// Print everything that can be set, as Markdown
    Settings,
    /// Print the description of the API, as OpenAPI
    #[command(name = "openapi")]
    OpenApi,
}

/// Runs what was typed; prints what went wrong as a sentence.
pub fn run(arguments: Arguments) -> ExitCode {
    let failed = if matches!(&arguments.command, Command::Job(job::Job::Check(_))) {
        2
    } else {
        1
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return complain(&anyhow::Error::new(error).context("cannot start"), failed),
    };
    let place = arguments.place.clone();
    let outcome = runtime.block_on(dispatch(arguments));
    // What was not finished when the stop ran out of time must not hold the process.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| {
        let code = complain(&error, failed);
        advise(&error, &place);
        code
    })
}

/// Says what to do if the disk is what failed.
fn advise(error: &anyhow::Error, place: &Place) {
    let is_full = |cause: &(dyn std::error::Error + 'static)| {
        let cause = cause.downcast_ref::<std::io::Error>();
        cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::StorageFull)
    };
    if !app::is_transient(error.as_ref()) && !error.chain().any(is_full) {
        return;
    }
    let Ok((settings, _)) = place.settings(None) else {
        return;
    };
    let directory = DataDir::new(&settings.data_dir);
    if let Some(why) = directory.what_is_in_the_way() {
        eprintln!(
            "pillarbox: nothing can be written in {} ({why}): make room or mend the disk, then do it again; nothing \
             that was answered with 201 is lost",
            directory.path().display()
        );
    }
}

fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("pillarbox: {error:#}");
    ExitCode::from(code)
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { place, command } = arguments;
    match command {
        Command::Up(up) => up.run(&place).await?,
        Command::Demo(demo) => demo.run(&place).await?,
        Command::Job(job) => return job.run(&place).await,
        Command::Serve(serve) => serve.run(&place).await?,
        Command::Migrate(migrate) => migrate.run(&place).await?,
        Command::Service(service) => service.run(&place).await?,
        Command::Key(key) => key.run(&place).await?,
        Command::Template(template) => template.run(&place).await?,
        Command::Sender(sender) => sender.run(&place).await?,
        Command::ReplyTo(reply_to) => reply_to.run(&place).await?,
        Command::Guest(guest) => guest.run(&place).await?,
        Command::Organisation(organisation) => organisation.run(&place).await?,
        Command::User(user) => user.run(&place).await?,
        Command::Callback(callback) => callback.run(&place).await?,
        Command::Queue(queue) => queue.run(&place).await?,
        Command::Sink(sink) => sink.run(&place).await?,
        Command::Keyring(keyring) => keyring.run(&place).await?,
        Command::Erase(erase) => erase.run(&place).await?,
        Command::Token(token) => token.run(&place)?,
        Command::Dev(dev) => dev.run(&place).await?,
        Command::Settings => say(settings::reference().trim_end()),
        Command::OpenApi => say(format!("{:#}", api::openapi())),
    }
    Ok(ExitCode::SUCCESS)
}
