//! Creating, changing and archiving templates. Existing notifications and jobs keep the version that they were made
//! from.

use ::templates::{
    emails::EmailTemplate,
    markdown,
    placeholders::{self, Values},
    text_messages,
};
use domain::{
    Channel, FolderId, Lane, LetterContactId, Permission, Postage, ServiceId, TemplateId,
    Timestamp, UserId,
};
use store::Tx;
pub use store::templates::Template;

use text::describe_characters;
use uuid::Uuid;

use super::AdminError;
pub use crate::cache::templates::{find, find_version};
use crate::{App, compose::printed_text::printed_text};

/// Lists the templates of a service, ordered by name.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<Template>, TemplateError> {
    Ok(store::templates::list(&mut app.read().await?, service).await?)
}

/// Lists all versions of a template, newest first.
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

/// A template, or a new version of one, to write.
#[derive(Debug, Clone)]
pub struct NewTemplate {
    /// The channel of its messages.
    pub template_type: Channel,
    /// The name shown to people.
    pub name: String,
    /// The subject; required for e-mails and letters.
    pub subject: Option<String>,
    /// The source text of the body.
    pub content: String,
    /// The lane of its messages, if not the default; an update without one leaves it as it is.
    pub lane: Option<Lane>,
    /// The author.
    pub created_by: Option<UserId>,
}

/// What a template may say besides its text. Absent members of a change leave things as they are; `Some(None)` removes one.
#[derive(Debug, Clone, Default)]
pub struct TemplateOptions {
    /// Whether its e-mails have a link to unsubscribe.
    pub has_unsubscribe_link: Option<bool>,
    /// The class of postage of its letters, one within the United Kingdom.
    pub postage: Option<Postage>,
    /// The contact block of its letters.
    pub letter_contact_id: Option<Option<LetterContactId>>,
    /// The pages that are appended to its letters.
    pub letter_attachment_id: Option<Option<Uuid>>,
    /// Whether the service is told of the statuses of its letters, whatever the callback of the service says.
    pub letter_callbacks: Option<Option<bool>>,
    /// The Welsh subject of its letters.
    pub welsh_subject: Option<Option<String>>,
    /// The Welsh content of its letters.
    pub welsh_content: Option<Option<String>>,
}

impl TemplateOptions {
    /// Fails if an option does not fit the channel.
    fn check(&self, channel: Channel) -> Result<(), TemplateError> {
        let is_letter = channel == Channel::Letter;
        let of_letters = self.postage.is_some()
            || self.letter_contact_id.is_some()
            || self.letter_attachment_id.is_some()
            || self.letter_callbacks.is_some()
            || self.welsh_subject.is_some()
            || self.welsh_content.is_some();
        if of_letters && !is_letter {
            return Err(TemplateError::Invalid(
                "only a letter template has postage, a contact block, an attachment, a switch for callbacks and Welsh texts",
            ));
        }
        // The address decides for letters abroad (`docs/spec/letters.md` §2).
        if matches!(self.postage, Some(Postage::Europe | Postage::RestOfWorld)) {
            return Err(TemplateError::Invalid(
                "postage is invalid. It must be either first, second or economy.",
            ));
        }
        if self.has_unsubscribe_link == Some(true) && channel != Channel::Email {
            return Err(TemplateError::Invalid(
                "only an e-mail template has a link to unsubscribe",
            ));
        }
        Ok(())
    }

    /// Applies the options to a template, with the contact block that they name.
    async fn apply(self, tx: &mut Tx, template: Template) -> Result<Template, TemplateError> {
        self.check(template.template_type)?;
        let mut changed = Template {
            has_unsubscribe_link: self
                .has_unsubscribe_link
                .unwrap_or(template.has_unsubscribe_link),
            postage: self.postage.or(template.postage),
            letter_attachment_id: self
                .letter_attachment_id
                .unwrap_or(template.letter_attachment_id),
            letter_callbacks: self.letter_callbacks.unwrap_or(template.letter_callbacks),
            welsh_subject: self.welsh_subject.unwrap_or(template.welsh_subject),
            welsh_content: self.welsh_content.unwrap_or(template.welsh_content),
            ..template
        };
        if let Some(contact) = self.letter_contact_id {
            changed.letter_contact_id = contact;
            changed.letter_contact_block = match contact {
                Some(id) => {
                    let found = store::letter_contacts::find(tx, changed.service_id, id).await?;
                    Some(
                        found
                            .ok_or(TemplateError::NoSuch("contact block"))?
                            .contact_block,
                    )
                }
                None => None,
            };
        }
        if let Some(Some(id)) = self.letter_attachment_id
            && store::letter_attachments::find(tx, changed.service_id, id)
                .await?
                .is_none()
        {
            return Err(TemplateError::NoSuch("attachment"));
        }
        if changed.welsh_subject.is_some() != changed.welsh_content.is_some() {
            return Err(TemplateError::Invalid(
                "a Welsh letter needs both a Welsh subject and Welsh content",
            ));
        }
        Ok(changed)
    }
}

/// An error of writing a template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The service or the template does not exist.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// A field is missing, or must not be given for this channel.
    #[error("{0}")]
    Invalid(&'static str),
    /// Recipients would not get the content as it is written.
    #[error("{0}")]
    Content(String),
    /// The service, the folder or the author is invalid.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The template was changed concurrently.
    #[error("the template was changed at the same time: look at it and try again")]
    Conflict,
    /// The database failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Creates a template.
pub async fn create(
    app: &App,
    service: ServiceId,
    new: NewTemplate,
) -> Result<Template, TemplateError> {
    create_in_folder(app, service, new, None).await
}

/// Creates a template in a folder.
pub async fn create_in_folder(
    app: &App,
    service: ServiceId,
    new: NewTemplate,
    folder: Option<FolderId>,
) -> Result<Template, TemplateError> {
    create_with_options(app, service, new, TemplateOptions::default(), folder).await
}

/// Creates a template with options, in a folder.
pub async fn create_with_options(
    app: &App,
    service: ServiceId,
    new: NewTemplate,
    options: TemplateOptions,
    folder: Option<FolderId>,
) -> Result<Template, TemplateError> {
    let now = app.clock.now();
    let id = TemplateId::generate(now, app.random());
    let template = first_version(service, id, normalise_placeholders(new), now)?;
    let mut tx = super::services::lock(app, service).await?;
    let template = options.apply(&mut tx, template).await?;
    check_content(&mut tx, &template).await?;
    super::users::check_exists(&mut tx, "created_by", template.created_by).await?;
    super::folders::check_exists(&mut tx, service, "parent_folder_id", folder).await?;
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
    now: Timestamp,
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
        letter_attachment_id: None,
        letter_callbacks: None,
        welsh_subject: None,
        welsh_content: None,
        folder_id: None,
        created_by: new.created_by,
        created_at: now,
        updated_at: None,
    })
}

/// Writes a new version of a template.
pub async fn update(
    app: &App,
    service: ServiceId,
    id: TemplateId,
    new: NewTemplate,
) -> Result<Template, TemplateError> {
    update_with_options(app, service, id, new, TemplateOptions::default()).await
}

/// Writes a new version of a template, with other options.
pub async fn update_with_options(
    app: &App,
    service: ServiceId,
    id: TemplateId,
    new: NewTemplate,
    options: TemplateOptions,
) -> Result<Template, TemplateError> {
    check(&new)?;
    let new = normalise_placeholders(new);
    // Without the lock of the service: the update is conditional on the version.
    let mut tx = app.write().await?;
    super::users::check_exists(&mut tx, "created_by", new.created_by).await?;
    let before = store::templates::find(&mut tx, service, id)
        .await?
        .ok_or(TemplateError::NoSuch("template"))?;
    // Existing jobs and callers rely on the channel.
    if before.template_type != new.template_type {
        return Err(TemplateError::Invalid(
            "the type of a template cannot change: make another",
        ));
    }
    let after = Template {
        version: before.version + 1,
        // An operator sets the lane; an author who edits the text does not know of it.
        lane: new.lane.or(before.lane),
        name: new.name,
        subject: new.subject,
        content: new.content,
        created_by: new.created_by,
        updated_at: Some(app.clock.now()),
        ..before
    };
    let after = options.apply(&mut tx, after).await?;
    check_content(&mut tx, &after).await?;
    if !store::templates::update(&mut tx, &after).await? {
        // The update is conditional on the version that was read.
        return Err(TemplateError::Conflict);
    }
    tx.commit().await?;
    app.caches.templates.invalidate(service, id);
    Ok(after)
}

/// Replaces the invisible spaces in the names of placeholders with ordinary ones.
fn normalise_placeholders(new: NewTemplate) -> NewTemplate {
    NewTemplate {
        subject: new.subject.as_deref().map(placeholders::with_plain_names),
        content: placeholders::with_plain_names(&new.content),
        ..new
    }
}

/// Archives a template, so that nothing new can be sent with it.
pub async fn archive(app: &App, service: ServiceId, id: TemplateId) -> Result<(), TemplateError> {
    let mut tx = app.write().await?;
    let archived = store::templates::archive(&mut tx, service, id).await?;
    tx.commit().await?;
    app.caches.templates.invalidate(service, id);
    if archived {
        Ok(())
    } else {
        Err(TemplateError::NoSuch("template that is not archived yet"))
    }
}

const MAX_NAME_CHARACTERS: usize = 255;

fn check(new: &NewTemplate) -> Result<(), TemplateError> {
    let has_subject = new
        .subject
        .as_deref()
        .is_some_and(|subject| !subject.trim().is_empty());
    match new.template_type {
        _ if new.name.trim().is_empty() => Err(TemplateError::Invalid("a template needs a name")),
        _ if new.name.chars().count() > MAX_NAME_CHARACTERS => Err(TemplateError::Invalid(
            "the name of a template has at most 255 characters",
        )),
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

/// Checks that recipients would get the content as it is written. Templates saved before these checks, or by fixtures,
/// can still be sent.
async fn check_content(tx: &mut Tx, template: &Template) -> Result<(), TemplateError> {
    match template.template_type {
        Channel::Sms => {
            // Not from the cache, so that a permission that was just given counts.
            let service = store::services::find(tx, template.service_id).await?;
            let allows_unicode = service
                .is_some_and(|service| service.permissions.contains(&Permission::UnicodeSms));
            check_text_message(&template.content, allows_unicode)
        }
        Channel::Email => check_email(template),
        Channel::Letter => check_letter(template),
    }
}

fn check_text_message(content: &str, allows_unicode: bool) -> Result<(), TemplateError> {
    let parsed = text_messages::TextMessageTemplate::parse(content);
    // Placeholders count as nothing, so no message of a template refused here could be sent.
    let shortest = parsed.fill(&Values::new(), None);
    if shortest.is_too_long() {
        return Err(TemplateError::Content(format!(
            "a text message has at most {} characters: this one has {}",
            text_messages::LIMIT,
            shortest.content_count()
        )));
    }
    let lost = parsed.not_encodable();
    if allows_unicode || lost.is_empty() {
        return Ok(());
    }
    Err(TemplateError::Content(format!(
        "these characters cannot be sent in a text message: {}. Remove them, or give the service the permission {}",
        describe_characters(&lost),
        Permission::UnicodeSms
    )))
}

fn check_email(template: &Template) -> Result<(), TemplateError> {
    let subject = template.subject.as_deref().unwrap_or_default();
    let parsed = EmailTemplate::parse(subject, &template.content);
    // Values that show every conditional text.
    let values: Values = parsed
        .placeholders()
        .iter()
        .map(|name| (name, "yes".into()))
        .collect();
    if parsed.fill(&values).vanishes() {
        return Err(TemplateError::Content(
            "recipients would see an empty e-mail: tables and images are not shown".to_owned(),
        ));
    }
    Ok(())
}

fn check_letter(template: &Template) -> Result<(), TemplateError> {
    let unprintable = typesetting::unprintable_characters(&printed_text(template));
    if unprintable.is_empty() {
        return Ok(());
    }
    Err(TemplateError::Content(format!(
        "these characters cannot be printed in a letter: {}",
        describe_characters(&unprintable)
    )))
}

/// Returns what the author of a template should know about it, a sentence each: constructs of the content that
/// recipients will not see.
pub fn warnings(template: &Template) -> Vec<String> {
    match template.template_type {
        Channel::Sms => Vec::new(),
        Channel::Email | Channel::Letter => markdown::find_dropped(&template.content).warnings(),
    }
}
