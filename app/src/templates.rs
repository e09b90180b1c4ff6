//! Templates: written, and parsed once for many messages.

use std::{sync::Arc, time::Duration};

use domain::{Channel, FolderId, Lane, Postage, ServiceId, TemplateId, UserId};
use moka::future::Cache;
pub use store::{template_files::TemplateFile, templates::Template};
use templates::{
    emails::EmailTemplate,
    letters::LetterTemplate,
    placeholders::{NameSet, Values},
    text_messages::TextMessageTemplate,
};

use crate::{AdminError, App};

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
    let load = async {
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
    app.templates
        .current
        .try_get_with((service, id), load)
        .await
}

/// A template of a service as it was at `version`.
pub async fn find_version(
    app: &App,
    service: ServiceId,
    id: TemplateId,
    version: u32,
) -> Result<Option<Arc<ParsedTemplate>>, Arc<store::Error>> {
    let load = async {
        let found =
            store::templates::find_version(&mut app.store.read().await?, service, id, version)
                .await?;
        Ok::<_, store::Error>(found.map(|template| Arc::new(ParsedTemplate::new(template))))
    };
    app.templates
        .versions
        .try_get_with((service, id, version), load)
        .await
}

/// The templates of a service, by name.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<Template>, TemplateError> {
    Ok(store::templates::list(&mut app.read().await?, service).await?)
}

/// A template of a service at all its versions, newest first.
pub async fn list_versions(
    app: &App,
    service: ServiceId,
    id: TemplateId,
) -> Result<Vec<Template>, TemplateError> {
    let versions = store::templates::list_versions(&mut app.read().await?, service, id).await?;
    if versions.is_empty() {
        return Err(TemplateError::NoSuch("template"));
    }
    Ok(versions)
}

/// What is written as a template.
#[derive(Debug, Clone)]
pub struct NewTemplate {
    /// What kind of message it makes.
    pub template_type: Channel,
    /// What people call it.
    pub name: String,
    /// E-mails and letters need one.
    pub subject: Option<String>,
    /// The source of the body.
    pub content: String,
    /// Where its messages wait, if not where they would; an update that does not say leaves it as it is.
    pub lane: Option<Lane>,
    /// Who writes it.
    pub created_by: Option<UserId>,
}

/// Why a template cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is no such service or template.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// It needs a subject, or must not have one.
    #[error("{0}")]
    Invalid(&'static str),
    /// Its service, its folder or its author makes no sense.
    #[error(transparent)]
    Around(#[from] AdminError),
    /// Somebody else changed it at the same moment.
    #[error("somebody else changed the template at the same moment: look at it and try again")]
    Overtaken,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Writes a new template.
pub async fn create(
    app: &App,
    service: ServiceId,
    new: NewTemplate,
) -> Result<Template, TemplateError> {
    create_in_folder(app, service, new, None).await
}

/// Writes a new template that lies in a folder.
pub async fn create_in_folder(
    app: &App,
    service: ServiceId,
    new: NewTemplate,
    folder: Option<FolderId>,
) -> Result<Template, TemplateError> {
    let now = app.clock.now();
    let id = TemplateId::generate(now, app.random());
    let template = first_version(service, id, new, now)?;
    let mut tx = crate::services::lock(app, service).await?;
    crate::users::expect(&mut tx, "created_by", template.created_by).await?;
    crate::folders::expect(&mut tx, service, "parent_folder_id", folder).await?;
    store::templates::insert(&mut tx, &template).await?;
    if folder.is_some() {
        store::folders::move_template(&mut tx, service, id, folder).await?;
    }
    tx.commit().await?;
    Ok(template)
}

pub(crate) fn first_version(
    service: ServiceId,
    id: TemplateId,
    new: NewTemplate,
    now: domain::Timestamp,
) -> Result<Template, TemplateError> {
    check(&new)?;
    Ok(Template {
        id,
        service_id: service,
        template_type: new.template_type,
        lane: new.lane,
        archived: false,
        hidden: false,
        version: 1,
        name: new.name,
        subject: new.subject,
        content: new.content,
        has_unsubscribe_link: false,
        postage: (new.template_type == Channel::Letter).then_some(Postage::Second),
        letter_contact_id: None,
        letter_contact_block: None,
        welsh_subject: None,
        welsh_content: None,
        folder_id: None,
        created_by: new.created_by,
        created_at: now,
        updated_at: None,
    })
}

/// Writes the next version of a template. Messages and jobs that exist keep theirs.
pub async fn update(
    app: &App,
    service: ServiceId,
    id: TemplateId,
    new: NewTemplate,
) -> Result<Template, TemplateError> {
    check(&new)?;
    let mut tx = app.write().await?;
    crate::users::expect(&mut tx, "created_by", new.created_by).await?;
    let before = store::templates::find(&mut tx, service, id)
        .await?
        .ok_or(TemplateError::NoSuch("template"))?;
    if before.template_type != new.template_type {
        return Err(TemplateError::Invalid(
            "the type of a template cannot change: make another",
        ));
    }
    let after = Template {
        version: before.version + 1,
        lane: new.lane.or(before.lane),
        name: new.name,
        subject: new.subject,
        content: new.content,
        created_by: new.created_by,
        updated_at: Some(app.clock.now()),
        ..before
    };
    if !store::templates::update(&mut tx, &after).await? {
        return Err(TemplateError::Overtaken);
    }
    tx.commit().await?;
    app.templates.current.invalidate(&(service, id)).await;
    Ok(after)
}

/// Archives a template: nothing new can be made from it.
pub async fn archive(app: &App, service: ServiceId, id: TemplateId) -> Result<(), TemplateError> {
    let mut tx = app.write().await?;
    let archived = store::templates::archive(&mut tx, service, id).await?;
    tx.commit().await?;
    app.templates.current.invalidate(&(service, id)).await;
    if archived {
        Ok(())
    } else {
        Err(TemplateError::NoSuch("template that is not archived yet"))
    }
}

fn check(new: &NewTemplate) -> Result<(), TemplateError> {
    let has_subject = new
        .subject
        .as_deref()
        .is_some_and(|subject| !subject.trim().is_empty());
    match new.template_type {
        _ if new.name.trim().is_empty() => Err(TemplateError::Invalid("a template needs a name")),
        _ if new.content.trim().is_empty() => {
            Err(TemplateError::Invalid("a template needs content"))
        }
        Channel::Sms if has_subject => Err(TemplateError::Invalid("a text message has no subject")),
        Channel::Email | Channel::Letter if !has_subject => Err(TemplateError::Invalid(
            "an e-mail or letter template needs a subject",
        )),
        _ => Ok(()),
    }
}
