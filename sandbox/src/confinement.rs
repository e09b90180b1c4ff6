//! What the child takes away from itself.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Limits;

/// Exit code of a child that could not be confined, and therefore read nothing.
pub const UNCONFINED_EXIT_CODE: u8 = 77;

/// Gives up, for the rest of this process, everything but computing, standard input and standard output.
///
/// Call this first in the child, while it has one thread. Resource limits apply on every Unix. On Linux the file system,
/// the network and all system calls that are not needed are closed too, as far as the kernel supports it.
pub fn confine(limits: &Limits) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    close_file_system_and_network()?;
    limit_resources(limits)?;
    // Last, because the limits are set by system calls that it forbids.
    #[cfg(target_os = "linux")]
    crate::system_calls::restrict()?;
    Ok(())
}

fn limit_resources(limits: &Limits) -> io::Result<()> {
    // A core dump would hold the file.
    set(Resource::Core, 0)?;
    set(Resource::Fsize, 0)?;
    // Standard input, output and error stay open; nothing can be opened beside them, be it a file or a socket.
    set(Resource::Nofile, 3)?;
    set(Resource::Stack, limits.stack_bytes)?;
    // One second later the kernel sends a signal that looks like that of an operator, so the first must come earlier.
    setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(limits.cpu_seconds),
            maximum: Some(limits.cpu_seconds + 1),
        },
    )?;
    set(
        Resource::As,
        mapped_bytes().saturating_add(limits.memory_bytes),
    )
}

/// Lowers a limit. One that is lower already stays.
fn set(resource: Resource, value: u64) -> io::Result<()> {
    let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX).min(value);
    let limit = Rlimit {
        current: Some(allowed),
        maximum: Some(allowed),
    };
    Ok(setrlimit(resource, limit)?)
}

/// Returns the size of the address space that the program uses by itself: 0 where the system does not say.
fn mapped_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|line| line.split(' ').next()?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

#[cfg(target_os = "linux")]
fn close_file_system_and_network() -> io::Result<()> {
    use landlock::{ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, Scope};
    // A ruleset without a rule denies everything that it handles. What an older kernel does not know is left out.
    Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V6)))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(io::Error::other)?;
    Ok(())
}
