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
    Channel, KeyType, NotificationStatus, Permission, Postage, ReplyToId, SmsSenderId, Timestamp,
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
    notifications::{Contents, NewNotification, SealedRow},
    spreadsheets::Spreadsheet,
};
use tracing::warn;

use super::{attachments::Attachments, process::ProcessError};
use crate::{
    App, ParsedTemplate, Tenant,
    accept::{letter, print_reference, sms::shown_sender},
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
    pub(super) receipt_is_made_up: bool,
    /// Counts against the quota of international texts.
    pub(super) is_abroad: bool,
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
    prepared: &'a ParsedTemplate,
    /// The placeholders that a column fills.
    placeholders: NameSet,
    attachments: Attachments,
    sender: Option<String>,
    /// The template was changed after the file was checked.
    template_is_newer: bool,
    now: Timestamp,
}

impl BuiltRow {
    fn ready(self) -> PreparedRow {
        match self {
            Self::Ready(printed) => printed,
            Self::WithoutFiles(_) => unreachable!("no row waits where there are no files"),
        }
    }
}

/// A row's recipient after it was parsed and formatted.
struct ResolvedRecipient {
    recipient: String,
    normalised: String,
    international: bool,
    phone_prefix: Option<String>,
    rate_multiplier: Option<u32>,
    postage: Option<Postage>,
    is_abroad: bool,
    problem: Option<String>,
}

impl<'a> RowBuilder<'a> {
    pub(super) async fn open(
        app: &'a App,
        tenant: &'a Tenant,
        job: &'a Job,
        sheet: &Spreadsheet,
        prepared: &'a ParsedTemplate,
    ) -> Result<Self, FileError> {
        let channel = prepared.template.template_type;
        let attachments = Attachments::read(app, job, sheet, channel).await?;
        let placeholders = prepared.placeholders().difference(&attachments.names());
        let sender = sender(tenant, job, prepared);
        let written = prepared.template.updated_at;
        Ok(Self {
            app,
            tenant,
            job,
            prepared,
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
        of_row(number, || self.set(row, number))
    }

    fn set(&self, row: &Row<'_>, number: u32) -> BuiltRow {
        let channel = self.prepared.template.template_type;
        let recipient = row.recipient().unwrap_or_default();
        let mut addressed = match channel {
            Channel::Sms => self.address_text(recipient),
            Channel::Email => address_email(recipient),
            Channel::Letter => self.address_letter(row),
        };
        if addressed.problem.is_none() {
            addressed.problem = self.out_of_reach(channel, recipient);
        }
        if addressed.problem.is_none() && self.template_is_newer {
            addressed.problem = self.unfilled(row);
        }
        let is_to_be_sent = addressed.problem.is_none();
        let status = self.status(channel, is_to_be_sent);
        let is_letter = channel == Channel::Letter;
        let notification = NewNotification {
            id: self.job.origin().row(number),
            service_id: self.job.service_id,
            job_row: Some((self.job.id, number)),
            template_id: self.job.template_id,
            template_version: self.job.template_version,
            api_key_id: self.job.api_key_id,
            key_type: self.job.key_type,
            channel,
            status,
            contents: Contents {
                recipient: addressed.recipient.into(),
                normalised: addressed.normalised.into(),
                personalisation: self.personalisation(row).into(),
                unsubscribe_url: None,
            },
            client_reference: row
                .client_reference()
                .or(self.job.client_reference.as_deref())
                .map(str::to_owned),
            reply_to_text: self.sender.clone(),
            international: addressed.international,
            phone_prefix: addressed.phone_prefix,
            rate_multiplier: addressed.rate_multiplier,
            postage: addressed.postage,
            reference: is_letter.then(|| print_reference(self.app.random())),
            documents: 0,
            created_by: self.job.created_by,
            created_at: self.now,
            problem: addressed.problem,
        };
        if is_to_be_sent && !self.attachments.is_empty() {
            return BuiltRow::WithoutFiles(Box::new(notification));
        }
        BuiltRow::Ready(self.seal(notification, is_to_be_sent && addressed.is_abroad))
    }

    fn seal(&self, notification: NewNotification, is_abroad: bool) -> PreparedRow {
        let (status, channel) = (notification.status, notification.channel);
        PreparedRow {
            sealed: notification.seal(self.app.store.keyring()),
            channel,
            is_to_be_sent: status != NotificationStatus::ValidationFailed,
            receipt_is_made_up: status == NotificationStatus::Sending,
            is_abroad,
        }
    }

    /// Gives each waiting row its own links to the template's files. The files are durable when this returns, before
    /// any of the rows is inserted; no transaction is open meanwhile.
    pub(super) async fn attach(
        &self,
        proofs: Vec<BuiltRow>,
    ) -> Result<Vec<PreparedRow>, FileError> {
        if self.attachments.is_empty() {
            return Ok(proofs.into_iter().map(BuiltRow::ready).collect());
        }
        let attached: Vec<(PreparedRow, Vec<PreparedFile>)> = stream::iter(proofs)
            .map(|proof| self.attach_one(proof))
            .buffered(ROWS_ATTACHED_AT_ONCE)
            .try_collect()
            .await?;
        let mut drafts = Vec::new();
        let mut printed = Vec::with_capacity(attached.len());
        for (row, files) in attached {
            printed.push(row);
            drafts.extend(files);
        }
        documents::store_for_rows(self.app, &drafts).await?;
        Ok(printed)
    }

    async fn attach_one(
        &self,
        proof: BuiltRow,
    ) -> Result<(PreparedRow, Vec<PreparedFile>), FileError> {
        let mut notification = match proof {
            BuiltRow::Ready(printed) => return Ok((printed, Vec::new())),
            BuiltRow::WithoutFiles(notification) => notification,
        };
        let drafts = self.attachments.attach(self.app, &mut notification).await?;
        Ok((self.seal(*notification, false), drafts))
    }

    fn status(&self, channel: Channel, is_to_be_sent: bool) -> NotificationStatus {
        match channel {
            _ if !is_to_be_sent => NotificationStatus::ValidationFailed,
            Channel::Sms | Channel::Email => NotificationStatus::Created,
            Channel::Letter => letter::first_status(self.app, self.job.key_type),
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
            Channel::Sms | Channel::Email => (!self.tenant.reachable.allows(recipient))
                .then(|| format!("not on the team or guest list, and {why}")),
        }
    }

    /// Returns which placeholders the row leaves empty, if the template is newer than the check; the check itself
    /// found none.
    fn unfilled(&self, row: &Row<'_>) -> Option<String> {
        let values = row.personalisation(&self.placeholders);
        let mut missing = self.prepared.missing_to_send(&values);
        // The rest are links to files, which no row has at this point.
        missing.retain(|name| self.placeholders.contains(name));
        (!missing.is_empty()).then(|| format!("Missing personalisation: {}", missing.join(", ")))
    }

    /// Returns the values of the columns that the template uses (`docs/spec/workers.md` §4.7); for letters also the
    /// address columns, which are printed.
    fn personalisation(&self, row: &Row<'_>) -> Map<String, Value> {
        let is_letter = self.prepared.template.template_type == Channel::Letter;
        row.personalisation(&self.placeholders)
            .iter()
            .filter(|(name, _)| is_letter || self.placeholders.contains(name))
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }

    /// Parses and formats a phone number. Rules may have tightened since the check: a number that can no longer be
    /// sent to is stored and not sent (`docs/spec/workers.md` §4.8).
    fn address_text(&self, recipient: &str) -> ResolvedRecipient {
        let permissions = spreadsheets::phone_permissions(self.tenant);
        match PhoneNumber::parse_recipient(recipient)
            .and_then(|number| number.check(permissions).map(|()| number))
        {
            Ok(number) => ResolvedRecipient {
                recipient: recipient.to_owned(),
                normalised: number.normalised(),
                international: number.is_international(),
                phone_prefix: Some(number.country_prefix()),
                rate_multiplier: number.rate_multiplier(),
                postage: None,
                is_abroad: !number.is_uk(),
                problem: None,
            },
            Err(error) => ResolvedRecipient {
                recipient: recipient.to_owned(),
                normalised: recipient.to_owned(),
                international: false,
                phone_prefix: Some("44".to_owned()),
                rate_multiplier: Some(0),
                postage: None,
                is_abroad: false,
                problem: Some(error.message().to_owned()),
            },
        }
    }

    /// Formats the whole address, a line each, as it is printed (`docs/spec/letters.md` §4.1, §6.2). One that is no
    /// longer valid, for example because international letters were switched off, is stored as far as it could be
    /// parsed.
    fn address_letter(&self, row: &Row<'_>) -> ResolvedRecipient {
        let abroad = self.tenant.may(Permission::InternationalLetters);
        let address = PostalAddress::from_personalisation(&row.address(), abroad);
        let recipient = address.normalised();
        ResolvedRecipient {
            normalised: letter::for_comparing(&recipient),
            recipient,
            international: address.is_international(),
            phone_prefix: None,
            rate_multiplier: None,
            postage: Some(letter::postage(&address, self.prepared.template.postage)),
            is_abroad: false,
            problem: address.error().map(|error| error.to_string()),
        }
    }
}

fn address_email(recipient: &str) -> ResolvedRecipient {
    let (normalised, problem) = match EmailAddress::parse(recipient) {
        Ok(address) => (address.normalised(), None),
        Err(error) => (
            email_addresses::formatted_only(recipient),
            Some(error.to_string()),
        ),
    };
    ResolvedRecipient {
        recipient: recipient.to_owned(),
        normalised,
        international: false,
        phone_prefix: None,
        rate_multiplier: None,
        postage: None,
        is_abroad: false,
        problem,
    }
}

/// Returns the chosen sender; one archived since the upload falls back to the default (`docs/spec/workers.md` §4.8
/// Build). For letters it is the contact block as it is now.
fn sender(tenant: &Tenant, job: &Job, prepared: &ParsedTemplate) -> Option<String> {
    match prepared.template.template_type {
        Channel::Letter => prepared.template.letter_contact_block.clone(),
        Channel::Sms => {
            let chosen = job
                .sender_id
                .and_then(|id| tenant.sms_sender(SmsSenderId::from(id)));
            warn_if_gone(job, chosen.is_none());
            chosen
                .or(tenant.default_sms_sender())
                .map(|sender| shown_sender(&sender.sms_sender))
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

fn of_row<T>(number: u32, print: impl FnOnce() -> T) -> Result<T, ProcessError> {
    catch_unwind(AssertUnwindSafe(print)).map_err(|_| {
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
