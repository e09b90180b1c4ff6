//! Builds notifications from the rows of a spreadsheet (`docs/spec/workers.md` §4.7, §4.8). A row that can no longer
//! be sent (rules tightened since the upload, a recipient outside the team in trial mode) is stored as
//! `validation-failed` with the reason, so that the numbers of the job add up.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use ::spreadsheets::{Layout, Row};
use ::templates::placeholders::{NameSet, name_key};
use domain::{
    Allowance, Channel, KeyType, NotificationStatus, Permission, ReplyToId, SmsSenderId, Timestamp,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use recipients::{
    email_addresses::{self, EmailAddress},
    phone_numbers::PhoneNumber,
    postal_addresses::PostalAddress,
};
use serde_json::{Map, Value};
use store::{
    jobs::Job,
    notifications::{NewNotification, SealedRow},
    spreadsheets::Spreadsheet,
};
use tracing::warn;

use super::{attachments::Attachments, process::ProcessError};
use crate::{
    App, ParsedTemplate, Tenant,
    accept::max_stored_bytes,
    compose::{MessageDraft, Origin, ResolvedRecipient, letter::first_status, sms::display_sender},
    documents::{self, FileError, PreparedFile},
    jobs::spreadsheets,
};

/// Rows in a batch when the template has files, because every row's files are written before the batch.
const ROWS_WITH_FILES_AT_ONCE: usize = 100;
/// Rows whose files are written concurrently.
const ROWS_ATTACHED_AT_ONCE: usize = 8;

/// A row that is ready to be inserted.
pub(super) struct PreparedRow {
    pub(super) sealed: SealedRow,
    pub(super) channel: Channel,
    pub(super) is_to_be_sent: bool,
    /// A test key's row that counts as sent and waits for a simulated receipt.
    pub(super) receipt_is_simulated: bool,
    /// What it counts as, beside its channel.
    pub(super) also_counts_as: Option<Allowance>,
}

/// A row as the builder returns it.
#[expect(
    clippy::large_enum_variant,
    reason = "almost every row is the large variant, and a box would cost each an allocation"
)]
pub(super) enum BuiltRow {
    /// Ready to be inserted.
    Ready(PreparedRow),
    /// Waits for its links to the template's files.
    WithoutFiles(Box<NewNotification>),
}

/// Builds notifications from rows.
pub(super) struct RowBuilder<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    job: &'a Job,
    template: &'a ParsedTemplate,
    /// The placeholders that a column fills.
    placeholders: NameSet,
    attachments: Attachments,
    sender: Option<String>,
    /// The template was changed after the file was checked.
    template_is_newer: bool,
    now: Timestamp,
}

impl BuiltRow {
    /// Returns roughly how many bytes of memory the row takes.
    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Self::Ready(row) => row.sealed.size_bytes(),
            Self::WithoutFiles(row) => {
                let values = row.contents.personalisation.reveal().iter();
                let sizes =
                    values.map(|(name, value)| name.len() + value.as_str().map_or(0, str::len));
                sizes.sum()
            }
        }
    }

    fn ready(self) -> PreparedRow {
        match self {
            Self::Ready(row) => row,
            Self::WithoutFiles(_) => unreachable!("no row waits where there are no files"),
        }
    }
}

impl<'a> RowBuilder<'a> {
    pub(super) async fn open(
        app: &'a App,
        tenant: &'a Tenant,
        job: &'a Job,
        sheet: &Spreadsheet,
        template: &'a ParsedTemplate,
    ) -> Result<Self, FileError> {
        let channel = template.template.template_type;
        let attachments = Attachments::read(app, job, sheet, channel).await?;
        let placeholders = template.placeholders().difference(&attachments.names());
        let sender = sender(tenant, job, template);
        let written = template.template.updated_at;
        Ok(Self {
            app,
            tenant,
            job,
            template,
            placeholders,
            attachments,
            sender,
            template_is_newer: written.is_some_and(|written| written > sheet.created_at),
            now: app.clock.now(),
        })
    }

    /// Returns the placeholders that columns fill.
    pub(super) const fn placeholders(&self) -> &NameSet {
        &self.placeholders
    }

    /// Returns the first placeholder of an e-mail that neither a column nor a file fills, which happens when a file
    /// was removed from the template after the check. Where the template itself is newer than the check, each row
    /// reports its own missing values.
    pub(super) fn missing_column(&self, layout: &Layout) -> Option<&str> {
        if layout.channel() != Channel::Email || self.template_is_newer {
            return None;
        }
        let keys: HashSet<String> = layout.headers().iter().map(|name| name_key(name)).collect();
        self.placeholders
            .entries()
            .find(|(key, _)| !keys.contains(*key))
            .map(|(_, name)| name)
    }

    /// Returns how many rows make a batch; fewer with files, which are written before the rows.
    pub(super) fn rows_at_once(&self) -> usize {
        let rows = self.app.settings.job_rows_at_once;
        if self.attachments.is_empty() {
            rows
        } else {
            rows.min(ROWS_WITH_FILES_AT_ONCE)
        }
    }

    /// Builds one row. A row that makes the program panic stops its job with an error that names the row.
    pub(super) fn build(&self, row: &Row<'_>, number: u32) -> Result<BuiltRow, ProcessError> {
        of_row(number, || self.build_row(row, number))
    }

    fn build_row(&self, row: &Row<'_>, number: u32) -> BuiltRow {
        let channel = self.template.template.template_type;
        let given = row.recipient().unwrap_or_default();
        let (recipient, invalid) = match channel {
            Channel::Sms => self.resolve_phone(given),
            Channel::Email => resolve_email(given),
            Channel::Letter => self.resolve_address(row),
        };
        let problem = invalid
            .or_else(|| self.out_of_reach(channel, given))
            .or_else(|| self.missing_values(row));
        let personalisation = self.personalisation(row);
        let too_large = too_large(&personalisation, channel);
        // What is not sent need not be stored.
        let personalisation = if too_large.is_some() {
            Map::new()
        } else {
            personalisation
        };
        let problem = problem.or(too_large);
        let is_to_be_sent = problem.is_none();
        let also_counts_as = recipient.also_counts_as.filter(|_| is_to_be_sent);
        let draft = MessageDraft {
            id: self.job.origin().row(number),
            created_at: self.now,
            template: &self.template.template,
            recipient,
            status: self.status(channel, is_to_be_sent),
            personalisation,
            unsubscribe_url: None,
            client_reference: row
                .client_reference()
                .or(self.job.client_reference.as_deref())
                .map(str::to_owned),
            reply_to_text: self.sender.clone(),
            documents: 0,
            problem,
        };
        let origin = Origin {
            service_id: self.job.service_id,
            api_key_id: self.job.api_key_id,
            key_type: self.job.key_type,
            job_row: Some((self.job.id, number)),
            created_by: self.job.created_by,
        };
        let notification = draft.into_notification(&origin, self.app.random());
        if is_to_be_sent && !self.attachments.is_empty() {
            return BuiltRow::WithoutFiles(Box::new(notification));
        }
        BuiltRow::Ready(self.seal(notification, also_counts_as))
    }

    fn seal(
        &self,
        notification: NewNotification,
        also_counts_as: Option<Allowance>,
    ) -> PreparedRow {
        let (status, channel) = (notification.status, notification.channel);
        PreparedRow {
            sealed: notification.seal(self.app.store.keyring()),
            channel,
            is_to_be_sent: status != NotificationStatus::ValidationFailed,
            receipt_is_simulated: status == NotificationStatus::Sending,
            also_counts_as,
        }
    }

    /// Gives each waiting row its own links to the template's files. The files are durable when this returns, before
    /// any of the rows is inserted; no transaction is open meanwhile.
    pub(super) async fn attach(&self, rows: Vec<BuiltRow>) -> Result<Vec<PreparedRow>, FileError> {
        if self.attachments.is_empty() {
            return Ok(rows.into_iter().map(BuiltRow::ready).collect());
        }
        let attached: Vec<(PreparedRow, Vec<PreparedFile>)> = stream::iter(rows)
            .map(|row| self.attach_one(row))
            .buffered(ROWS_ATTACHED_AT_ONCE)
            .try_collect()
            .await?;
        let mut all_files = Vec::new();
        let mut prepared = Vec::with_capacity(attached.len());
        for (row, files) in attached {
            prepared.push(row);
            all_files.extend(files);
        }
        documents::store_for_rows(self.app, &all_files).await?;
        Ok(prepared)
    }

    async fn attach_one(
        &self,
        row: BuiltRow,
    ) -> Result<(PreparedRow, Vec<PreparedFile>), FileError> {
        let mut notification = match row {
            BuiltRow::Ready(row) => return Ok((row, Vec::new())),
            BuiltRow::WithoutFiles(notification) => notification,
        };
        let files = self.attachments.attach(self.app, &mut notification).await?;
        Ok((self.seal(*notification, None), files))
    }

    fn status(&self, channel: Channel, is_to_be_sent: bool) -> NotificationStatus {
        match channel {
            _ if !is_to_be_sent => NotificationStatus::ValidationFailed,
            Channel::Sms | Channel::Email => NotificationStatus::Created,
            Channel::Letter => first_status(self.app, self.job.key_type),
        }
    }

    /// Returns why the job may not send to this recipient, if so. Guest lists do not apply to letters.
    fn out_of_reach(&self, channel: Channel, recipient: &str) -> Option<String> {
        if !self.tenant.is_restricted(self.job.key_type) {
            return None;
        }
        let why = match self.job.key_type {
            KeyType::Team => "the key is a team key",
            KeyType::Normal | KeyType::Test => "the service is in trial mode",
        };
        match channel {
            Channel::Letter => Some(format!("no letter can be sent, for {why}")),
            Channel::Sms | Channel::Email => (!self.tenant.allowed_recipients.allows(recipient))
                .then(|| format!("not on the team or guest list, and {why}")),
        }
    }

    /// Returns which placeholders the row leaves empty, if the template is newer than the check; the check itself
    /// found none.
    fn missing_values(&self, row: &Row<'_>) -> Option<String> {
        if !self.template_is_newer {
            return None;
        }
        let values = row.personalisation(&self.placeholders);
        let mut missing = self.template.missing_to_send(&values);
        // The rest are links to files, which no row has at this point.
        missing.retain(|name| self.placeholders.contains(name));
        (!missing.is_empty()).then(|| format!("Missing personalisation: {}", missing.join(", ")))
    }

    /// Returns the values of the columns that the template uses (`docs/spec/workers.md` §4.7); for letters also the
    /// address columns, which are printed.
    fn personalisation(&self, row: &Row<'_>) -> Map<String, Value> {
        let is_letter = self.template.template.template_type == Channel::Letter;
        row.personalisation(&self.placeholders)
            .iter()
            .filter(|(name, _)| is_letter || self.placeholders.contains(name))
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }

    /// Parses a phone number, and returns what is wrong with it. Rules may have tightened since the check: a number that
    /// can no longer be sent to is stored and not sent (`docs/spec/workers.md` §4.8).
    fn resolve_phone(&self, given: &str) -> (ResolvedRecipient, Option<String>) {
        let permissions = spreadsheets::phone_permissions(self.tenant);
        match PhoneNumber::parse_recipient(given)
            .and_then(|number| number.check(permissions).map(|()| number))
        {
            Ok(number) => (ResolvedRecipient::phone(given, &number), None),
            Err(error) => {
                let problem = error.message().to_owned();
                (ResolvedRecipient::invalid_phone(given), Some(problem))
            }
        }
    }

    /// Parses an address, and returns what is wrong with it. One that is no longer valid, for example because
    /// international letters were switched off, is stored as far as it could be parsed.
    fn resolve_address(&self, row: &Row<'_>) -> (ResolvedRecipient, Option<String>) {
        let abroad = self.tenant.has_permission(Permission::InternationalLetters);
        let address = PostalAddress::from_personalisation(&row.address(), abroad);
        let recipient = ResolvedRecipient::letter(&address, self.template.template.postage);
        (recipient, address.error().map(|error| error.to_string()))
    }
}

/// Parses an e-mail address, and returns what is wrong with it.
/// Returns what is wrong with a row whose values are larger than those of a message may be (`docs/spec/public-api.md` §4).
fn too_large(personalisation: &Map<String, Value>, channel: Channel) -> Option<String> {
    let limit = max_stored_bytes(channel);
    let size = |(name, value): (&String, &Value)| name.len() + value.as_str().map_or(0, str::len);
    let bytes: usize = personalisation.iter().map(size).sum();
    (bytes > limit).then(|| {
        format!(
            "the values of this row have {bytes} bytes; a message may have {limit}. Shorten them"
        )
    })
}

fn resolve_email(given: &str) -> (ResolvedRecipient, Option<String>) {
    let (normalised, problem) = match EmailAddress::parse(given) {
        Ok(address) => (address.normalised(), None),
        Err(error) => (
            email_addresses::formatted_only(given),
            Some(error.to_string()),
        ),
    };
    (ResolvedRecipient::email(given, normalised), problem)
}

/// Returns the chosen sender; one archived since the upload falls back to the default (`docs/spec/workers.md` §4.8
/// Build). For letters it is the contact block as it is now.
fn sender(tenant: &Tenant, job: &Job, template: &ParsedTemplate) -> Option<String> {
    match template.template.template_type {
        Channel::Letter => template.template.letter_contact_block.clone(),
        Channel::Sms => {
            let chosen = job
                .sender_id
                .and_then(|id| tenant.sms_sender(SmsSenderId::from(id)));
            warn_if_gone(job, chosen.is_none());
            chosen
                .or(tenant.default_sms_sender())
                .map(|sender| display_sender(&sender.sms_sender))
        }
        Channel::Email => {
            let chosen = job
                .sender_id
                .and_then(|id| tenant.reply_to(ReplyToId::from(id)));
            warn_if_gone(job, chosen.is_none());
            chosen
                .or(tenant.default_reply_to())
                .map(|reply_to| reply_to.email_address.clone())
        }
    }
}

fn of_row<T>(number: u32, build: impl FnOnce() -> T) -> Result<T, ProcessError> {
    catch_unwind(AssertUnwindSafe(build)).map_err(|_| {
        ProcessError::Broken(format!(
            "the program failed on row {number} (the first is 0); the rows before it are kept"
        ))
    })
}

fn warn_if_gone(job: &Job, is_gone: bool) {
    if let (Some(sender), true) = (job.sender_id, is_gone) {
        warn!(job.id = %job.id, "the sender {sender} of job {} is archived: the default is used", job.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_makes_the_program_fail_says_which_it_is() {
        assert!(matches!(of_row(0, || 7), Ok(7)));
        let failed = of_row::<()>(41, || panic!("as this test wants"));
        let why = failed.expect_err("it fails").in_words();
        assert!(why.starts_with("the program failed on row 41"), "{why}");
    }
}
