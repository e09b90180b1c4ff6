//! `pillarbox keyring`: the keys that seal personal data are changed.

use anyhow::bail;
use app::{RewriteLock, privacy::reencryption::ReencryptionReport};
use clap::Subcommand;
use serde_json::json;
use store::Keyring;

use super::Place;
use crate::{
    outside::SystemEntropy,
    screen::{count, say, say_json},
    secrets::{append_key, keyring_path},
    settings::Settings,
    wiring::{self, Platform},
};

#[derive(Debug, Subcommand)]
pub(super) enum KeyringCommand {
    /// Add a new key, and seal with it what is there
    Rotate,
    /// Seal with the newest key what is sealed with an older one
    Reseal,
}

impl KeyringCommand {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let (settings, _) = place.settings(None)?;
        let platform = wiring::open(settings).await?;
        let rewriting = app::privacy::reencryption::begin(&platform.app).await?;
        let done = self.change(&platform, &rewriting).await;
        rewriting.end().await?;
        let done = done?;
        let key = platform.app.store().keyring().primary_key_id();
        platform.app.store().close().await;
        print(place, key, &done);
        if !done.files.unreadable.is_empty() {
            bail!(
                "these files are still sealed with an older key, which must stay: {}",
                done.files.unreadable.join(", ")
            );
        }
        Ok(())
    }

    async fn change(
        &self,
        platform: &Platform,
        rewriting: &RewriteLock,
    ) -> anyhow::Result<ReencryptionReport> {
        if matches!(self, Self::Rotate) {
            add_key(&platform.settings, platform.app.store().keyring())?;
        }
        Ok(app::privacy::reencryption::reencrypt_all(&platform.app, rewriting).await?)
    }
}

/// Adds a key after those that are in the file by now, and begins to seal with it.
fn add_key(settings: &Settings, vault: &Keyring) -> anyhow::Result<()> {
    if settings.keyring.is_some() {
        bail!(
            "the keys are given as a setting: add a line to it, start the platform anew, then run `pillarbox keyring reseal`"
        );
    }
    vault.reload()?;
    let next = vault.primary_key_id() + 1;
    append_key(
        &keyring_path(settings),
        &Keyring::new_key_line(next, &SystemEntropy),
    )?;
    Ok(vault.reload()?)
}

fn print(place: &Place, key: u32, done: &ReencryptionReport) {
    if place.json {
        return say_json(&json!({
            "key": key,
            "notifications": done.notifications,
            "api_keys": done.api_keys,
            "received_texts": done.received_texts,
            "unsubscribe_requests": done.unsubscribe_requests,
            "callbacks": done.callbacks,
            "idempotency_keys": done.answers,
            "spreadsheets": done.files.spreadsheets,
            "contact_lists": done.files.contact_lists,
            "letters": done.files.letters,
            "template_files": done.files.template_files,
            "unreadable": done.files.unreadable,
        }));
    }
    say(format!(
        "sealed anew with key {key}: {}, {}, {}, {}, {}, {}; files: {}, {}, {}, {}\n\
         A running platform takes the new key within ten seconds; run `pillarbox keyring reseal` once more after that, \
         and wait a day, before an older key is taken out of the file: idempotency keys are remembered with it. Links in \
         e-mails and letters that were made with it work for a year, and no longer than it stays in the file.",
        count(done.notifications, "message"),
        count(done.api_keys, "API key"),
        count(done.callbacks, "callback"),
        count(done.received_texts, "received text"),
        count(done.unsubscribe_requests, "unsubscribe request"),
        count(done.answers, "kept answer"),
        count(done.files.spreadsheets, "spreadsheet"),
        count(done.files.contact_lists, "contact list"),
        count(done.files.letters, "letter"),
        count(done.files.template_files, "template file"),
    ));
}
