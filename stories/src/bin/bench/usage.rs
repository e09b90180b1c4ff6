//! What a process uses, as the kernel counts it.

use std::fs;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// Memory and processor time of a process.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Memory now, in KiB.
    pub(crate) resident_kib: u64,
    /// The most that it was, in KiB.
    pub(crate) peak_kib: u64,
    /// Processor time, in seconds.
    pub(crate) processor_seconds: f64,
}

/// The kernel counts processor time in hundredths of a second, whatever its own tick.
const TICKS_A_SECOND: f64 = 100.0;

impl Usage {
    pub(crate) fn mine() -> Result<Self> {
        Self::of("self")
    }

    /// Of the process with this number.
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

/// The name in brackets may hold anything; the numbers come after it. The 12th and 13th are user and system time.
fn processor_seconds(stat: &str) -> f64 {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|text| text.parse::<f64>().ok())
        .sum();
    ticks / TICKS_A_SECOND
}
