//! The threads of a simulation and of its database: the core that they share, and which of them sleep.

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{Thread, sleeps, stay_on, this};
#[cfg(target_os = "linux")]
pub(super) use linux::{Thread, sleeps, stay_on, this};

#[cfg(target_os = "linux")]
mod linux {
    use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};

    /// A thread by its number at the kernel.
    pub(in super::super) type Thread = i32;

    /// Pins this thread, and those that it starts, to one core: share 0 to the first, and so on.
    ///
    /// A simulation and the threads of its database run by turns, one at a time. On one core a turn passes several times
    /// faster than between cores.
    pub(in super::super) fn stay_on(share: usize) {
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

    /// Returns the running thread.
    pub(in super::super) fn this() -> Thread {
        gettid().as_raw_nonzero().get()
    }

    /// Returns whether a thread of this process waits for another one.
    pub(in super::super) fn sleeps(thread: Thread) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
        let stat = stat.expect("a thread that executes a statement lives");
        // The name before it may have spaces and brackets.
        stat.rsplit_once(") ")
            .is_some_and(|(_, state)| state.starts_with('S'))
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    /// A thread.
    pub(in super::super) type Thread = std::thread::ThreadId;

    /// Does nothing: the simulation is only slower.
    pub(in super::super) fn stay_on(_: usize) {}

    /// Returns the running thread.
    pub(in super::super) fn this() -> Thread {
        std::thread::current().id()
    }

    /// Cannot be known here, so a rare seed does not repeat its steps.
    pub(in super::super) fn sleeps(_: Thread) -> bool {
        true
    }
}
