//! Name under which a process is known to the database server. It says how many connections the process may open.

/// Returns the application name under which a process announces how many connections it may hold.
pub(super) fn application_name(connections: u32) -> String {
    format!("pillarbox {connections} {}", std::process::id())
}

/// Returns how many connections a process with this application name may hold.
pub(crate) fn announced_connections(name: &str) -> u32 {
    let number = name
        .split(' ')
        .nth(1)
        .and_then(|number| number.parse().ok());
    // An unknown format holds at least the connection that it was seen on.
    number.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_name_announces_the_connections() {
        assert_eq!(announced_connections(&application_name(16)), 16);
        assert_eq!(announced_connections("pillarbox from the future"), 1);
    }
}
