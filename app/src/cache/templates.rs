//! Templates, cached with their parsed content.

use std::{sync::Arc, time::Duration};

use domain::{Channel, ServiceId, TemplateId};
pub use store::{template_files::TemplateFile, templates::Template};
use templates::{
    MAX_FILLED_BYTES,
    emails::EmailTemplate,
    letters::LetterTemplate,
    placeholders::{NameSet, Values},
    text_messages::TextMessageTemplate,
};

use super::loading::LoadingCache;
use crate::{App, database_gate::DatabaseGate};

const MAX_ENTRIES: u64 = 10_000;
const CURRENT_VERSION_TTL: Duration = Duration::from_secs(2);
// A version never changes, but its contact block may be archived.
const FIXED_VERSION_TTL: Duration = Duration::from_secs(30);

/// The template and the values make a message that is not even rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the filled template would have {bytes} bytes")]
pub struct FilledTooLarge {
    /// Its size.
    pub bytes: usize,
}

/// A version of a template with its parsed content.
#[derive(Debug)]
pub struct ParsedTemplate {
    /// The stored template.
    pub template: Template,
    /// The parsed content.
    pub text: Text,
    /// The files that each new e-mail gets. Empty for a template that was found by its version: files have no
    /// versions.
    pub files: Vec<TemplateFile>,
}

/// The parsed content of a template, by channel.
#[derive(Debug)]
pub enum Text {
    /// A text message.
    Sms(TextMessageTemplate),
    /// An e-mail.
    Email(Box<EmailTemplate>),
    /// A letter, with its contact block and its Welsh texts.
    Letter(Box<LetterTemplate>),
}

impl ParsedTemplate {
    pub(crate) fn new(template: Template) -> Self {
        let text = match template.template_type {
            Channel::Sms => Text::Sms(TextMessageTemplate::parse(&template.content)),
            Channel::Email => {
                let subject = template.subject.as_deref().unwrap_or_default();
                Text::Email(Box::new(EmailTemplate::parse(subject, &template.content)))
            }
            Channel::Letter => Text::Letter(Box::new(parse_letter(&template))),
        };
        Self {
            template,
            text,
            files: Vec::new(),
        }
    }

    /// Returns the names of the placeholders.
    pub fn placeholders(&self) -> &NameSet {
        match &self.text {
            Text::Sms(text) => text.placeholders(),
            Text::Email(text) => text.placeholders(),
            Text::Letter(text) => text.placeholders(),
        }
    }

    /// Returns the placeholders that the template's files fill, whatever the personalisation.
    pub(crate) fn file_names(&self) -> NameSet {
        file_names(self.files.iter())
    }

    /// Returns the placeholders without a value, in order.
    pub fn missing(&self, values: &Values) -> Vec<String> {
        match &self.text {
            Text::Sms(text) => text.missing(values),
            Text::Email(text) => text.missing(values),
            Text::Letter(text) => text.missing(values),
        }
    }

    /// Returns the placeholders without a value that prevent sending. A letter is sent without those that only its
    /// Welsh texts have (`docs/spec/public-api.md` §6).
    pub(crate) fn missing_to_send(&self, values: &Values) -> Vec<String> {
        match &self.text {
            Text::Letter(text) => text.missing_outside_welsh(values),
            Text::Sms(_) | Text::Email(_) => self.missing(values),
        }
    }

    /// Returns the body as responses show it (`docs/spec/public-api.md` §13): a text message as it is sent, without
    /// the service's name; the source with its values for e-mails and letters. `keeps_all` says whether its service may
    /// send texts of any characters.
    pub fn body(&self, values: &Values, keeps_all: bool) -> String {
        match &self.text {
            Text::Sms(text) if keeps_all => text.fill_unicode(values, None).into_text(),
            Text::Sms(text) => text.fill_composed(values, None).into_text(),
            Text::Email(text) => text.content(values),
            Text::Letter(text) => text.content(values),
        }
    }

    /// Refuses values that would make a message far larger than any that can be sent: rendering it takes many times its size
    /// in memory. A message that is only too long is refused later, where the contract has it.
    pub(crate) fn check_filled_size(&self, values: &Values) -> Result<(), FilledTooLarge> {
        let bytes = match &self.text {
            Text::Sms(text) => text.filled_size(values),
            Text::Email(text) => text.filled_size(values),
            Text::Letter(text) => text.filled_size(values),
        };
        if bytes > MAX_FILLED_BYTES {
            return Err(FilledTooLarge { bytes });
        }
        Ok(())
    }

    /// Returns the rendered subject; text messages have none.
    pub fn subject(&self, values: &Values) -> Option<String> {
        match &self.text {
            Text::Sms(_) => None,
            Text::Email(text) => Some(text.subject(values)),
            Text::Letter(text) => Some(text.subject(values)),
        }
    }
}

/// Returns the placeholders that these files fill.
pub(crate) fn file_names<'a>(files: impl Iterator<Item = &'a TemplateFile>) -> NameSet {
    let mut names = NameSet::new();
    for file in files {
        names.insert(&file.file_name);
    }
    names
}

fn parse_letter(template: &Template) -> LetterTemplate {
    let letter = LetterTemplate::parse(
        template.subject.as_deref().unwrap_or_default(),
        &template.content,
    )
    .with_contact_block(template.letter_contact_block.as_deref().unwrap_or_default());
    match (&template.welsh_subject, &template.welsh_content) {
        (None, None) => letter,
        (subject, content) => letter.with_welsh(
            subject.as_deref().unwrap_or_default(),
            content.as_deref().unwrap_or_default(),
        ),
    }
}

/// Caches of templates: current versions, and versions by number.
#[derive(Debug)]
pub(crate) struct TemplateCache {
    current: LoadingCache<(ServiceId, TemplateId), Option<Arc<ParsedTemplate>>>,
    versions: LoadingCache<(ServiceId, TemplateId, u32), Option<Arc<ParsedTemplate>>>,
}

impl TemplateCache {
    pub(crate) fn new(gate: &DatabaseGate) -> Self {
        Self {
            current: LoadingCache::new(MAX_ENTRIES, CURRENT_VERSION_TTL, gate),
            versions: LoadingCache::new(MAX_ENTRIES, FIXED_VERSION_TTL, gate),
        }
    }
}

impl TemplateCache {
    /// Invalidates the current version of a template.
    pub(crate) fn invalidate(&self, service: ServiceId, id: TemplateId) {
        self.current.invalidate(&(service, id));
    }

    /// Invalidates everything, after a change that many templates refer to.
    pub(crate) fn invalidate_all(&self) {
        self.current.invalidate_all();
        self.versions.invalidate_all();
    }
}

/// Finds a template of a service at its current version, at most two seconds old.
pub async fn find(
    app: &App,
    service: ServiceId,
    id: TemplateId,
) -> Result<Option<Arc<ParsedTemplate>>, Arc<store::Error>> {
    let load = async || {
        let mut session = app.store.read().await?;
        let Some(template) = store::templates::find(&mut session, service, id).await? else {
            return Ok(None);
        };
        let mut parsed = ParsedTemplate::new(template);
        if parsed.template.template_type == Channel::Email {
            parsed.files = store::template_files::list(&mut session, service, id).await?;
        }
        Ok::<_, store::Error>(Some(Arc::new(parsed)))
    };
    let cache = &app.caches.templates.current;
    cache
        .get_or_load((service, id), app.clock.now(), load)
        .await
}

/// Finds a template of a service at `version`.
pub async fn find_version(
    app: &App,
    service: ServiceId,
    id: TemplateId,
    version: u32,
) -> Result<Option<Arc<ParsedTemplate>>, Arc<store::Error>> {
    let load = async || {
        let found =
            store::templates::find_version(&mut app.store.read().await?, service, id, version)
                .await?;
        Ok::<_, store::Error>(found.map(|template| Arc::new(ParsedTemplate::new(template))))
    };
    let cache = &app.caches.templates.versions;
    let key = (service, id, version);
    cache.get_or_load(key, app.clock.now(), load).await
}
