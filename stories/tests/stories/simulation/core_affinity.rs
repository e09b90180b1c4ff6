//! A simulation and the threads of its database run by turns, one at a time: on one core a turn passes several times
//! faster than between cores.

/// Pins this thread, and those that it starts, to one core: share 0 to the first, and so on.
#[cfg(target_os = "linux")]
pub(super) fn stay_on(share: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    // Where the core cannot be chosen, the simulation is only slower.
    let Ok(ours) = sched_getaffinity(None) else {
        return;
    };
    let cores = (0..CpuSet::MAX_CPU).filter(|core| ours.is_set(*core));
    if let Some(core) = cores.cycle().nth(share) {
        let mut one = CpuSet::new();
        one.set(core);
        let _ = sched_setaffinity(None, &one);
    }
}

/// Does nothing on other systems.
#[cfg(not(target_os = "linux"))]
pub(super) fn stay_on(_: usize) {}
