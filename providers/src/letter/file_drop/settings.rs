//! The settings of a file drop.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    FileDrop,
    bucket::InBucket,
    directory::Directory,
    responses::DropResponses,
    sftp::{Address, Login, Sftp},
    target::DropTarget,
};
use crate::{
    LetterProvider, Secret, SettingsError,
    aws::S3Settings,
    settings::{ProviderSettings, Server, check_settings_file, require_positive},
};

/// The settings of a file drop: a directory, a directory of an SFTP server, or a folder of a bucket.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDropSettings {
    /// The identifier of the provider's row. Default `file-drop`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The directory that zips of letters are put into, such as one that is mounted from the print shop. It is not created,
    /// so that letters do not go astray when it is not mounted. This, `sftp` or `s3`.
    #[serde(default)]
    pub directory: Option<PathBuf>,
    /// The place on an SFTP server that zips of letters are put into: `sftp://<user>@<host>/<path>`, with `:<port>` after the
    /// host if it is not 22. Needs the program `ssh` of OpenSSH on this machine.
    #[serde(default)]
    pub sftp: Option<String>,
    /// The server's host keys, each as it stands in its `/etc/ssh/ssh_host_….pub`: `ssh-ed25519 AAAA…`. A server with another
    /// key is refused. Several, so that the server can change its key.
    #[serde(default)]
    pub host_keys: Vec<String>,
    /// The file with the private key to log in with. Its owner must be the user that runs Pillarbox, and nobody else may read
    /// it.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The password to log in with; with `key_file`, the passphrase of the key, if it has one.
    #[serde(default)]
    pub password: Secret,
    /// Seconds to wait for the connection and for each answer of the server. Default 60.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u64,
    /// The folder of a bucket that zips of letters are put into: `s3://<bucket>/<folder>`.
    #[serde(default)]
    pub s3: Option<String>,
    /// How the bucket is reached, with the settings of `[files_s3]`: `{ region = "eu-west-2" }`. Default: Amazon's S3 in the
    /// region and with the credentials of the environment.
    #[serde(default)]
    pub s3_options: Option<S3Settings>,
    /// The directory in which the print shop leaves its response files, of this machine, of the SFTP server or of the bucket, as a
    /// path that begins with a slash. Files that have been processed move to its folder `processed`. Default: none are read.
    #[serde(default)]
    pub responses: Option<String>,
    /// The directory in which the print shop leaves a file `<name of the zip>.ACK.TXT` for each zip that it has received, as
    /// for `responses`. A zip without one raises an alarm. Default: none are expected.
    #[serde(default)]
    pub acknowledgements: Option<String>,
    /// E-mail addresses that are told in each print run how many letters to expect. Default: none.
    #[serde(default)]
    pub volumes_to: Vec<String>,
}

fn default_name() -> String {
    "file-drop".to_owned()
}

const fn default_timeout_seconds() -> u64 {
    60
}

impl FileDropSettings {
    fn invalid(&self, setting: &'static str, reason: &str) -> SettingsError {
        SettingsError::invalid(&self.name, setting, reason)
    }

    /// Returns the target and the folder for zips.
    fn target(&self) -> Result<(Arc<dyn DropTarget>, String), SettingsError> {
        match (&self.directory, &self.sftp, &self.s3) {
            (Some(directory), None, None) => {
                let folder = directory
                    .to_str()
                    .ok_or_else(|| self.invalid("directory", "its name must be text in UTF-8"))?;
                Ok((Arc::new(Directory), folder.to_owned()))
            }
            (None, Some(url), None) => {
                let (address, folder) =
                    Address::parse(url).map_err(|reason| self.invalid("sftp", reason))?;
                Ok((Arc::new(Sftp::new(address, self.login()?)), folder))
            }
            (None, None, Some(address)) => {
                let settings = self.s3_options.clone().unwrap_or_default();
                let mut bucket = settings.bucket(&self.name, "s3", address)?;
                let folder = format!("/{}", bucket.leave_folder());
                Ok((Arc::new(InBucket::new(bucket)), folder))
            }
            (None, None, None) => Err(self.invalid("directory", "set it, or `sftp`, or `s3`")),
            _ => Err(self.invalid(
                "directory",
                "set either `directory`, `sftp` or `s3`, not several",
            )),
        }
    }

    fn login(&self) -> Result<Login, SettingsError> {
        if self.host_keys.is_empty() {
            return Err(self.invalid(
                "host_keys",
                "give the server's host key, as `ssh-keyscan <host>` shows it after the name of the host; compare it with \
                 what the print shop says",
            ));
        }
        for key in &self.host_keys {
            // A line of `known_hosts` is made of it, and one line only.
            let mut words = key.split(' ');
            let is_key = words.next().is_some_and(|kind| !kind.is_empty())
                && words.next().is_some_and(|data| data.len() > 20);
            if !is_key || key.chars().any(char::is_control) || key.starts_with(['#', '@']) {
                return Err(self.invalid("host_keys", "write each as `ssh-ed25519 AAAA…`"));
            }
        }
        if self.key_file.is_none() && self.password.expose().is_empty() {
            return Err(self.invalid("key_file", "set it, or `password`"));
        }
        if let Some(file) = &self.key_file {
            check_settings_file(&self.name, "key_file", file)?;
        }
        require_positive(&self.name, "timeout_seconds", self.timeout_seconds)?;
        Ok(Login {
            host_keys: self.host_keys.clone(),
            key_file: self.key_file.clone(),
            password: self.password.clone(),
            timeout: Duration::from_secs(self.timeout_seconds),
        })
    }
}

impl ProviderSettings<dyn LetterProvider> for FileDropSettings {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self) -> Option<Server> {
        if self.s3.is_some() {
            return self.s3_options.clone().unwrap_or_default().server();
        }
        let (address, _) = Address::parse(self.sftp.as_deref()?).ok()?;
        Some(Server {
            host: address.host,
            port: address.port,
            is_encrypted: true,
        })
    }

    fn build(&self, _: &Path) -> Result<Arc<dyn LetterProvider>, SettingsError> {
        if let Some(wrong) = self.volumes_to.iter().find(|one| !one.contains('@')) {
            let reason = format!("`{wrong}` is no e-mail address");
            return Err(self.invalid("volumes_to", &reason));
        }
        for (setting, folder) in [
            ("responses", &self.responses),
            ("acknowledgements", &self.acknowledgements),
        ] {
            if folder.as_ref().is_some_and(|path| !path.starts_with('/')) {
                return Err(self.invalid(setting, "write it as a path that begins with a slash"));
            }
        }
        let (target, zips) = self.target()?;
        let responses = self.responses.clone().map(|folder| {
            let target = Arc::clone(&target);
            Arc::new(DropResponses::new(target, folder))
        });
        Ok(Arc::new(FileDrop {
            name: self.name.as_str().into(),
            target,
            zips: zips.into(),
            volumes_to: self.volumes_to.as_slice().into(),
            responses,
            acknowledgements: self.acknowledgements.as_deref().map(Arc::from),
        }))
    }
}
