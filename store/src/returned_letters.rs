//! Letters returned to sender, for the reports of their services.

use std::collections::BTreeSet;

use domain::{NotificationId, NotificationStatus, ServiceId, TemplateId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Arg, Row, Table, args, columns, parameters},
};

/// Letter found by its printed reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedLetter {
    /// Id of the letter.
    pub id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Current status.
    pub status: NotificationStatus,
}

/// Line of a service's report of returned letters.
struct ReportLine {
    notification_id: NotificationId,
    service_id: ServiceId,
    reported_at: Timestamp,
}

static TABLE: Table<ReportLine> = Table::new(
    "returned_letters",
    columns![line =>
        notification_id: Id = line.notification_id,
        service_id: Id = line.service_id,
        reported_at: Time = line.reported_at,
    ],
);

/// Returns the letters of any service that have one of these references.
pub async fn list_by_reference(
    session: &mut Session,
    references: &[String],
) -> Result<Vec<MatchedLetter>, Error> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        // Providers' references of other channels are in the same column.
        "SELECT id, service_id, status FROM notifications \
         WHERE notification_type = 'letter' AND reference IN ({})",
        parameters(1, references.len())
    );
    let args = references
        .iter()
        .map(|one| Arg::from(one.as_str()))
        .collect();
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| {
            Ok(MatchedLetter {
                id: row.get("id")?,
                service_id: row.get("service_id")?,
                status: row.parse("notifications", "status")?,
            })
        })
        .collect()
}

/// Returns those of `letters` that are in a report already.
pub async fn filter_recorded(
    session: &mut Session,
    letters: &[MatchedLetter],
) -> Result<BTreeSet<NotificationId>, Error> {
    if letters.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = format!(
        "SELECT notification_id FROM returned_letters WHERE notification_id IN ({})",
        parameters(1, letters.len())
    );
    let args = letters.iter().map(|letter| Arg::from(letter.id)).collect();
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(|row| row.get("notification_id")).collect()
}

/// Records letters as returned, in the report of that day, and returns how many are new. A letter already in a
/// report stays there, because its service may have read the report.
pub async fn insert_many(
    tx: &mut Tx,
    letters: &[MatchedLetter],
    day: Timestamp,
) -> Result<u64, Error> {
    let lines: Vec<ReportLine> = letters
        .iter()
        .map(|letter| ReportLine {
            notification_id: letter.id,
            service_id: letter.service_id,
            reported_at: day,
        })
        .collect();
    tx.insert_rows(&TABLE, &lines).await
}

/// Returns up to `count` returned letters of a service that were reported since `since`, newest first.
pub async fn list(
    session: &mut Session,
    service: ServiceId,
    since: Timestamp,
    count: u32,
) -> Result<Vec<(NotificationId, Timestamp)>, Error> {
    session
        .fetch_all(
            "SELECT notification_id, reported_at FROM returned_letters WHERE service_id = $1 AND reported_at >= $2 \
             ORDER BY reported_at DESC, notification_id LIMIT $3",
            args![service, since, count],
        )
        .await?
        .iter()
        .map(|row| Ok((row.get("notification_id")?, row.get("reported_at")?)))
        .collect()
}

/// What a service is told of a returned letter (`docs/spec/public-api.md` §24.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnedLetterDetails {
    /// Id of the letter.
    pub id: NotificationId,
    /// Reference given by the service.
    pub client_reference: Option<String>,
    /// Whether it was sent with an API key.
    pub has_api_key: bool,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// E-mail address of the user who sent it, if one did.
    pub sent_by: Option<String>,
    /// Template that it was rendered from.
    pub template_id: TemplateId,
    /// Version of the template.
    pub template_version: u32,
    /// Name of the template in that version.
    pub template_name: String,
    /// Whether its PDF was supplied, so that the template is a hidden one.
    pub is_precompiled: bool,
    /// Name of the spreadsheet that it was a row of.
    pub job_file_name: Option<String>,
    /// Row in that spreadsheet, counted from 0.
    pub job_row_number: Option<u32>,
}

/// Returns the details of letters of a service, those whose retention has ended included.
pub async fn list_details(
    session: &mut Session,
    service: ServiceId,
    letters: &[NotificationId],
) -> Result<Vec<ReturnedLetterDetails>, Error> {
    let mut found = Vec::new();
    if letters.is_empty() {
        return Ok(found);
    }
    for table in ["notifications", "notification_history"] {
        let sql = format!(
            "SELECT n.id, n.client_reference, n.api_key_id, n.created_at, n.template_id, n.template_version, \
               n.job_row_number, v.name AS template_name, t.hidden, j.original_file_name, u.email_address \
             FROM {table} n JOIN templates t ON t.id = n.template_id \
             JOIN template_versions v ON v.template_id = n.template_id AND v.version = n.template_version \
             LEFT JOIN jobs j ON j.id = n.job_id AND j.service_id = n.service_id \
             LEFT JOIN users u ON u.id = n.created_by WHERE n.service_id = $1 AND n.id IN ({})",
            parameters(2, letters.len())
        );
        let mut args = args![service];
        args.extend(letters.iter().copied().map(Arg::from));
        for row in session.fetch_all(sql, args).await? {
            found.push(parse_details(&row)?);
        }
    }
    Ok(found)
}

fn parse_details(row: &Row) -> Result<ReturnedLetterDetails, Error> {
    const TABLE: &str = "notifications";
    Ok(ReturnedLetterDetails {
        id: row.get("id")?,
        client_reference: row.get("client_reference")?,
        has_api_key: row.get::<Option<uuid::Uuid>>("api_key_id")?.is_some(),
        created_at: row.get("created_at")?,
        sent_by: row.get("email_address")?,
        template_id: row.get("template_id")?,
        template_version: row.get_u32(TABLE, "template_version")?,
        template_name: row.get("template_name")?,
        is_precompiled: row.get("hidden")?,
        job_file_name: row.get("original_file_name")?,
        job_row_number: row.get_optional_u32(TABLE, "job_row_number")?,
    })
}
