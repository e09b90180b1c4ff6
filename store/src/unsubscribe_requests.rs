//! Unsubscribe requests of recipients. A notification has at most one open request, however often its link is
//! followed.

use domain::{NotificationId, Private, ServiceId, TemplateId, Timestamp, UnsubscribeRequestId};
use uuid::Uuid;

use crate::{
    Error, Keyring, Session, Tx,
    db::{Arg, Row, Table, args, columns, parameters},
};

/// Request of a recipient to receive no more messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeRequest {
    /// Primary key.
    pub id: UnsubscribeRequestId,
    /// Notification whose link was followed.
    pub notification_id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Template of the notification.
    pub template_id: TemplateId,
    /// Version of the template.
    pub template_version: u32,
    /// Address to unsubscribe.
    pub email_address: Private<String>,
    /// When the request was made.
    pub created_at: Timestamp,
    /// When the service processed it.
    pub processed_at: Option<Timestamp>,
}

/// Inserts a request unless its notification has an open one. Returns whether it was new.
pub async fn insert(
    tx: &mut Tx,
    keyring: &Keyring,
    request: &UnsubscribeRequest,
) -> Result<bool, Error> {
    let owner = request.id.as_uuid();
    let sealed = keyring.seal(owner.as_bytes(), request.email_address.reveal().as_bytes());
    let changed = tx
        .execute(
            // A partial unique index on open requests makes a second click harmless.
            "INSERT INTO unsubscribe_requests \
               (id, notification_id, service_id, template_id, template_version, sealed, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            args![
                request.id,
                request.notification_id,
                request.service_id,
                request.template_id,
                request.template_version,
                sealed,
                request.created_at,
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns whether a notification of any service has a request that is not processed yet.
pub async fn is_open(session: &mut Session, notification: NotificationId) -> Result<bool, Error> {
    let row = session
        .fetch_optional(
            "SELECT id FROM unsubscribe_requests WHERE notification_id = $1 AND processed_at IS NULL",
            args![notification],
        )
        .await?;
    Ok(row.is_some())
}

/// Returns up to `count` requests to a service, newest first.
pub async fn list(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    count: u32,
) -> Result<Vec<UnsubscribeRequest>, Error> {
    session
        .fetch_all(
            "SELECT id, notification_id, template_id, template_version, sealed, created_at, processed_at \
             FROM unsubscribe_requests WHERE service_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
            args![service, count],
        )
        .await?
        .iter()
        .map(|row| parse(row, keyring, service))
        .collect()
}

/// Returns the requests of a service with these ids that are not in the history.
pub async fn list_by_id(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    ids: &[UnsubscribeRequestId],
) -> Result<Vec<UnsubscribeRequest>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT id, notification_id, template_id, template_version, sealed, created_at, processed_at \
         FROM unsubscribe_requests WHERE service_id = $1 AND id IN ({})",
        parameters(2, ids.len())
    );
    let mut args = args![service];
    args.extend(ids.iter().copied().map(Arg::from));
    let rows = session.fetch_all(sql, args).await?;
    rows.iter()
        .map(|row| parse(row, keyring, service))
        .collect()
}

/// Marks the open requests for a notification of a service as processed. Returns how many.
pub async fn set_processed(
    tx: &mut Tx,
    service: ServiceId,
    notification: NotificationId,
    at: Timestamp,
) -> Result<u64, Error> {
    tx.execute(
        "UPDATE unsubscribe_requests SET processed_at = $3 \
         WHERE service_id = $1 AND notification_id = $2 AND processed_at IS NULL",
        args![service, notification, at],
    )
    .await
}

/// Moves requests to the history, without the address: those in reports created before `reported`, and those in no report
/// created before `open`, up to `count` of each. Returns how many (`docs/spec/workers.md` §16).
pub async fn move_to_history(
    tx: &mut Tx,
    reported: Timestamp,
    open: Timestamp,
    count: u32,
) -> Result<u64, Error> {
    const KEPT: &str = "id, notification_id, service_id, template_id, template_version, report_id, created_at, processed_at";
    let rows = tx
        .fetch_all(
            "SELECT id FROM unsubscribe_requests WHERE id IN \
             (SELECT unsubscribe_requests.id FROM unsubscribe_requests \
              JOIN unsubscribe_request_reports ON unsubscribe_request_reports.id = report_id \
              WHERE unsubscribe_request_reports.created_at < $1 LIMIT $2) \
             OR id IN (SELECT id FROM unsubscribe_requests WHERE report_id IS NULL AND created_at < $3 LIMIT $2)",
            args![reported, count, open],
        )
        .await?;
    let ids: Vec<UnsubscribeRequestId> = rows
        .iter()
        .map(|row| row.get("id"))
        .collect::<Result<_, _>>()?;
    if ids.is_empty() {
        return Ok(0);
    }
    // The same ids are copied and deleted, so that a request that is reported meanwhile is not lost.
    let chosen = format!("id IN ({})", parameters(1, ids.len()));
    let args = || ids.iter().copied().map(Arg::from).collect::<Vec<_>>();
    tx.execute(
        format!(
            "INSERT INTO unsubscribe_request_history ({KEPT}) SELECT {KEPT} FROM unsubscribe_requests WHERE {chosen} \
             ON CONFLICT (id) DO NOTHING"
        ),
        args(),
    )
    .await?;
    tx.execute(
        format!("DELETE FROM unsubscribe_requests WHERE {chosen}"),
        args(),
    )
    .await
}

/// Batch of requests that a service has fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Primary key.
    pub id: Uuid,
    /// Service that it is for.
    pub service_id: ServiceId,
    /// Number of requests in it.
    pub request_count: u32,
    /// When its first request was made.
    pub earliest_at: Timestamp,
    /// When its last request was made.
    pub latest_at: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the service had processed it.
    pub processed_at: Option<Timestamp>,
}

/// Returns how many requests of a service are in no report, and when the first and last of them were made.
pub async fn count_unreported(
    session: &mut Session,
    service: ServiceId,
) -> Result<Option<(u32, Timestamp, Timestamp)>, Error> {
    let row = session
        .fetch_optional(
            "SELECT count(*) AS requests, min(created_at) AS earliest, max(created_at) AS latest \
             FROM unsubscribe_requests WHERE service_id = $1 AND report_id IS NULL",
            args![service],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let count = row.get_u32("unsubscribe_requests", "requests")?;
    let (earliest, latest) = (row.get("earliest")?, row.get("latest")?);
    Ok(match (earliest, latest) {
        (Some(earliest), Some(latest)) if count > 0 => Some((count, earliest, latest)),
        _ => None,
    })
}

/// Puts all requests of a service that are in no report into a new one. Returns it, or `None` if there are no requests.
pub async fn create_report(
    tx: &mut Tx,
    service: ServiceId,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<Report>, Error> {
    // The requests are claimed first: one that arrives meanwhile is in the next report, and is counted there.
    let changed = tx
        .execute(
            "UPDATE unsubscribe_requests SET report_id = $2 WHERE service_id = $1 AND report_id IS NULL",
            args![service, id],
        )
        .await?;
    if changed == 0 {
        return Ok(None);
    }
    let sql = "SELECT count(*) AS requests, min(created_at) AS earliest, max(created_at) AS latest \
               FROM unsubscribe_requests WHERE report_id = $1";
    let row = tx.fetch_optional(sql, args![id]).await?;
    let Some(row) = row else { return Ok(None) };
    let report = Report {
        id,
        service_id: service,
        request_count: row.get_u32("unsubscribe_requests", "requests")?,
        earliest_at: row.get("earliest")?,
        latest_at: row.get("latest")?,
        created_at: now,
        processed_at: None,
    };
    tx.insert_row(&REPORTS, &report).await?;
    Ok(Some(report))
}

static REPORTS: Table<Report> = Table::new(
    "unsubscribe_request_reports",
    columns![report =>
        id: Id = report.id,
        service_id: Id = report.service_id,
        request_count: Int = report.request_count,
        earliest_at: Time = report.earliest_at,
        latest_at: Time = report.latest_at,
        created_at: Time = report.created_at,
        processed_at: Time = report.processed_at,
    ],
);

/// Returns up to `count` reports of a service, newest first.
pub async fn list_reports(
    session: &mut Session,
    service: ServiceId,
    count: u32,
) -> Result<Vec<Report>, Error> {
    let sql = "SELECT id, service_id, request_count, earliest_at, latest_at, created_at, processed_at \
               FROM unsubscribe_request_reports WHERE service_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2";
    let rows = session.fetch_all(sql, args![service, count]).await?;
    rows.iter()
        .map(|row| {
            Ok(Report {
                id: row.get("id")?,
                service_id: row.get("service_id")?,
                request_count: row.get_u32("unsubscribe_request_reports", "request_count")?,
                earliest_at: row.get("earliest_at")?,
                latest_at: row.get("latest_at")?,
                created_at: row.get("created_at")?,
                processed_at: row.get("processed_at")?,
            })
        })
        .collect()
}

/// Marks a report of a service and its requests as processed, or as not processed. Returns whether it exists.
pub async fn set_report_processed(
    tx: &mut Tx,
    service: ServiceId,
    id: Uuid,
    at: Option<Timestamp>,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE unsubscribe_request_reports SET processed_at = $3 WHERE service_id = $1 AND id = $2",
            args![service, id, at],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    // A notification can have a newer open request by now, and has one open request at most.
    let sql = "UPDATE unsubscribe_requests SET processed_at = $3 WHERE service_id = $1 AND report_id = $2 \
               AND ($3 IS NOT NULL OR NOT EXISTS (SELECT 1 FROM unsubscribe_requests AS newer \
                 WHERE newer.notification_id = unsubscribe_requests.notification_id AND newer.processed_at IS NULL))";
    tx.execute(sql, args![service, id, at]).await?;
    Ok(true)
}

/// Returns up to `count` requests of a report of a service, oldest first.
pub async fn list_of_report(
    session: &mut Session,
    keyring: &Keyring,
    service: ServiceId,
    report: Uuid,
    count: u32,
) -> Result<Vec<UnsubscribeRequest>, Error> {
    let sql = "SELECT id, notification_id, template_id, template_version, sealed, created_at, processed_at \
               FROM unsubscribe_requests WHERE service_id = $1 AND report_id = $2 ORDER BY created_at, id LIMIT $3";
    let rows = session
        .fetch_all(sql, args![service, report, count])
        .await?;
    rows.iter()
        .map(|row| parse(row, keyring, service))
        .collect()
}

fn parse(row: &Row, keyring: &Keyring, service: ServiceId) -> Result<UnsubscribeRequest, Error> {
    let id: UnsubscribeRequestId = row.get("id")?;
    let sealed: Vec<u8> = row.get("sealed")?;
    let plain = keyring.open(id.as_uuid().as_bytes(), &sealed)?;
    Ok(UnsubscribeRequest {
        id,
        notification_id: row.get("notification_id")?,
        service_id: service,
        template_id: row.get("template_id")?,
        template_version: row.get_u32("unsubscribe_requests", "template_version")?,
        email_address: String::from_utf8_lossy(&plain).into_owned().into(),
        created_at: row.get("created_at")?,
        processed_at: row.get("processed_at")?,
    })
}

/// Returns up to `count` requests after `after` in the order of ids, each with its service and address; of one
/// service or of all.
pub async fn list_addresses(
    session: &mut Session,
    keyring: &Keyring,
    service: Option<ServiceId>,
    after: Uuid,
    count: u32,
) -> Result<Vec<(ServiceId, UnsubscribeRequestId, Private<String>)>, Error> {
    let mut args = args![after, count];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $3"
    });
    let sql = format!(
        "SELECT service_id, id, sealed FROM unsubscribe_requests WHERE id > $1{of_one} ORDER BY id LIMIT $2"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| {
            let id: UnsubscribeRequestId = row.get("id")?;
            let plain = keyring.open(id.as_uuid().as_bytes(), &row.get::<Vec<u8>>("sealed")?)?;
            let address = String::from_utf8_lossy(&plain).into_owned();
            Ok((row.get("service_id")?, id, address.into()))
        })
        .collect()
}

/// Deletes a request of a service. Returns whether it existed.
pub async fn delete(
    tx: &mut Tx,
    service: ServiceId,
    id: UnsubscribeRequestId,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "DELETE FROM unsubscribe_requests WHERE service_id = $1 AND id = $2",
            args![service, id],
        )
        .await?;
    Ok(changed == 1)
}

/// Re-encrypts with the primary key up to `count` requests after `after`. Returns how many, and the last one read.
pub async fn reencrypt(
    tx: &mut Tx,
    keyring: &Keyring,
    after: Uuid,
    count: u32,
) -> Result<(u64, Option<Uuid>), Error> {
    crate::reencryption::reencrypt(tx, keyring, "unsubscribe_requests", after, count).await
}
