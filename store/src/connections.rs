//! Checks whether the database server grants enough connections for all processes (`docs/spec/workers.md` §17, F24).
//! A pool that cannot grow would fail at the busiest moment, so a process that would be one too many refuses to
//! start.

use crate::{
    Error, Session,
    db::{Kind, announced_connections, args},
};

/// Connections of a database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Connections that the server grants, without those reserved for its administrators.
    pub granted: u32,
    /// Connections that others hold, or may hold if they are processes of the platform.
    pub reserved_by_others: u32,
}

/// Returns the state of the server's connections, or `None` for SQLite, which has no server.
pub async fn find(session: &mut Session) -> Result<Option<Connections>, Error> {
    if session.kind() == Kind::Sqlite {
        return Ok(None);
    }
    let granted = session
        .fetch_optional(
            // Ordinary clients never get the reserved connections.
            "SELECT sum(CASE WHEN name = 'max_connections' THEN setting::bigint ELSE -setting::bigint END)::bigint \
             AS number FROM pg_settings \
             WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')",
            args![],
        )
        .await?;
    let other_clients = session
        .fetch_optional(
            "SELECT count(*) AS number FROM pg_stat_activity \
             WHERE backend_type = 'client backend' AND application_name NOT LIKE 'pillarbox %'",
            args![],
        )
        .await?;
    let processes = session
        .fetch_all(
            // A process holds few connections while idle, so its name says how many it may open. The name contains
            // the process id; `DISTINCT` counts each process once.
            "SELECT DISTINCT application_name AS name, client_addr::text AS place FROM pg_stat_activity \
             WHERE application_name LIKE 'pillarbox %' AND NOT (application_name = current_setting('application_name') \
             AND client_addr IS NOT DISTINCT FROM inet_client_addr())",
            args![],
        )
        .await?;
    let number = |row: Option<crate::db::Row>| {
        row.map_or(Ok(0), |row| row.get_u32("pg_stat_activity", "number"))
    };
    let mut reserved_by_others: u32 = number(other_clients)?;
    for process in processes {
        let name: String = process.get("name")?;
        reserved_by_others = reserved_by_others.saturating_add(announced_connections(&name));
    }
    Ok(Some(Connections {
        granted: number(granted)?,
        reserved_by_others,
    }))
}
