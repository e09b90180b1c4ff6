//! Templates with all their versions. A notification keeps the version that it was rendered from.

use std::collections::HashMap;

use domain::{
    Channel, FolderId, Lane, LetterContactId, NotificationId, Postage, ServiceId, TemplateId,
    Timestamp, UserId,
};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{ColumnType, Row, Table, args, columns},
};

/// Template at one of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Primary key, the same for all versions.
    pub id: TemplateId,
    /// Service that it belongs to.
    pub service_id: ServiceId,
    /// Channel of its messages.
    pub template_type: Channel,
    /// Lane of its notifications, if it sets one.
    pub lane: Option<Lane>,
    /// Whether it is archived: nothing new can be sent with it.
    pub archived: bool,
    /// Whether it is the system's own and not shown.
    pub hidden: bool,
    /// Version that the following fields describe; the first is 1.
    pub version: u32,
    /// Name shown to people.
    pub name: String,
    /// Subject; e-mails and letters have one.
    pub subject: Option<String>,
    /// Source of the body.
    pub content: String,
    /// Whether its e-mails carry an unsubscribe link.
    pub has_unsubscribe_link: bool,
    /// Postage class of its letters.
    pub postage: Option<Postage>,
    /// Contact block at the head of its letters.
    pub letter_contact_id: Option<LetterContactId>,
    /// Current text of the contact block; ignored on writing.
    pub letter_contact_block: Option<String>,
    /// Pages that are appended to its letters.
    pub letter_attachment_id: Option<Uuid>,
    /// Whether the service is told of the statuses of its letters; if empty, the callback of the service decides.
    pub letter_callbacks: Option<bool>,
    /// Welsh subject of a bilingual letter.
    pub welsh_subject: Option<String>,
    /// Welsh body of a bilingual letter.
    pub welsh_content: Option<String>,
    /// Folder that it is in.
    pub folder_id: Option<FolderId>,
    /// User who wrote this version.
    pub created_by: Option<UserId>,
    /// When the first version was written.
    pub created_at: Timestamp,
    /// When this version was written, unless it is the first.
    pub updated_at: Option<Timestamp>,
}

const COLUMNS: &str = "t.id, t.service_id, t.template_type, t.lane, t.archived, t.hidden, t.folder_id, v.version, \
                       v.name, v.subject, v.content, v.has_unsubscribe_link, v.postage, v.letter_contact_id, \
                       v.letter_attachment_id, v.letter_callbacks, c.contact_block, v.welsh_subject, v.welsh_content, v.created_by, v.created_at, v.updated_at";

/// A template joined with one of its versions and that version's contact block.
const TABLES: &str = "templates t JOIN template_versions v ON v.template_id = t.id \
                      LEFT JOIN letter_contacts c ON c.id = v.letter_contact_id";

static TEMPLATES: Table<Template> = Table::new(
    "templates",
    columns![template =>
        id: Id = template.id,
        service_id: Id = template.service_id,
        template_type: Text = template.template_type,
        version: Int = template.version,
        lane: Text = template.lane.map(Lane::as_str),
        archived: Bool = template.archived,
        hidden: Bool = template.hidden,
        folder_id: Id = template.folder_id,
        created_at: Time = template.created_at,
    ],
);

static VERSIONS: Table<Template> = Table::new(
    "template_versions",
    columns![template =>
        template_id: Id = template.id,
        version: Int = template.version,
        name: Text = &*template.name,
        subject: Text = template.subject.as_deref(),
        content: Text = &*template.content,
        has_unsubscribe_link: Bool = template.has_unsubscribe_link,
        postage: Text = template.postage.map(Postage::as_str),
        letter_contact_id: Id = template.letter_contact_id,
        letter_attachment_id: Id = template.letter_attachment_id,
        letter_callbacks: Bool = template.letter_callbacks,
        welsh_subject: Text = template.welsh_subject.as_deref(),
        welsh_content: Text = template.welsh_content.as_deref(),
        created_by: Id = template.created_by,
        created_at: Time = template.created_at,
        updated_at: Time = template.updated_at,
    ],
);

/// Inserts a template at its first version.
pub async fn insert(tx: &mut Tx, template: &Template) -> Result<(), Error> {
    tx.insert_row(&TEMPLATES, template).await?;
    insert_version(tx, template).await
}

/// Inserts the next version of a template, whose predecessor is `template.version - 1`. Returns false if another
/// version was written meanwhile.
pub async fn update(tx: &mut Tx, template: &Template) -> Result<bool, Error> {
    let changed = tx
        .execute(
            // Compare-and-set on the version: of two people who edit at once, one is told so.
            "UPDATE templates SET version = $3, lane = $5 WHERE service_id = $1 AND id = $2 AND version = $4",
            args![
                template.service_id,
                template.id,
                template.version,
                i64::from(template.version) - 1,
                template.lane.map(Lane::as_str),
            ],
        )
        .await?;
    if changed == 1 {
        insert_version(tx, template).await?;
    }
    Ok(changed == 1)
}

async fn insert_version(tx: &mut Tx, template: &Template) -> Result<(), Error> {
    tx.insert_row(&VERSIONS, template).await
}

/// Returns a template of a service at its current version, archived and hidden ones included.
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
    row.as_ref().map(parse_template).transpose()
}

/// Returns a template of a service at `version`.
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
    row.as_ref().map(parse_template).transpose()
}

/// Returns the templates of a service at their current versions, without archived and hidden ones, by name, then
/// type in the order of the specification.
pub async fn list(session: &mut Session, service: ServiceId) -> Result<Vec<Template>, Error> {
    session
        .fetch_all(
            format!(
                // Alphabetical order would put e-mails first.
                "SELECT {COLUMNS} FROM {TABLES} WHERE t.service_id = $1 AND v.version = t.version \
                 AND NOT t.archived AND NOT t.hidden \
                 ORDER BY v.name, CASE t.template_type WHEN 'sms' THEN 0 WHEN 'email' THEN 1 ELSE 2 END, t.id"
            ),
            args![service],
        )
        .await?
        .iter()
        .map(parse_template)
        .collect()
}

/// What a template is called, also when it is archived or hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateName {
    /// Primary key.
    pub id: TemplateId,
    /// Channel of its messages.
    pub template_type: Channel,
    /// Current name.
    pub name: String,
    /// Whether it is the system's own: the template of letters that are supplied as PDF.
    pub hidden: bool,
}

/// Returns the names of all templates that a service ever had.
pub async fn list_names(
    session: &mut Session,
    service: ServiceId,
) -> Result<Vec<TemplateName>, Error> {
    session
        .fetch_all(
            "SELECT t.id, t.template_type, t.hidden, v.name FROM templates t \
             JOIN template_versions v ON v.template_id = t.id AND v.version = t.version WHERE t.service_id = $1",
            args![service],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(TemplateName {
                id: row.get("id")?,
                template_type: row.parse("templates", "template_type")?,
                name: row.get("name")?,
                hidden: row.get("hidden")?,
            })
        })
        .collect()
}

/// Returns all versions of a template of a service, newest first.
pub async fn list_versions(
    session: &mut Session,
    service: ServiceId,
    id: TemplateId,
) -> Result<Vec<Template>, Error> {
    session
        .fetch_all(
            format!(
                "SELECT {COLUMNS} FROM {TABLES} WHERE t.service_id = $1 AND t.id = $2 ORDER BY v.version DESC"
            ),
            args![service, id],
        )
        .await?
        .iter()
        .map(parse_template)
        .collect()
}

/// Returns whether services are told of the statuses of these letters, for those whose template says so: in the version that
/// the letter was accepted with. The letters may be lines of history.
pub async fn list_letter_callbacks(
    session: &mut Session,
    letters: &[NotificationId],
) -> Result<HashMap<NotificationId, bool>, Error> {
    let mut found = HashMap::new();
    if letters.is_empty() {
        return Ok(found);
    }
    for table in ["notifications", "notification_history"] {
        let mut args = Vec::new();
        let ids = letters.iter().copied();
        let chosen = session
            .kind()
            .one_of("n.id", ColumnType::Id, ids.clone(), &mut args);
        let pruned = if table == "notifications" {
            session.kind().within("n.id", ids, &mut args)
        } else {
            String::new()
        };
        let sql = format!(
            "SELECT n.id, v.letter_callbacks FROM {table} n JOIN template_versions v \
             ON v.template_id = n.template_id AND v.version = n.template_version \
             WHERE {chosen}{pruned} AND v.letter_callbacks IS NOT NULL"
        );
        for row in session.fetch_all(sql, args).await? {
            found.insert(row.get("id")?, row.get("letter_callbacks")?);
        }
    }
    Ok(found)
}

/// Archives all templates of a service.
pub async fn archive_all(tx: &mut Tx, service: ServiceId) -> Result<(), Error> {
    tx.execute(
        "UPDATE templates SET archived = $2 WHERE service_id = $1 AND NOT archived",
        args![service, true],
    )
    .await?;
    Ok(())
}

/// Archives a template. Returns whether there was one that was not archived.
pub async fn archive(tx: &mut Tx, service: ServiceId, id: TemplateId) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE templates SET archived = $3 WHERE service_id = $1 AND id = $2 AND NOT archived",
            args![service, id, true],
        )
        .await?;
    Ok(changed == 1)
}

fn parse_template(row: &Row) -> Result<Template, Error> {
    Ok(Template {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        template_type: row.parse("templates", "template_type")?,
        lane: row.parse_optional("templates", "lane")?,
        archived: row.get("archived")?,
        hidden: row.get("hidden")?,
        version: row.get_u32("template_versions", "version")?,
        name: row.get("name")?,
        subject: row.get("subject")?,
        content: row.get("content")?,
        has_unsubscribe_link: row.get("has_unsubscribe_link")?,
        postage: row.parse_optional("template_versions", "postage")?,
        letter_contact_id: row.get("letter_contact_id")?,
        letter_contact_block: row.get("contact_block")?,
        letter_attachment_id: row.get("letter_attachment_id")?,
        letter_callbacks: row.get("letter_callbacks")?,
        welsh_subject: row.get("welsh_subject")?,
        welsh_content: row.get("welsh_content")?,
        folder_id: row.get("folder_id")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
