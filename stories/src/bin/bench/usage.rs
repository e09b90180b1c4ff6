//! The resources of a process, as the kernel counts them.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// Memory and processor time of a process.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Resident memory now, in KiB.
    pub(crate) resident_kib: u64,
    /// Peak resident memory, in KiB.
    pub(crate) peak_kib: u64,
    /// Processor time, in seconds.
    pub(crate) processor_seconds: f64,
}

/// How long a piece of work took, and what it used.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) took: Duration,
    pub(crate) usage: Usage,
}

/// The kernel counts processor time in hundredths of a second, whatever its own tick.
const TICKS_A_SECOND: f64 = 100.0;

impl Usage {
    pub(crate) fn mine() -> Result<Self> {
        Self::of("self")
    }

    /// Returns the usage now, with the processor time since `before`.
    pub(crate) fn since(before: &Self) -> Result<Self> {
        let now = Self::mine()?;
        Ok(Self {
            processor_seconds: now.processor_seconds - before.processor_seconds,
            ..now
        })
    }

    /// Reads the usage of the process with this id.
    pub(crate) fn of(process: &str) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))
            .context("needs Linux: reads /proc")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim_end_matches("kB").trim().parse().ok())
                .unwrap_or(0)
        };
        Ok(Self {
            resident_kib: field("VmRSS:"),
            peak_kib: field("VmHWM:"),
            processor_seconds: processor_seconds(&fs::read_to_string(format!(
                "/proc/{process}/stat"
            ))?),
        })
    }
}

/// Parses user and system time, the 12th and 13th number after the name.
fn processor_seconds(stat: &str) -> f64 {
    numbers_after_name(stat).skip(11).take(2).sum::<f64>() / TICKS_A_SECOND
}

/// Returns the numbers after the name in brackets, which may contain anything. The first field is a letter and counts
/// as 0.
fn numbers_after_name(stat: &str) -> impl Iterator<Item = f64> {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name
        .split_whitespace()
        .map(|text| text.parse().unwrap_or(0.0))
}

/// Returns what the parent of this process and all its children have used, including those that have ended; `None` if
/// there is no such process on this machine.
pub(crate) fn family_processor_seconds(child: &str) -> Option<f64> {
    let stat_of = |process: &str| fs::read_to_string(format!("/proc/{process}/stat")).ok();
    let parent_of = |stat: &str| numbers_after_name(stat).nth(1);
    let parent = parent_of(&stat_of(child)?)?;
    let parent_stat = stat_of(&format!("{parent:.0}"))?;
    // Its own, and that of its children that have ended.
    let mut ticks: f64 = numbers_after_name(&parent_stat).skip(11).take(4).sum();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(stat) = process.file_name().to_str().and_then(stat_of) else {
            continue;
        };
        if parent_of(&stat) == Some(parent) {
            ticks += numbers_after_name(&stat).skip(11).take(2).sum::<f64>();
        }
    }
    Some(ticks / TICKS_A_SECOND)
}

/// Returns how many processes wanted a processor in the last minute, and how many processors there are. On a busy
/// machine rates mean little, and ratios within a line a little more.
pub(crate) fn load() -> Result<(f64, usize)> {
    let text = fs::read_to_string("/proc/loadavg").context("needs Linux: reads /proc")?;
    let minute = text
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    Ok((
        minute.context("/proc/loadavg begins with a number")?,
        std::thread::available_parallelism()?.get(),
    ))
}
