//! `pillarbox keyring`: rotation of the keys that seal personal data.

use anyhow::bail;
use app::{RewriteLock, privacy::reencryption::ReencryptionReport};
use clap::Subcommand;
use serde_json::json;
use store::Keyring;

use super::CommandContext;
use crate::{
    secrets::{append_key, existing_keyring, keyring_path},
    settings::Settings,
    system::SystemRandom,
    terminal::{count, print_json, print_line},
    wiring::{self, Platform},
};

#[derive(Debug, Subcommand)]
pub(super) enum KeyringCommand {
    /// Print a line with a new key, for the setting `keyring`
    Generate,
    /// Add a new key and re-encrypt all data with it
    Rotate,
    /// Re-encrypt with the newest key all data that is sealed with an older one
    Reseal,
}

impl KeyringCommand {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let (settings, _) = context.settings(None)?;
        if matches!(self, Self::Generate) {
            print_line(new_key_line(&settings)?.trim_end());
            return Ok(());
        }
        let platform = wiring::open(settings).await?;
        let lock = app::privacy::reencryption::begin(&platform.app).await?;
        let done = self.change(&platform, &lock).await;
        // Also after an error: otherwise the next attempt would wait until the lock expires.
        lock.release().await?;
        let done = done?;
        let key = platform.app.store().keyring().primary_key_id();
        platform.app.store().close().await;
        print(context, key, &done);
        if !done.files.unreadable.is_empty() {
            bail!(
                "these files cannot be read and are still sealed with an older key, so keep that key: {}",
                done.files.unreadable.join(", ")
            );
        }
        Ok(())
    }

    async fn change(
        &self,
        platform: &Platform,
        lock: &RewriteLock,
    ) -> anyhow::Result<ReencryptionReport> {
        if matches!(self, Self::Rotate) {
            add_key(&platform.settings, platform.app.store().keyring())?;
        }
        Ok(app::privacy::reencryption::reencrypt_all(&platform.app, lock).await?)
    }
}

/// Returns a line with a key that follows those of the settings, or a first one where there are none.
fn new_key_line(settings: &Settings) -> anyhow::Result<String> {
    let has_keys = settings.keyring.is_some() || keyring_path(settings).exists();
    let next = if has_keys {
        existing_keyring(settings)?.primary_key_id() + 1
    } else {
        1
    };
    Ok(Keyring::new_key_line(next, &SystemRandom))
}

/// Appends a key to the key file and makes it the one to seal with.
fn add_key(settings: &Settings, keyring: &Keyring) -> anyhow::Result<()> {
    if settings.keyring.is_some() {
        bail!(
            "the keys come from the setting keyring: add a line to it, restart the platform, then run `pillarbox keyring reseal`"
        );
    }
    // Another process may have added a key since this one started.
    keyring.reload()?;
    let next = keyring.primary_key_id() + 1;
    append_key(
        &keyring_path(settings),
        &Keyring::new_key_line(next, &SystemRandom),
    )?;
    Ok(keyring.reload()?)
}

fn print(context: &CommandContext, key: u32, done: &ReencryptionReport) {
    if context.json {
        return print_json(&json!({
            "key": key,
            "notifications": done.notifications,
            "api_keys": done.api_keys,
            "received_texts": done.received_texts,
            "unsubscribe_requests": done.unsubscribe_requests,
            "suppressions": done.suppressions,
            "callbacks": done.callbacks,
            "idempotency_keys": done.answers,
            "spreadsheets": done.files.spreadsheets,
            "contact_lists": done.files.contact_lists,
            "letters": done.files.letters,
            "template_files": done.files.template_files,
            "unreadable": done.files.unreadable,
        }));
    }
    print_line(format!(
        "re-encrypted with key {key}: {}, {}, {}, {}, {}, {}, {}; files: {}, {}, {}, {}\n\
         A running platform uses the new key within ten seconds; run `pillarbox keyring reseal` once more after that. Keep \
         an older key in the file for at least a day, because idempotency keys need it. Links in e-mails and letters that \
         were made with it work for up to a year, but only while it is in the file.",
        count(done.notifications, "notification"),
        count(done.api_keys, "API key"),
        count(done.callbacks, "callback"),
        count(done.received_texts, "inbound message"),
        count(done.unsubscribe_requests, "unsubscribe request"),
        count(done.suppressions, "suppression"),
        count(done.answers, "idempotency key"),
        count(done.files.spreadsheets, "spreadsheet"),
        count(done.files.contact_lists, "contact list"),
        count(done.files.letters, "letter"),
        count(done.files.template_files, "template file"),
    ));
}
