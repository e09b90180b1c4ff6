//! Letters returned to sender, for the reports of their services.

use std::collections::BTreeSet;

use domain::{NotificationId, ServiceId, TemplateId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Arg, Row, Table, args, columns, parameters},
};

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

/// Records letters as returned, each with its service, in the report of that day. Returns those that are new. A letter
/// already in a report stays there, because its service may have read the report.
pub async fn insert_many(
    tx: &mut Tx,
    letters: &[(NotificationId, ServiceId)],
    day: Timestamp,
) -> Result<Vec<(NotificationId, ServiceId)>, Error> {
    let recorded = list_recorded(tx, letters).await?;
    let is_new = |(id, _): &&(NotificationId, ServiceId)| !recorded.contains(id);
    let new: Vec<(NotificationId, ServiceId)> = letters.iter().filter(is_new).copied().collect();
    let lines: Vec<ReportLine> = new
        .iter()
        .map(|(notification_id, service_id)| ReportLine {
            notification_id: *notification_id,
            service_id: *service_id,
            reported_at: day,
        })
        .collect();
    tx.insert_rows(&TABLE, &lines).await?;
    Ok(new)
}

/// Returns those of `letters` that are in a report already.
async fn list_recorded(
    session: &mut Session,
    letters: &[(NotificationId, ServiceId)],
) -> Result<BTreeSet<NotificationId>, Error> {
    if letters.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = format!(
        "SELECT notification_id FROM returned_letters WHERE notification_id IN ({})",
        parameters(1, letters.len())
    );
    let args = letters.iter().map(|(id, _)| Arg::from(*id)).collect();
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(|row| row.get("notification_id")).collect()
}

/// Reported letters of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportDay {
    /// Start of the day, in UTC.
    pub reported_at: Timestamp,
    /// How many letters were reported.
    pub count: u64,
}

/// Returns the days on which letters of a service were reported, newest first.
pub async fn list_days(session: &mut Session, service: ServiceId) -> Result<Vec<ReportDay>, Error> {
    session
        .fetch_all(
            "SELECT reported_at, COUNT(*) AS count FROM returned_letters WHERE service_id = $1 \
             GROUP BY reported_at ORDER BY reported_at DESC",
            args![service],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(ReportDay {
                reported_at: row.get("reported_at")?,
                count: row.get::<i64>("count")?.unsigned_abs(),
            })
        })
        .collect()
}

/// Returns up to `count` letters of a service that were reported on a day, after the letter `after`, by id.
pub async fn list_of_day(
    session: &mut Session,
    service: ServiceId,
    reported_at: Timestamp,
    after: Option<NotificationId>,
    count: u32,
) -> Result<Vec<NotificationId>, Error> {
    let after = after.unwrap_or_else(|| uuid::Uuid::nil().into());
    session
        .fetch_all(
            "SELECT notification_id FROM returned_letters WHERE service_id = $1 AND reported_at = $2 \
             AND notification_id > $3 ORDER BY notification_id LIMIT $4",
            args![service, reported_at, after, count],
        )
        .await?
        .iter()
        .map(|row| row.get("notification_id"))
        .collect()
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
    /// Name of the user who sent it, if one did.
    pub user_name: Option<String>,
    /// E-mail address of that user.
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
               n.job_row_number, v.name AS template_name, t.hidden, j.original_file_name, u.name AS user_name, \
               u.email_address \
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
        user_name: row.get("user_name")?,
        sent_by: row.get("email_address")?,
        template_id: row.get("template_id")?,
        template_version: row.get_u32(TABLE, "template_version")?,
        template_name: row.get("template_name")?,
        is_precompiled: row.get("hidden")?,
        job_file_name: row.get("original_file_name")?,
        job_row_number: row.get_optional_u32(TABLE, "job_row_number")?,
    })
}
