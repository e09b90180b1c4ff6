//! The command line: a file for each command.

mod backup;
mod callback;
mod check;
mod command_line;
mod demo;
mod dev;
mod doctor;
mod erase;
mod guest;
mod intake;
mod job;
mod key;
mod keyring;
mod letter_files;
mod letter_responses;
mod letters;
mod migrate;
mod organisation;
mod output;
mod print_runs;
mod provider;
mod queue;
mod rates;
mod read_file;
mod reply_to;
mod restore;
mod send_letters;
mod sender;
mod serve;
mod service;
mod sink;
mod stats;
mod supplied_letters;
mod suppression;
mod target;
mod template;
mod token;
mod up;
mod user;

use std::{io::ErrorKind, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    client::Client,
    data_dir::DataDir,
    permissions,
    settings::{self, Flags, Settings},
    signals,
    terminal::print_line,
};

/// The command line arguments.
#[derive(Debug, Parser)]
#[command(
    name = "pillarbox",
    version,
    about = "Notification platform: sends e-mails, text messages and letters for services"
)]
pub struct Arguments {
    #[command(flatten)]
    context: CommandContext,
    #[command(subcommand)]
    command: Command,
}

/// The options of all commands: the installation and the output format.
#[derive(Debug, Clone, Args)]
pub(crate) struct CommandContext {
    #[arg(
        help = "Data directory of the installation [default: ./pillarbox-data, or PILLARBOX_DATA_DIR]"
    )]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[arg(
        help = "Settings file [default: pillarbox.toml in the data directory, or PILLARBOX_CONFIG]"
    )]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[arg(
        help = "URL of the platform, in place of the one in the data directory [or PILLARBOX_URL]"
    )]
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    json: bool,
}

impl CommandContext {
    /// Loads the settings. `listen` is the `--listen` flag of commands that have it.
    fn settings(&self, listen: Option<&str>) -> anyhow::Result<(Settings, Vec<String>)> {
        settings::load(&self.flags(listen))
    }

    /// Returns the flags that override settings.
    fn flags(&self, listen: Option<&str>) -> Flags {
        Flags {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            listen: listen.map(str::to_owned),
        }
    }

    /// Returns a client for the running platform.
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
    /// Run the whole platform in this process; creates the database and keys if needed
    Up(up::Up),
    /// Run a demonstration: a new platform, two spreadsheets, all messages sent to the sink
    Demo(demo::Demo),
    /// Check and send spreadsheets; follow and control their jobs
    #[command(subcommand)]
    Job(job::Job),
    /// Run selected roles, for deployments with several processes
    Serve(serve::Serve),
    /// Check settings, keys, database, files and providers, and say what to do
    Doctor(doctor::Doctor),
    /// Compare rows, tasks, files and counters with each other, and repair what does not agree
    Check(check::Check),
    /// Migrate the database to the current version
    Migrate(migrate::Migrate),
    /// Write a backup of an embedded installation to a new directory, while it runs
    Backup(backup::Backup),
    /// Restore a backup to an empty data directory
    Restore(restore::Restore),
    /// List, create and change services
    #[command(subcommand)]
    Service(service::Service),
    /// List, create and revoke API keys
    #[command(subcommand)]
    Key(key::Key),
    /// List, show, create and change templates
    #[command(subcommand)]
    Template(template::Template),
    /// Add text message senders
    #[command(subcommand)]
    Sender(sender::Sender),
    /// Add reply-to addresses for e-mails
    #[command(subcommand)]
    ReplyTo(reply_to::ReplyTo),
    /// Add recipients to the guest list of a service in trial mode
    #[command(subcommand)]
    Guest(guest::Guest),
    /// List and create organisations
    #[command(subcommand)]
    Organisation(organisation::Organisation),
    /// List and create users; add them to the teams of services
    #[command(subcommand)]
    User(user::User),
    /// Set and show the callbacks of a service
    #[command(subcommand)]
    Callback(callback::Callback),
    /// List providers; change their shares, activate and deactivate them
    #[command(subcommand)]
    Provider(provider::Provider),
    /// List and set the prices of letters and text messages
    #[command(subcommand)]
    Rates(rates::Rates),
    /// List recipients to whom nothing is sent; add and remove them
    #[command(subcommand)]
    Suppression(suppression::Suppression),
    /// Start and list the print runs of letters; see what came back about letters
    #[command(subcommand)]
    Letters(letters::Letters),
    /// Show the task queue; show and replay dead letters
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Show what waits in the intake log; try again what was set aside
    #[command(subcommand)]
    Intake(intake::Intake),
    /// Show how many notifications have which status
    Stats(stats::Stats),
    /// List messages that the development sink stored
    #[command(subcommand)]
    Sink(sink::Sink),
    /// Rotate the encryption keys for personal data
    #[command(subcommand)]
    Keyring(keyring::KeyringCommand),
    /// Erase all personal data of a recipient
    Erase(erase::Erase),
    /// Print a token for the public API, valid for 30 seconds
    Token(token::Token),
    /// Create test data for development
    #[command(subcommand)]
    Dev(dev::Dev),
    /// Print the settings reference
    Settings(SettingsReference),
    /// Read a file in a confined child process
    #[command(hide = true)]
    ReadFile(read_file::ReadFile),
    /// Print the completions of commands for a shell
    Completions(command_line::Completions),
    /// Write manual pages
    #[command(hide = true)]
    Man(command_line::Man),
    /// Print the OpenAPI document of the API
    #[command(name = "openapi")]
    OpenApi,
}

/// The arguments of `pillarbox settings`.
#[derive(Debug, Args)]
struct SettingsReference {
    /// Print the JSON schema of the settings file in place of Markdown
    #[arg(long)]
    schema: bool,
}

/// Runs a command. Prints an error as one line to standard error.
pub fn run(arguments: Arguments) -> ExitCode {
    // First, while the process has one thread: only the threads that follow would be confined too.
    if let Command::ReadFile(read_file) = &arguments.command {
        return read_file.run();
    }
    permissions::restrict_new_files();
    // `job check` has the code 1 for a file with errors, so a check that was not possible needs another.
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
        Err(error) => {
            return print_error(&anyhow::Error::new(error).context("cannot start"), failed);
        }
    };
    let context = arguments.context.clone();
    let outcome = runtime.block_on(async {
        signals::ignore_file_size_signal()?;
        dispatch(arguments).await
    });
    // Tasks that did not finish in `stop_seconds` must not delay the exit.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| {
        let code = print_error(&error, failed);
        explain_disk_failure(&error, &context);
        code
    })
}

/// Explains what to do if the error came from the disk.
fn explain_disk_failure(error: &anyhow::Error, context: &CommandContext) {
    let is_full = |cause: &(dyn std::error::Error + 'static)| {
        let cause = cause.downcast_ref::<std::io::Error>();
        cause.is_some_and(|cause| {
            // The latter beyond the limit of a file's size.
            [ErrorKind::StorageFull, ErrorKind::FileTooLarge].contains(&cause.kind())
        })
    };
    // Other errors have causes that their messages name.
    if !app::is_transient(error.as_ref()) && !error.chain().any(is_full) {
        return;
    }
    let Ok((settings, _)) = context.settings(None) else {
        return;
    };
    let directory = DataDir::new(&settings.data_dir);
    if let Err(why) = directory.check_writable() {
        eprintln!(
            "pillarbox: cannot write in {} ({why}): make room or repair the disk, then run this again; no \
             notification that was answered with 201 is lost",
            directory.path().display()
        );
    }
}

fn print_error(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("pillarbox: {error:#}");
    ExitCode::from(code)
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { context, command } = arguments;
    match command {
        Command::Up(up) => Box::pin(up.run(&context)).await?,
        Command::Demo(demo) => Box::pin(demo.run(&context)).await?,
        Command::Job(job) => return job.run(&context).await,
        Command::Serve(serve) => serve.run(&context).await?,
        Command::Doctor(doctor) => return doctor.run(&context).await,
        Command::Check(check) => return check.run(&context).await,
        Command::Migrate(migrate) => migrate.run(&context).await?,
        Command::Backup(backup) => backup.run(&context).await?,
        Command::Restore(restore) => restore.run(&context).await?,
        Command::Service(service) => service.run(&context).await?,
        Command::Key(key) => key.run(&context).await?,
        Command::Template(template) => template.run(&context).await?,
        Command::Sender(sender) => sender.run(&context).await?,
        Command::ReplyTo(reply_to) => reply_to.run(&context).await?,
        Command::Letters(letters) => letters.run(&context).await?,
        Command::Rates(rates) => rates.run(&context).await?,
        Command::Suppression(suppression) => suppression.run(&context).await?,
        Command::Guest(guest) => guest.run(&context).await?,
        Command::Organisation(organisation) => organisation.run(&context).await?,
        Command::User(user) => user.run(&context).await?,
        Command::Callback(callback) => callback.run(&context).await?,
        Command::Provider(provider) => provider.run(&context).await?,
        Command::Queue(queue) => queue.run(&context).await?,
        Command::Intake(intake) => intake.run(&context).await?,
        Command::Stats(stats) => stats.run(&context).await?,
        Command::Sink(sink) => sink.run(&context).await?,
        Command::Keyring(keyring) => keyring.run(&context).await?,
        Command::Erase(erase) => erase.run(&context).await?,
        Command::Token(token) => token.run(&context)?,
        Command::Dev(dev) => dev.run(&context).await?,
        Command::Settings(SettingsReference { schema: true }) => {
            print_line(format!("{:#}", settings::schema().as_value()));
        }
        Command::Settings(_) => print_line(settings::reference().trim_end()),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run()?,
        Command::ReadFile(_) => unreachable!("it runs without a runtime"),
        Command::OpenApi => print_line(format!("{:#}", api::openapi_document())),
    }
    Ok(ExitCode::SUCCESS)
}
