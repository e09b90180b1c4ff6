//! Templates with all their versions. A message keeps the version that it was made from.

use domain::{
    Channel, FolderId, Lane, LetterContactId, Postage, ServiceId, TemplateId, Timestamp, UserId,
};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// A template at one of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Which.
    pub id: TemplateId,
    /// Whose.
    pub service_id: ServiceId,
    /// What kind of message it makes.
    pub template_type: Channel,
    /// Where its messages wait, if it says so itself.
    pub lane: Option<Lane>,
    /// No new messages may be made from it.
    pub archived: bool,
    /// It is the system's own and is not shown.
    pub hidden: bool,
    /// The version that the rest describes; 1 is the first.
    pub version: u32,
    /// What people call it.
    pub name: String,
    /// E-mails and letters have one.
    pub subject: Option<String>,
    /// The source of the body.
    pub content: String,
    /// E-mails made from it carry an unsubscribe link.
    pub has_unsubscribe_link: bool,
    /// Letters: how they travel.
    pub postage: Option<Postage>,
    /// Letters: the contact block at their head.
    pub letter_contact_id: Option<LetterContactId>,
    /// Its text, as it is now; only read.
    pub letter_contact_block: Option<String>,
    /// Letters in two languages: the Welsh subject.
    pub welsh_subject: Option<String>,
    /// Letters in two languages: the Welsh body.
    pub welsh_content: Option<String>,
    /// The folder that it lies in.
    pub folder_id: Option<FolderId>,
    /// Who wrote this version.
    pub created_by: Option<UserId>,
    /// When its first version was written.
    pub created_at: Timestamp,
    /// When this version was written, if it is not the first.
    pub updated_at: Option<Timestamp>,
}

const COLUMNS: &str = "t.id, t.service_id, t.template_type, t.lane, t.archived, t.hidden, t.folder_id, v.version, \
                       v.name, v.subject, v.content, v.has_unsubscribe_link, v.postage, v.letter_contact_id, \
                       c.contact_block, v.welsh_subject, v.welsh_content, v.created_by, v.created_at, v.updated_at";

/// A template with one of its versions, and the contact block of that.
const TABLES: &str = "templates t JOIN template_versions v ON v.template_id = t.id \
                      LEFT JOIN letter_contacts c ON c.id = v.letter_contact_id";

/// Keeps a new template at its first version.
pub async fn insert(tx: &mut Tx, template: &Template) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO templates (id, service_id, template_type, version, lane, archived, hidden, folder_id, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            template.id,
            template.service_id,
            template.template_type,
            template.version,
            template.lane.map(Lane::as_str),
            template.archived,
            template.hidden,
            template.folder_id,
            template.created_at,
        ],
    )
    .await?;
    insert_version(tx, template).await
}

/// Writes the next version of a template over the one given as `template.version - 1`; false if somebody was faster.
pub async fn update(tx: &mut Tx, template: &Template) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE templates SET version = $3 WHERE service_id = $1 AND id = $2 AND version = $4",
            args![
                template.service_id,
                template.id,
                template.version,
                i64::from(template.version) - 1
            ],
        )
        .await?;
    if touched == 1 {
        insert_version(tx, template).await?;
    }
    Ok(touched == 1)
}

async fn insert_version(tx: &mut Tx, template: &Template) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO template_versions (template_id, version, name, subject, content, has_unsubscribe_link, postage, \
         letter_contact_id, welsh_subject, welsh_content, created_by, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        args![
            template.id,
            template.version,
            &*template.name,
            template.subject.as_deref(),
            &*template.content,
            template.has_unsubscribe_link,
            template.postage.map(Postage::as_str),
            template.letter_contact_id,
            template.welsh_subject.as_deref(),
            template.welsh_content.as_deref(),
            template.created_by,
            template.created_at,
            template.updated_at,
        ],
    )
    .await?;
    Ok(())
}

/// A template of a service at its current version, archived and hidden ones too.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    id: TemplateId,
) -> Result<Option<Template>, Error> {
    let row = session
        .fetch_optional(
            format!(
                "SELECT {COLUMNS} FROM {TABLES} WHERE t.service_id = $1 AND t.id = $2 AND v.version = t.version"
            ),
            args![service, id],
        )
        .await?;
    row.as_ref().map(template).transpose()
}

/// A template of a service as it was at `version`.
pub async fn find_version(
    session: &mut Session,
    service: ServiceId,
    id: TemplateId,
    version: u32,
) -> Result<Option<Template>, Error> {
    let row = session
        .fetch_optional(
            format!(
                "SELECT {COLUMNS} FROM {TABLES} WHERE t.service_id = $1 AND t.id = $2 AND v.version = $3"
            ),
            args![service, id, version],
        )
        .await?;
    row.as_ref().map(template).transpose()
}

/// The templates of a service at their current versions, by name, then type in the order of the specification; without
/// archived and hidden ones.
pub async fn list(session: &mut Session, service: ServiceId) -> Result<Vec<Template>, Error> {
    session
        .fetch_all(
            format!(
                "SELECT {COLUMNS} FROM {TABLES} WHERE t.service_id = $1 AND v.version = t.version \
                 AND NOT t.archived AND NOT t.hidden \
                 ORDER BY v.name, CASE t.template_type WHEN 'sms' THEN 0 WHEN 'email' THEN 1 ELSE 2 END, t.id"
            ),
            args![service],
        )
        .await?
        .iter()
        .map(template)
        .collect()
}

/// Archives a template: nothing new can be made from it. Whether there was one that was not archived.
pub async fn archive(tx: &mut Tx, service: ServiceId, id: TemplateId) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE templates SET archived = $3 WHERE service_id = $1 AND id = $2 AND NOT archived",
            args![service, id, true],
        )
        .await?;
    Ok(touched == 1)
}

fn template(row: &Row) -> Result<Template, Error> {
    let lane: Option<String> = row.get("lane")?;
    Ok(Template {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        template_type: row.word("templates", "template_type")?,
        lane: lane.map(|_| row.word("templates", "lane")).transpose()?,
        archived: row.get("archived")?,
        hidden: row.get("hidden")?,
        version: row.count("template_versions", "version")?,
        name: row.get("name")?,
        subject: row.get("subject")?,
        content: row.get("content")?,
        has_unsubscribe_link: row.get("has_unsubscribe_link")?,
        postage: row.optional_word("template_versions", "postage")?,
        letter_contact_id: row.get("letter_contact_id")?,
        letter_contact_block: row.get("contact_block")?,
        welsh_subject: row.get("welsh_subject")?,
        welsh_content: row.get("welsh_content")?,
        folder_id: row.get("folder_id")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
