//! Services – the tenants – with what they may do, how much a day, and whom they may always reach.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Allowance, Permission, ServiceId, Timestamp, UserId};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Which.
    pub id: ServiceId,
    /// As people know it; shown in front of its texts if `prefix_sms`.
    pub name: String,
    /// An inactive service can do nothing any more.
    pub active: bool,
    /// In trial mode: it reaches only its team and guest list.
    pub restricted: bool,
    /// What stands before the `@` of its e-mails' sender.
    pub email_sender_local_part: String,
    /// Its name goes before its texts.
    pub prefix_sms: bool,
    /// Where its recipients can ask; needed for sending files.
    pub contact_link: Option<String>,
    /// Requests a minute for each type of key.
    pub rate_limit: u32,
    /// What it may do.
    pub permissions: BTreeSet<Permission>,
    /// How many a day, where it is not the standard number.
    pub limits: BTreeMap<Allowance, i64>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Service {
    /// How many of these it may send a day.
    pub fn daily_limit(&self, allowance: Allowance) -> i64 {
        self.limits
            .get(&allowance)
            .copied()
            .unwrap_or(allowance.standard_limit())
    }
}

const COLUMNS: &str = "id, name, active, restricted, email_sender_local_part, prefix_sms, contact_link, rate_limit, \
                       created_at";

/// Keeps a new service with its permissions and limits.
pub async fn insert(tx: &mut Tx, service: &Service) -> Result<(), Error> {
    tx.execute(
        format!("INSERT INTO services ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"),
        args![
            service.id,
            &*service.name,
            service.active,
            service.restricted,
            &*service.email_sender_local_part,
            service.prefix_sms,
            service.contact_link.as_deref(),
            service.rate_limit,
            service.created_at,
        ],
    )
    .await?;
    for permission in &service.permissions {
        tx.execute(
            "INSERT INTO service_permissions (service_id, permission) VALUES ($1, $2)",
            args![service.id, *permission],
        )
        .await?;
    }
    for (allowance, limit) in &service.limits {
        set_limit(tx, service.id, *allowance, *limit).await?;
    }
    Ok(())
}

/// Sets how many of these a service may send a day.
pub async fn set_limit(
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

/// Makes a service live (`restricted` false) or puts it in trial mode; and active or not. Whether there is one.
pub async fn set_mode(
    tx: &mut Tx,
    service: ServiceId,
    active: bool,
    restricted: bool,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE services SET active = $2, restricted = $3 WHERE id = $1",
            args![service, active, restricted],
        )
        .await?;
    Ok(touched == 1)
}

/// Sets how recipients of files reach a service; false if there is no such service.
pub async fn set_contact_link(
    tx: &mut Tx,
    id: ServiceId,
    contact_link: Option<&str>,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE services SET contact_link = $2 WHERE id = $1",
            args![id, contact_link],
        )
        .await?;
    Ok(touched == 1)
}

/// The service with this id.
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

/// All services, by name.
pub async fn list(session: &mut Session) -> Result<Vec<Service>, Error> {
    let mut services = Vec::new();
    for row in session
        .fetch_all(
            format!("SELECT {COLUMNS} FROM services ORDER BY name, id"),
            args![],
        )
        .await?
    {
        services.push(complete(session, &row).await?);
    }
    Ok(services)
}

/// The ids of all services, for work that goes through them one by one.
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
    let permissions = session
        .fetch_all(
            "SELECT permission FROM service_permissions WHERE service_id = $1",
            args![id],
        )
        .await?
        .iter()
        .map(|row| row.word("service_permissions", "permission"))
        .collect::<Result<_, _>>()?;
    let limits = session
        .fetch_all(
            "SELECT allowance, daily_limit FROM service_limits WHERE service_id = $1",
            args![id],
        )
        .await?
        .iter()
        .map(|row| {
            Ok((
                row.word("service_limits", "allowance")?,
                row.get("daily_limit")?,
            ))
        })
        .collect::<Result<_, Error>>()?;
    Ok(Service {
        id,
        name: row.get("name")?,
        active: row.get("active")?,
        restricted: row.get("restricted")?,
        email_sender_local_part: row.get("email_sender_local_part")?,
        prefix_sms: row.get("prefix_sms")?,
        contact_link: row.get("contact_link")?,
        rate_limit: row.count("services", "rate_limit")?,
        permissions,
        limits,
        created_at: row.get("created_at")?,
    })
}

/// How many services are live and count as such, and how many organisations have one (public-api §20).
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
            row.count("services", "services")?,
            row.count("services", "organisations")?,
        ))
    })
}

/// Makes a person a member of a service's team.
pub async fn add_member(tx: &mut Tx, service: ServiceId, user: UserId) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO service_users (service_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        args![service, user],
    )
    .await?;
    Ok(())
}

/// Puts a recipient on a service's guest list; `kind` is `email` or `mobile`.
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

/// Whom a service may reach in trial mode or with a team key: the addresses and numbers of its team, then its guests,
/// as they were given.
pub async fn list_reachable(
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
