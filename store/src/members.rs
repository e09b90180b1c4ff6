//! Who belongs to the team of which service, and what they may do there.

use std::collections::{BTreeMap, BTreeSet};

use domain::{MemberPermission, ServiceId, UserId};

use crate::{
    Error, Session, Tx,
    db::args,
    users::{self, User},
};

/// A member of a service's team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: User,
    /// What they may do in this service.
    pub permissions: BTreeSet<MemberPermission>,
}

/// Makes a person a member of a service's team; false if they are one.
pub async fn insert(tx: &mut Tx, service: ServiceId, user: UserId) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "INSERT INTO service_users (service_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            args![service, user],
        )
        .await?;
    Ok(touched == 1)
}

/// Ends a membership with all its permissions; false if there was none.
pub async fn delete(tx: &mut Tx, service: ServiceId, user: UserId) -> Result<bool, Error> {
    set_permissions(tx, service, user, &BTreeSet::new()).await?;
    let touched = tx
        .execute(
            "DELETE FROM service_users WHERE service_id = $1 AND user_id = $2",
            args![service, user],
        )
        .await?;
    Ok(touched == 1)
}

/// Lets a member do these things in a service, and nothing else.
pub async fn set_permissions(
    tx: &mut Tx,
    service: ServiceId,
    user: UserId,
    permissions: &BTreeSet<MemberPermission>,
) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM member_permissions WHERE service_id = $1 AND user_id = $2",
        args![service, user],
    )
    .await?;
    for permission in permissions {
        tx.execute(
            "INSERT INTO member_permissions (service_id, user_id, permission) VALUES ($1, $2, $3)",
            args![service, user, *permission],
        )
        .await?;
    }
    Ok(())
}

/// Whether a person is a member of a service's team.
pub async fn is_member(
    session: &mut Session,
    service: ServiceId,
    user: UserId,
) -> Result<bool, Error> {
    let row = session
        .fetch_optional(
            "SELECT user_id FROM service_users WHERE service_id = $1 AND user_id = $2",
            args![service, user],
        )
        .await?;
    Ok(row.is_some())
}

/// The team of a service, by name.
pub async fn list(session: &mut Session, service: ServiceId) -> Result<Vec<Member>, Error> {
    let mut permissions: BTreeMap<UserId, BTreeSet<MemberPermission>> = BTreeMap::new();
    let rows = session
        .fetch_all(
            "SELECT user_id, permission FROM member_permissions WHERE service_id = $1",
            args![service],
        )
        .await?;
    for row in rows {
        let permission = row.word("member_permissions", "permission")?;
        permissions
            .entry(row.get("user_id")?)
            .or_default()
            .insert(permission);
    }
    session
        .fetch_all(
            "SELECT id, name, email_address, mobile_number, state, platform_admin, created_at FROM users \
             JOIN service_users ON user_id = id WHERE service_id = $1 ORDER BY name, id",
            args![service],
        )
        .await?
        .iter()
        .map(|row| {
            let user = users::user(row)?;
            let permissions = permissions.remove(&user.id).unwrap_or_default();
            Ok(Member { user, permissions })
        })
        .collect()
}

/// The services to whose teams a person belongs, with what they may do in each.
pub async fn list_memberships(
    session: &mut Session,
    user: UserId,
) -> Result<BTreeMap<ServiceId, BTreeSet<MemberPermission>>, Error> {
    let mut memberships: BTreeMap<ServiceId, BTreeSet<MemberPermission>> = BTreeMap::new();
    for row in session
        .fetch_all(
            "SELECT service_id FROM service_users WHERE user_id = $1",
            args![user],
        )
        .await?
    {
        memberships.insert(row.get("service_id")?, BTreeSet::new());
    }
    for row in session
        .fetch_all(
            "SELECT service_id, permission FROM member_permissions WHERE user_id = $1",
            args![user],
        )
        .await?
    {
        let permission = row.word("member_permissions", "permission")?;
        memberships
            .entry(row.get("service_id")?)
            .or_default()
            .insert(permission);
    }
    Ok(memberships)
}
