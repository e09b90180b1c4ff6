//! Loading of the settings from file, environment and flags.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use config::{Config, File, FileFormat};

use super::{Settings, bounds, schema::entries};
use crate::permissions;

/// Settings from the command line, which override all other sources.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// The settings file.
    pub config: Option<PathBuf>,
    /// The data directory.
    pub data_dir: Option<PathBuf>,
    /// The address to listen on.
    pub listen: Option<String>,
}

/// Environment variables that begin with our prefix but are no settings.
const NOT_SETTINGS: &[&str] = &[
    "PILLARBOX_CONFIG",
    "PILLARBOX_URL",
    "PILLARBOX_CALLBACK_TOKEN",
];

/// Loads the settings of this process. Also returns the environment variables with our prefix that name no setting, for
/// a warning.
pub fn load(flags: &Flags) -> anyhow::Result<(Settings, Vec<String>)> {
    let environment = environment();
    load_from(flags, &environment)
}

fn environment() -> Vec<(String, String)> {
    let ours =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    ours.filter(|(name, _)| name.starts_with("PILLARBOX_"))
        .filter_map(|(name, value)| Some((name, value.into_string().ok()?)))
        // Empty means not set: container tools pass on unset variables as empty ones.
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn load_from(
    flags: &Flags,
    environment: &[(String, String)],
) -> anyhow::Result<(Settings, Vec<String>)> {
    let entries = entries();
    let known: Vec<(String, String)> = entries
        .iter()
        .map(|entry| (variable(&entry.path), entry.path.clone()))
        .collect();
    let value_of = |name: &str| {
        environment
            .iter()
            .find(|(one, _)| one == name)
            .map(|(_, value)| value.clone())
    };

    let mut exposed_file = None;
    let mut builder = Config::builder();
    if let Some(path) = settings_file(flags, &value_of)? {
        let text = read_file(&path)?;
        check_not_empty(&path, &text)?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
        // On its own first, so that a syntax error names the file.
        let alone = builder
            .build_cloned()
            .map_err(|error| in_file(&path, &error))?;
        // What is wrong with it is reported below, together with the environment.
        let has_secrets = alone
            .try_deserialize()
            .is_ok_and(|settings: Settings| settings.has_secrets());
        if has_secrets && permissions::is_readable_by_all(&path) {
            exposed_file = Some(path);
        }
    }
    for (name, path) in &known {
        // Values are text here; the conversion to the type of the field comes with deserialisation.
        if let Some(value) = value_of(name) {
            builder = builder.set_override(path, value)?;
        }
    }
    if let Some(data_dir) = &flags.data_dir {
        builder = builder.set_override("data_dir", data_dir.display().to_string())?;
    }
    if let Some(listen) = &flags.listen {
        builder = builder.set_override("listen", listen.clone())?;
    }
    let invalid = |error: config::ConfigError| {
        anyhow!(
            "the settings are invalid: {}; `pillarbox settings` lists all names, types and defaults",
            without_values(&error.to_string())
        )
    };
    let config = builder.build().map_err(invalid)?;
    let mut settings: Settings = config.clone().try_deserialize().map_err(invalid)?;
    bounds::check(&config, &entries).map_err(anyhow::Error::msg)?;
    check(&settings)?;
    settings.exposed_file = exposed_file;
    Ok((settings, unknown_variables(environment, &known)))
}

/// Returns the variables with our prefix that name no setting.
fn unknown_variables(environment: &[(String, String)], known: &[(String, String)]) -> Vec<String> {
    let names = environment.iter().map(|(name, _)| name);
    names
        .filter(|name| !NOT_SETTINGS.contains(&name.as_str()))
        .filter(|name| !known.iter().any(|(one, _)| one == *name))
        .cloned()
        .collect()
}

/// Returns the environment variable of a setting: `PILLARBOX_LOG__LEVEL` for `log.level`.
pub(super) fn variable(path: &str) -> String {
    format!("PILLARBOX_{}", path.replace('.', "__").to_uppercase())
}

fn settings_file(
    flags: &Flags,
    value_of: &impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<PathBuf>> {
    let named = flags
        .config
        .clone()
        .or_else(|| value_of("PILLARBOX_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        return Ok(Some(path));
    }
    let data_dir = flags
        .data_dir
        .clone()
        .or_else(|| value_of("PILLARBOX_DATA_DIR").map(PathBuf::from));
    let path = data_dir
        .unwrap_or_else(|| Settings::default().data_dir)
        .join("pillarbox.toml");
    // Not `exists`, which follows links: a link whose target is missing is a settings file that cannot be read.
    match path.symlink_metadata() {
        Ok(_) => Ok(Some(path)),
        // A data directory that does not exist, or is a file, has no settings file; the command itself reports it.
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot look for {}", path.display())),
    }
}

fn read_file(path: &Path) -> anyhow::Result<String> {
    files::settings_file::read_text(path)
        .with_context(|| format!("cannot read the settings file {}", path.display()))
}

/// Fails if a settings file holds nothing, not even a comment: a full disk or an interrupted copy leaves such files, and
/// the defaults would send to the sink.
fn check_not_empty(path: &Path, text: &str) -> anyhow::Result<()> {
    if text.trim().is_empty() {
        bail!(
            "the settings file {} is empty: restore it, or remove it to run with the defaults",
            path.display()
        );
    }
    Ok(())
}

fn in_file(path: &Path, error: &config::ConfigError) -> anyhow::Error {
    // The parser quotes the line with the error, which may contain a password: keep the position and the reason only.
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let position = lines.next().unwrap_or("it is not TOML").to_owned();
    let reason = lines
        .next_back()
        .filter(|line| !line.contains('|'))
        .map(|line| format!(": {line}"));
    anyhow!(
        "the settings file {} is not valid TOML: {position}{}; correct that line",
        path.display(),
        reason.unwrap_or_default()
    )
}

/// Returns the text of an error without the offending value, which may be secret.
pub(super) fn without_values(text: &str) -> String {
    for wrong in ["invalid type: ", "invalid value: "] {
        if let Some((before, after)) = text.split_once(wrong)
            && let Some(expected) = after.find(", expected ")
        {
            return format!("{before}invalid value{}", &after[expected..]);
        }
    }
    text.to_owned()
}

fn check(settings: &Settings) -> anyhow::Result<()> {
    if settings.queue != "database" {
        bail!(
            "the setting queue is `{}`: use `database`, the only kind",
            settings.queue
        );
    }
    check_domain("email_domain", &settings.email_domain)?;
    let downloads = &settings.file_downloads;
    for (name, address) in [
        ("admin_base_url", &settings.admin_base_url),
        ("api_base_url", &settings.api_base_url),
        ("file_downloads.root", &downloads.root),
        ("file_downloads.service", &downloads.service),
    ] {
        if let Some(address) = address {
            check_web_address(name, address)?;
        }
    }
    settings.receipts.check()?;
    settings.providers.check_receipts(&settings.receipts)
}

/// Fails if a text is no domain. It is written into the header of every e-mail.
fn check_domain(name: &str, domain: &str) -> anyhow::Result<()> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    if domain.len() > 253 || !domain.split('.').all(is_label) {
        bail!("the setting {name} is no domain, such as notify.example.com");
    }
    Ok(())
}

/// Fails if a text is no address of a web server. Links begin with it.
fn check_web_address(name: &str, address: &str) -> anyhow::Result<()> {
    let url = reqwest::Url::parse(address).ok();
    let is_web = |url: &reqwest::Url| ["http", "https"].contains(&url.scheme()) && url.has_host();
    // The parser removes them.
    let has_space = address.contains(|c: char| c.is_whitespace() || c.is_control());
    if has_space || !url.as_ref().is_some_and(is_web) {
        bail!(
            "the setting {name} is no address of a web server, such as https://notify.example.com"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(
        file: &str,
        environment: &[(&str, &str)],
        listen: Option<&str>,
    ) -> anyhow::Result<(Settings, Vec<String>)> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.toml");
        // An empty one would be refused.
        std::fs::write(&path, format!("# Settings\n{file}")).unwrap();
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let flags = Flags {
            config: Some(path),
            listen: listen.map(str::to_owned),
            ..Flags::default()
        };
        load_from(&flags, &environment)
    }

    #[test]
    fn durations_are_limited_to_a_day() {
        for name in [
            "LEASE_SECONDS",
            "HTTP_SERVE_TIMEOUT_SECONDS",
            "HTTP_HEADER_TIMEOUT_SECONDS",
            "STOP_SECONDS",
            "FILE_DOWNLOADS__SERVICE_TIMEOUT_SECONDS",
        ] {
            let name = format!("PILLARBOX_{name}");
            assert!(loaded("", &[(&name, "86400")], None).is_ok(), "{name}");
            let refused = loaded("", &[(&name, "9223372036854775807")], None);
            let why = refused.unwrap_err().to_string();
            assert!(why.contains("must be at most 86400"), "{why}");
        }
    }

    #[test]
    fn values_that_cannot_work_are_refused_at_the_start() {
        for (file, wrong) in [
            (
                "[callbacks]\npause_after_minutes = 9223372036854775807",
                "callbacks.pause_after_minutes must be at most 525600",
            ),
            (
                "[workers]\njob_tasks = 0",
                "workers.job_tasks must be at least 1",
            ),
            ("lease_seconds = 0", "lease_seconds must be at least 1"),
            ("email_domain = \"a\\nb\"", "email_domain is no domain"),
            ("email_domain = ''", "email_domain is no domain"),
            (
                "api_base_url = 'javascript:alert(1)'",
                "api_base_url is no address",
            ),
            (
                "admin_base_url = \"https://a.example\\n\"",
                "admin_base_url is no address",
            ),
            (
                "[file_downloads]\nroot = 'files.example'",
                "file_downloads.root is no address",
            ),
            (
                "[[providers.email]]\nkind = 'smtp'\nhost = 'a.example'\npool_size = 9223372036854775807",
                "pool_size must be at most 10000",
            ),
        ] {
            let error = loaded(file, &[], None).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
        let good = "email_domain = 'müller-1.example'\napi_base_url = 'http://127.0.0.1:6011'";
        assert!(loaded(good, &[], None).is_ok());
    }

    #[test]
    fn a_settings_file_that_never_ends_is_not_read() {
        let flags = Flags {
            config: Some(PathBuf::from("/dev/null")),
            ..Flags::default()
        };
        let error = format!("{:#}", load_from(&flags, &[]).unwrap_err());
        assert!(error.contains("no regular file"), "{error}");
        let long = "#".repeat(2 << 20);
        let error = format!("{:#}", loaded(&long, &[], None).unwrap_err());
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }

    #[test]
    fn flags_override_the_environment_the_file_and_the_defaults() {
        let file = "listen = 'file:1'\nemail_domain = 'file.example'\n[log]\nlevel = 'warn'\nformat = 'json'";
        let environment = [
            ("PILLARBOX_LISTEN", "env:2"),
            ("PILLARBOX_LOG__LEVEL", "debug"),
            ("PILLARBOX_LEASE_SECONDS", "7"),
        ];
        let (settings, unknown_variables) = loaded(file, &environment, Some("flag:3")).unwrap();
        assert_eq!(settings.listen, "flag:3");
        assert_eq!(settings.log.level, "debug");
        assert_eq!(settings.log.format, super::super::LogFormat::Json);
        assert_eq!(settings.email_domain, "file.example");
        assert_eq!(
            (settings.lease_seconds, settings.database_connections),
            (7, 16)
        );
        assert_eq!(unknown_variables, Vec::<String>::new());
    }

    #[test]
    fn an_unknown_variable_is_reported() {
        let (_, unknown_variables) = loaded(
            "",
            &[("PILLARBOX_LSITEN", "x"), ("PILLARBOX_URL", "y")],
            None,
        )
        .unwrap();
        assert_eq!(unknown_variables, ["PILLARBOX_LSITEN"]);
    }

    #[test]
    fn a_misspelt_setting_is_named_in_the_error() {
        let error = loaded("lsiten = 'x'", &[], None).unwrap_err().to_string();
        assert!(error.contains("lsiten"), "{error}");
    }

    #[test]
    fn an_error_shows_no_value() {
        let wrong_type =
            "[[providers.email]]\nkind = 'smtp'\nhost = 'a.example'\npassword = [123987]";
        let no_toml = "[[providers.email]]\nkind = 'smtp'\npassword = hunter2";
        for file in [wrong_type, no_toml] {
            let error = format!("{:#}", loaded(file, &[], None).unwrap_err());
            assert!(
                !error.contains("123987") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_with_secrets_that_everybody_can_read_is_noticed() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.toml");
        let flags = Flags {
            config: Some(path.clone()),
            ..Flags::default()
        };
        for (file, mode, is_exposed) in [
            ("internal_secret = 'hunter2'", 0o644, true),
            ("internal_secret = 'hunter2'", 0o640, false),
            ("listen = '127.0.0.1:0'", 0o644, false),
        ] {
            std::fs::write(&path, file).unwrap();
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, permissions).unwrap();
            let (settings, _) = load_from(&flags, &[]).unwrap();
            assert_eq!(
                settings.exposed_file.is_some(),
                is_exposed,
                "{file} {mode:o}"
            );
        }
    }

    #[test]
    fn digits_in_the_environment_can_be_a_text() {
        let (settings, _) = loaded("", &[("PILLARBOX_INTERNAL_SECRET", "0071")], None).unwrap();
        assert_eq!(settings.internal_secret.unwrap().expose(), "0071");
    }

    #[test]
    fn receipt_rules_that_would_admit_everybody_are_refused() {
        for (file, wrong) in [
            (
                "mmg_networks = '192.0.2.0/24, 192.0.2.0/99'",
                "mmg_networks is invalid",
            ),
            ("firetext_passwords = 'hunter2'", "need each other"),
            ("per_second = 0", "must be at least 1"),
        ] {
            let error = loaded(&format!("[receipts]\n{file}"), &[], None).unwrap_err();
            assert!(error.to_string().contains(wrong), "{error:#}");
        }
        let both = "[receipts]\nmmg_users = 'mmg'\nmmg_passwords = 'hunter2'";
        assert!(loaded(both, &[], None).is_ok());
    }

    #[test]
    fn an_empty_or_unreadable_settings_file_is_not_taken_for_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pillarbox.toml");
        let flags = Flags {
            data_dir: Some(directory.path().to_owned()),
            ..Flags::default()
        };
        let error = || format!("{:#}", load_from(&flags, &[]).unwrap_err());
        assert!(load_from(&flags, &[]).is_ok(), "there is none");
        for content in ["", " \n\n"] {
            std::fs::write(&path, content).unwrap();
            assert!(error().contains("is empty"), "{}", error());
        }
        std::fs::write(&path, [0; 4096]).unwrap();
        assert!(error().contains("is not valid TOML"), "{}", error());
        std::fs::write(&path, "# Nothing yet").unwrap();
        assert!(load_from(&flags, &[]).is_ok());
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("missing.toml", &path).unwrap();
        assert!(
            error().contains("cannot read the settings file"),
            "{}",
            error()
        );
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(
            error().contains("cannot read the settings file"),
            "{}",
            error()
        );
    }
}
