//! Reading templates with their authors, and previewing them with values (`docs/spec/public-api.md` §17, §18).

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use ::templates::{markdown, placeholders::Values};
use domain::{Channel, Permission, Postage, ServiceId, TemplateId, UserId};
use serde_json::{Map, Value};
use text::describe_characters;

use crate::{
    App, ParsedTemplate,
    cache::{
        templates::{self, FilledTooLarge, Text},
        tenants,
    },
};

/// A version of a template with its author.
#[derive(Debug)]
pub struct TemplateWithAuthor {
    /// The parsed template.
    pub parsed: Arc<ParsedTemplate>,
    /// The e-mail address of the author.
    pub author: Option<String>,
}

/// Finds a template at a version, or at its current one. Archived templates are found, hidden ones are not.
pub async fn find(
    app: &App,
    service: ServiceId,
    id: TemplateId,
    version: Option<u32>,
) -> Result<Option<TemplateWithAuthor>, Arc<store::Error>> {
    let found = match version {
        Some(version) => templates::find_version(app, service, id, version).await?,
        None => templates::find(app, service, id).await?,
    };
    // A hidden template belongs to letters that were supplied as PDF.
    let Some(parsed) = found.filter(|found| !found.template.hidden) else {
        return Ok(None);
    };
    let author = AuthorCache::default()
        .address_of(app, parsed.template.created_by)
        .await?;
    Ok(Some(TemplateWithAuthor { parsed, author }))
}

/// Lists the current versions of a service's templates, optionally of one channel, ordered by name.
pub async fn list(
    app: &App,
    service: ServiceId,
    template_type: Option<Channel>,
) -> Result<Vec<TemplateWithAuthor>, Arc<store::Error>> {
    let found = store::templates::list(&mut app.read().await?, service).await?;
    let mut authors = AuthorCache::default();
    let mut with_authors = Vec::with_capacity(found.len());
    for template in found {
        if template_type.is_some_and(|wanted| wanted != template.template_type) {
            continue;
        }
        let author = authors.address_of(app, template.created_by).await?;
        with_authors.push(TemplateWithAuthor {
            // Not from the cache: a list of everything would push out what messages need.
            parsed: Arc::new(ParsedTemplate::new(template)),
            author,
        });
    }
    Ok(with_authors)
}

/// Caches the addresses of authors during one listing: a service has many templates and few authors.
#[derive(Debug, Default)]
struct AuthorCache(HashMap<UserId, Option<String>>);

impl AuthorCache {
    async fn address_of(
        &mut self,
        app: &App,
        author: Option<UserId>,
    ) -> Result<Option<String>, store::Error> {
        let Some(author) = author else {
            return Ok(None);
        };
        Ok(match self.0.entry(author) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let user = store::users::find(&mut app.read().await?, author).await?;
                unknown.insert(user.map(|user| user.email_address)).clone()
            }
        })
    }
}

/// A message as a template would render it.
#[derive(Debug)]
pub struct Preview {
    /// The id of the template.
    pub id: TemplateId,
    /// The channel of the message.
    pub template_type: Channel,
    /// The version that was rendered.
    pub version: u32,
    /// The body as the API shows it.
    pub body: String,
    /// The rendered subject; absent for text messages.
    pub subject: Option<String>,
    /// The rendered HTML body of an e-mail, without a surrounding page.
    pub html: Option<String>,
    /// The postage of a letter.
    pub postage: Option<Postage>,
    /// What recipients will not see of the content, a sentence each.
    pub warnings: Vec<String>,
}

/// An error of previewing a template.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The service has no such template.
    #[error("no such template")]
    NoSuchTemplate,
    /// Placeholders have no value.
    #[error("values are missing")]
    MissingPersonalisation(Vec<String>),
    /// The message would be too large to be rendered.
    #[error(transparent)]
    FilledTooLarge(#[from] FilledTooLarge),
    /// The database failed.
    #[error("the store failed")]
    Store(#[from] Arc<store::Error>),
}

/// Returns warnings about what recipients would not see of the filled content.
fn find_lost(parsed: &ParsedTemplate, values: &Values, body: &str) -> Vec<String> {
    match &parsed.text {
        Text::Sms(_) => Vec::new(),
        Text::Email(_) => markdown::find_dropped(body).warnings(),
        Text::Letter(text) => {
            let mut warnings = markdown::find_dropped(body).warnings();
            let unprintable = typesetting::unprintable_in_letter(text, values);
            if !unprintable.is_empty() {
                warnings.push(format!(
                    "these characters cannot be printed in a letter: {}",
                    describe_characters(&unprintable)
                ));
            }
            warnings
        }
    }
}

/// Renders a template with values. Archived templates and messages that are empty or too long are accepted.
pub async fn preview(
    app: &App,
    service: ServiceId,
    id: TemplateId,
    personalisation: &Map<String, Value>,
) -> Result<Preview, PreviewError> {
    let parsed = templates::find(app, service, id)
        .await?
        .filter(|found| !found.template.hidden)
        .ok_or(PreviewError::NoSuchTemplate)?;
    let values = Values::from_json(personalisation);
    let missing = parsed.missing(&values);
    if !missing.is_empty() {
        return Err(PreviewError::MissingPersonalisation(missing));
    }
    parsed.check_filled_size(&values)?;
    let tenant = tenants::find(app, service).await?;
    let keeps_all = tenant.is_some_and(|tenant| tenant.has_permission(Permission::UnicodeSms));
    let body = parsed.body(&values, keeps_all);
    let html = match &parsed.text {
        Text::Email(text) => Some(text.html_body(&values)),
        Text::Sms(_) | Text::Letter(_) => None,
    };
    let template = &parsed.template;
    Ok(Preview {
        id: template.id,
        template_type: template.template_type,
        version: template.version,
        subject: parsed.subject(&values),
        html,
        postage: template.postage,
        // Of the filled content, because a value can bring in a table too.
        warnings: find_lost(&parsed, &values, &body),
        body,
    })
}
