//! Services, the tenants of the platform, with their permissions, daily limits and allowed recipients.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Allowance, OrganisationId, Permission, ServiceId, Timestamp, UserId};

use crate::{
    Error, Session, Tx,
    db::{Arg, Row, args},
};

/// Tenant of the platform, to which templates, keys, jobs and notifications belong.
#[expect(
    clippy::struct_excessive_bools,
    reason = "its switches are independent of each other"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Primary key.
    pub id: ServiceId,
    /// Name shown to people, and before its text messages if `prefix_sms`.
    pub name: String,
    /// Whether it can do anything; an inactive service cannot.
    pub active: bool,
    /// Whether it is in trial mode: it can send only to its team and guest list.
    pub restricted: bool,
    /// Local part of its e-mails' sender address.
    pub email_sender_local_part: String,
    /// Whether its name is put before its text messages.
    pub prefix_sms: bool,
    /// Contact address for recipients; required for sending files.
    pub contact_link: Option<String>,
    /// Requests per minute for each type of key.
    pub rate_limit: u32,
    /// Features that it may use.
    pub permissions: BTreeSet<Permission>,
    /// Daily limits that differ from the standard.
    pub limits: BTreeMap<Allowance, i64>,
    /// Bytes that it may store, if that differs from the setting.
    pub storage_limit_bytes: Option<i64>,
    /// Organisation that it belongs to.
    pub organisation_id: Option<OrganisationId>,
    /// Whether it counts in public statistics; false for services that only try things out.
    pub count_as_live: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Service {
    /// Returns its daily limit for a quota.
    pub fn daily_limit(&self, allowance: Allowance) -> i64 {
        self.limits
            .get(&allowance)
            .copied()
            .unwrap_or(allowance.standard_limit())
    }
}

const COLUMNS: &str = "id, name, active, restricted, email_sender_local_part, prefix_sms, contact_link, rate_limit, \
                       organisation_id, count_as_live, storage_limit_bytes, created_at";

/// Inserts a service with its permissions and limits. Fails with [`Error::Exists`] if the name is taken.
pub async fn insert(tx: &mut Tx, service: &Service) -> Result<(), Error> {
    let mut args = columns(service);
    args.push(service.created_at.into());
    tx.execute(
        format!(
            "INSERT INTO services ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        ),
        args,
    )
    .await?;
    set_permissions_and_limits(tx, service).await
}

/// Updates a service with its permissions and limits. Fails with [`Error::Exists`] if the name is taken.
pub async fn update(tx: &mut Tx, service: &Service) -> Result<(), Error> {
    tx.execute(
        "UPDATE services SET name = $2, active = $3, restricted = $4, email_sender_local_part = $5, prefix_sms = $6, \
         contact_link = $7, rate_limit = $8, organisation_id = $9, count_as_live = $10, \
         storage_limit_bytes = $11 WHERE id = $1",
        columns(service),
    )
    .await?;
    set_permissions_and_limits(tx, service).await
}

/// Returns the id and then the columns that can change, in the order of `COLUMNS`.
fn columns(service: &Service) -> Vec<Arg> {
    args![
        service.id,
        &*service.name,
        service.active,
        service.restricted,
        &*service.email_sender_local_part,
        service.prefix_sms,
        service.contact_link.as_deref(),
        service.rate_limit,
        service.organisation_id,
        service.count_as_live,
        service.storage_limit_bytes,
    ]
}

async fn set_permissions_and_limits(tx: &mut Tx, service: &Service) -> Result<(), Error> {
    set_permissions(tx, service.id, &service.permissions).await?;
    for (allowance, limit) in &service.limits {
        set_limit(tx, service.id, *allowance, *limit).await?;
    }
    Ok(())
}

async fn set_permissions(
    tx: &mut Tx,
    service: ServiceId,
    permissions: &BTreeSet<Permission>,
) -> Result<(), Error> {
    tx.execute(
        // A handful of rows: replacing them is simpler than comparing.
        "DELETE FROM service_permissions WHERE service_id = $1",
        args![service],
    )
    .await?;
    for permission in permissions {
        tx.execute(
            "INSERT INTO service_permissions (service_id, permission) VALUES ($1, $2)",
            args![service, *permission],
        )
        .await?;
    }
    Ok(())
}

/// Returns a service and locks it until the transaction ends. Changes that concern several rows of a service, such
/// as its defaults, folders or inbound number, are made under this lock.
pub async fn lock(tx: &mut Tx, id: ServiceId) -> Result<Option<Service>, Error> {
    let for_update = tx.kind().for_update();
    let locked = tx
        .fetch_optional(
            format!("SELECT id FROM services WHERE id = $1 {for_update}"),
            args![id],
        )
        .await?;
    match locked {
        Some(_) => find(tx, id).await,
        None => Ok(None),
    }
}

async fn set_limit(
    tx: &mut Tx,
    service: ServiceId,
    allowance: Allowance,
    limit: i64,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO service_limits (service_id, allowance, daily_limit) VALUES ($1, $2, $3) \
         ON CONFLICT (service_id, allowance) DO UPDATE SET daily_limit = excluded.daily_limit",
        args![service, allowance, limit],
    )
    .await?;
    Ok(())
}

/// Sets whether a service is active and whether it is in trial mode. Returns whether it exists.
pub async fn set_mode(
    tx: &mut Tx,
    service: ServiceId,
    active: bool,
    restricted: bool,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE services SET active = $2, restricted = $3 WHERE id = $1",
            args![service, active, restricted],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns a service.
pub async fn find(session: &mut Session, id: ServiceId) -> Result<Option<Service>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM services WHERE id = $1"),
            args![id],
        )
        .await?;
    match row {
        Some(row) => Ok(Some(complete(session, &row).await?)),
        None => Ok(None),
    }
}

/// Returns all services by name.
pub async fn list(session: &mut Session) -> Result<Vec<Service>, Error> {
    let rows = session
        .fetch_all(
            format!("SELECT {COLUMNS} FROM services ORDER BY name, id"),
            args![],
        )
        .await?;
    complete_all(session, &rows, "", vec![]).await
}

/// Returns the services of an organisation by name.
pub async fn list_by_organisation(
    session: &mut Session,
    organisation: OrganisationId,
) -> Result<Vec<Service>, Error> {
    let rows = session
        .fetch_all(
            format!("SELECT {COLUMNS} FROM services WHERE organisation_id = $1 ORDER BY name, id"),
            args![organisation],
        )
        .await?;
    // Filters by the organisation again instead of listing ids, so that the statement stays the same.
    let these = "WHERE service_id IN (SELECT id FROM services WHERE organisation_id = $1)";
    complete_all(session, &rows, these, args![organisation]).await
}

/// Adds permissions and limits to services, in two queries however many services there are.
async fn complete_all(
    session: &mut Session,
    rows: &[Row],
    these: &str,
    args: Vec<Arg>,
) -> Result<Vec<Service>, Error> {
    let mut permissions: BTreeMap<ServiceId, BTreeSet<Permission>> = BTreeMap::new();
    for row in session
        .fetch_all(
            format!("SELECT service_id, permission FROM service_permissions {these}"),
            args.clone(),
        )
        .await?
    {
        let permission = row.parse("service_permissions", "permission")?;
        permissions
            .entry(row.get("service_id")?)
            .or_default()
            .insert(permission);
    }
    let mut limits: BTreeMap<ServiceId, BTreeMap<Allowance, i64>> = BTreeMap::new();
    for row in session
        .fetch_all(
            format!("SELECT service_id, allowance, daily_limit FROM service_limits {these}"),
            args,
        )
        .await?
    {
        let allowance = row.parse("service_limits", "allowance")?;
        limits
            .entry(row.get("service_id")?)
            .or_default()
            .insert(allowance, row.get("daily_limit")?);
    }
    rows.iter()
        .map(|row| {
            let id = row.get("id")?;
            parse_service(
                row,
                permissions.remove(&id).unwrap_or_default(),
                limits.remove(&id).unwrap_or_default(),
            )
        })
        .collect()
}

/// Returns the ids of all services.
pub async fn list_ids(session: &mut Session) -> Result<Vec<ServiceId>, Error> {
    session
        .fetch_all("SELECT id FROM services ORDER BY id", args![])
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect()
}

async fn complete(session: &mut Session, row: &Row) -> Result<Service, Error> {
    let id: ServiceId = row.get("id")?;
    let these = "WHERE service_id = $1";
    let mut completed = complete_all(session, std::slice::from_ref(row), these, args![id]).await?;
    Ok(completed.remove(0))
}

fn parse_service(
    row: &Row,
    permissions: BTreeSet<Permission>,
    limits: BTreeMap<Allowance, i64>,
) -> Result<Service, Error> {
    Ok(Service {
        id: row.get("id")?,
        name: row.get("name")?,
        active: row.get("active")?,
        restricted: row.get("restricted")?,
        email_sender_local_part: row.get("email_sender_local_part")?,
        prefix_sms: row.get("prefix_sms")?,
        contact_link: row.get("contact_link")?,
        rate_limit: row.get_u32("services", "rate_limit")?,
        permissions,
        limits,
        organisation_id: row.get("organisation_id")?,
        count_as_live: row.get("count_as_live")?,
        storage_limit_bytes: row.get("storage_limit_bytes")?,
        created_at: row.get("created_at")?,
    })
}

/// Returns how many live services count in public statistics, and how many organisations have one
/// (`docs/spec/public-api.md` §20).
pub async fn count_live(session: &mut Session) -> Result<(u32, u32), Error> {
    let row = session
        .fetch_optional(
            "SELECT count(*) AS services, count(DISTINCT organisation_id) AS organisations FROM services \
             WHERE active AND NOT restricted AND count_as_live",
            args![],
        )
        .await?;
    row.map_or(Ok((0, 0)), |row| {
        Ok((
            row.get_u32("services", "services")?,
            row.get_u32("services", "organisations")?,
        ))
    })
}

/// Adds a user to a service's team.
pub async fn add_member(tx: &mut Tx, service: ServiceId, user: UserId) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO service_users (service_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        args![service, user],
    )
    .await?;
    Ok(())
}

/// Adds a recipient to a service's guest list; `kind` is `email` or `mobile`.
pub async fn add_guest(
    tx: &mut Tx,
    service: ServiceId,
    kind: &str,
    recipient: &str,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO guest_list (service_id, kind, recipient) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        args![service, kind, recipient],
    )
    .await?;
    Ok(())
}

/// Returns the recipients that a service may send to in trial mode or with a team key, as they were entered: the
/// addresses and numbers of its team, then its guest list.
pub async fn list_allowed_recipients(
    session: &mut Session,
    service: ServiceId,
) -> Result<Vec<String>, Error> {
    let mut reachable = Vec::new();
    let team = session
        .fetch_all(
            "SELECT email_address, mobile_number FROM users JOIN service_users ON user_id = id WHERE service_id = $1",
            args![service],
        )
        .await?;
    for row in team {
        reachable.push(row.get("email_address")?);
        reachable.extend(row.get::<Option<String>>("mobile_number")?);
    }
    let guests = session
        .fetch_all(
            "SELECT recipient FROM guest_list WHERE service_id = $1",
            args![service],
        )
        .await?;
    for row in guests {
        reachable.push(row.get("recipient")?);
    }
    Ok(reachable)
}
