//! Whether the server of a database has the connections that its processes may want (`docs/spec/workers.md` §17, F24):
//! a pool that cannot grow fails at the busiest moment, so a process that would be one too many says so when it starts.

use crate::{
    Error, Session,
    db::{Kind, args},
};

/// How the connections to a server stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// How many the server grants, without those it keeps for its administrators.
    pub granted: u32,
    /// How many others hold, or may hold if they are processes of ours.
    pub spoken_for: u32,
}

/// How a process of ours that may hold so many introduces itself to the server.
pub(crate) fn application_name(connections: u32) -> String {
    format!("pillarbox {connections} {}", std::process::id())
}

/// How the connections to this database's server stand; nothing if it has no server.
pub async fn find(session: &mut Session) -> Result<Option<Connections>, Error> {
    if session.kind() == Kind::Sqlite {
        return Ok(None);
    }
    let granted = session
        .fetch_optional(
            "SELECT sum(CASE WHEN name = 'max_connections' THEN setting::bigint ELSE -setting::bigint END)::bigint \
             AS number FROM pg_settings \
             WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')",
            args![],
        )
        .await?;
    let strangers = session
        .fetch_optional(
            "SELECT count(*) AS number FROM pg_stat_activity \
             WHERE backend_type = 'client backend' AND application_name NOT LIKE 'pillarbox %'",
            args![],
        )
        .await?;
    let ours = session
        .fetch_all(
            "SELECT DISTINCT application_name AS name, client_addr::text AS place FROM pg_stat_activity \
             WHERE application_name LIKE 'pillarbox %' AND NOT (application_name = current_setting('application_name') \
             AND client_addr IS NOT DISTINCT FROM inet_client_addr())",
            args![],
        )
        .await?;
    let number = |row: Option<crate::db::Row>| {
        row.map_or(Ok(0), |row| row.count("pg_stat_activity", "number"))
    };
    let mut spoken_for: u32 = number(strangers)?;
    for other in ours {
        let name: String = other.get("name")?;
        spoken_for = spoken_for.saturating_add(introduced(&name));
    }
    Ok(Some(Connections {
        granted: number(granted)?,
        spoken_for,
    }))
}

/// How many connections somebody may hold who introduced itself so.
fn introduced(name: &str) -> u32 {
    let number = name
        .split(' ')
        .nth(1)
        .and_then(|number| number.parse().ok());
    number.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_introduces_itself_says_how_many_connections_it_may_hold() {
        assert_eq!(introduced(&application_name(16)), 16);
        assert_eq!(introduced("pillarbox from the future"), 1);
    }
}
