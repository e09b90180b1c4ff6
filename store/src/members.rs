//! Team members of services and their permissions.

use std::collections::{BTreeMap, BTreeSet};

use domain::{MemberPermission, ServiceId, UserId};

use crate::{
    Error, Session, Tx,
    db::args,
    users::{self, User},
};

/// User in the team of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// User who is the member.
    pub user: User,
    /// What the member may do in this service.
    pub permissions: BTreeSet<MemberPermission>,
}

/// Adds a user to a service's team. Returns false if they are a member already.
pub async fn insert(tx: &mut Tx, service: ServiceId, user: UserId) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "INSERT INTO service_users (service_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            args![service, user],
        )
        .await?;
    Ok(changed == 1)
}

/// Removes a member with all permissions. Returns false if they are not a member.
pub async fn delete(tx: &mut Tx, service: ServiceId, user: UserId) -> Result<bool, Error> {
    // Otherwise a member who is added again would have the old permissions back.
    set_permissions(tx, service, user, &BTreeSet::new()).await?;
    let changed = tx
        .execute(
            "DELETE FROM service_users WHERE service_id = $1 AND user_id = $2",
            args![service, user],
        )
        .await?;
    Ok(changed == 1)
}

/// Replaces the permissions of a member.
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

/// Returns whether a user is a member of a service's team.
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

/// Returns the team of a service by name.
pub async fn list(session: &mut Session, service: ServiceId) -> Result<Vec<Member>, Error> {
    let mut permissions: BTreeMap<UserId, BTreeSet<MemberPermission>> = BTreeMap::new();
    let rows = session
        .fetch_all(
            "SELECT user_id, permission FROM member_permissions WHERE service_id = $1",
            args![service],
        )
        .await?;
    for row in rows {
        let permission = row.parse("member_permissions", "permission")?;
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
            let user = users::parse_user(row)?;
            let permissions = permissions.remove(&user.id).unwrap_or_default();
            Ok(Member { user, permissions })
        })
        .collect()
}

/// Returns the services that a user is a member of, with the permissions in each.
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
        // A member without any permission is still a member.
        memberships.insert(row.get("service_id")?, BTreeSet::new());
    }
    for row in session
        .fetch_all(
            "SELECT service_id, permission FROM member_permissions WHERE user_id = $1",
            args![user],
        )
        .await?
    {
        let permission = row.parse("member_permissions", "permission")?;
        memberships
            .entry(row.get("service_id")?)
            .or_default()
            .insert(permission);
    }
    Ok(memberships)
}
