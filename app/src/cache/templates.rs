//! Templates: written, and parsed once for many messages.

use std::{sync::Arc, time::Duration};

use domain::{Channel, ServiceId, TemplateId};
use moka::future::Cache;
pub use store::{template_files::TemplateFile, templates::Template};
use templates::{
    emails::EmailTemplate,
    letters::LetterTemplate,
    placeholders::{NameSet, Values},
    text_messages::TextMessageTemplate,
};

use super::loading::find_or_load;
use crate::App;

const CURRENT_VERSION_TTL: Duration = Duration::from_secs(2);
const FIXED_VERSION_TTL: Duration = Duration::from_secs(30);

/// A template at one version, parsed.
#[derive(Debug)]
pub struct ParsedTemplate {
    /// The template as it is kept.
    pub template: Template,
    /// Its text, parsed.
    pub text: Text,
    /// The files that go with every e-mail made from it now; at a version that is not looked up.
    pub files: Vec<TemplateFile>,
}

/// The parsed text of a template.
#[derive(Debug)]
pub enum Text {
    /// Of a text message.
    Sms(TextMessageTemplate),
    /// Of an e-mail.
    Email(Box<EmailTemplate>),
    /// Of a letter, with its contact block and its Welsh side.
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

    /// The names for which it wants values.
    pub fn placeholders(&self) -> &NameSet {
        match &self.text {
            Text::Sms(text) => text.placeholders(),
            Text::Email(text) => text.placeholders(),
            Text::Letter(text) => text.placeholders(),
        }
    }

    /// The names that its files give values to, whatever is sent.
    pub(crate) fn file_names(&self) -> NameSet {
        file_names(self.files.iter())
    }

    /// The placeholders without a value, in order.
    pub fn missing(&self, values: &Values) -> Vec<String> {
        match &self.text {
            Text::Sms(text) => text.missing(values),
            Text::Email(text) => text.missing(values),
            Text::Letter(text) => text.missing(values),
        }
    }

    /// Those of them without which nothing is sent: a letter goes without what only its Welsh texts want
    /// (`docs/spec/public-api.md` §6).
    pub(crate) fn missing_to_send(&self, values: &Values) -> Vec<String> {
        match &self.text {
            Text::Letter(text) => text.missing_outside_welsh(values),
            Text::Sms(_) | Text::Email(_) => self.missing(values),
        }
    }

    /// The body as answers show it (`docs/spec/public-api.md` §13): a text as it is sent but without the service's
    /// name; of e-mails and letters the source with its values.
    pub fn body(&self, values: &Values) -> String {
        match &self.text {
            Text::Sms(text) => text.fill(values, None).into_text(),
            Text::Email(text) => text.content(values),
            Text::Letter(text) => text.content(values),
        }
    }

    /// The rendered subject; texts have none.
    pub fn subject(&self, values: &Values) -> Option<String> {
        match &self.text {
            Text::Sms(_) => None,
            Text::Email(text) => Some(text.subject(values)),
            Text::Letter(text) => Some(text.subject(values)),
        }
    }
}

/// The names that these files give values to.
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

/// The templates that were asked for lately: the current ones, and those at a version.
#[derive(Debug)]
pub(crate) struct TemplateCache {
    current: Cache<(ServiceId, TemplateId), Option<Arc<ParsedTemplate>>>,
    versions: Cache<(ServiceId, TemplateId, u32), Option<Arc<ParsedTemplate>>>,
}

impl TemplateCache {
    pub(crate) fn new() -> Self {
        Self {
            current: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(CURRENT_VERSION_TTL)
                .build(),
            versions: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(FIXED_VERSION_TTL)
                .build(),
        }
    }
}

impl TemplateCache {
    /// The current version of this template is looked up anew.
    pub(crate) async fn forget(&self, service: ServiceId, id: TemplateId) {
        self.current.invalidate(&(service, id)).await;
    }

    /// Looks everything up anew: what changed concerns many.
    pub(crate) fn forget_all(&self) {
        self.current.invalidate_all();
        self.versions.invalidate_all();
    }
}

/// A template of a service at its current version, at most two seconds old.
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
        let mut prepared = ParsedTemplate::new(template);
        if prepared.template.template_type == Channel::Email {
            prepared.files = store::template_files::list(&mut session, service, id).await?;
        }
        Ok::<_, store::Error>(Some(Arc::new(prepared)))
    };
    find_or_load(&app.caches.templates.current, (service, id), load).await
}

/// A template of a service as it was at `version`.
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
    find_or_load(&app.caches.templates.versions, (service, id, version), load).await
}
