//! Results of measurements, for people and for programs.
#![expect(
    clippy::print_stdout,
    reason = "the results are what this program is for"
)]

use std::time::Duration;

use serde::Serialize;

use crate::{accept::micros_each, usage::Usage};

/// One measurement.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Measured {
    /// `sqlite`, `postgres`, or nothing where no database matters.
    pub(crate) database: &'static str,
    pub(crate) part: &'static str,
    /// Description of the variant.
    pub(crate) what: String,
    /// Number of messages.
    pub(crate) messages: u64,
    pub(crate) seconds: f64,
    pub(crate) messages_per_second: f64,
    /// Bare rows a second in the same run.
    pub(crate) bare_rows_per_second: f64,
    /// Rate of messages divided by the rate of bare rows.
    pub(crate) ratio_to_bare: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Latency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resident_mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peak_mib: Option<f64>,
    /// Processor time of the measured process, without the database server and the load generator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processor_micros_per_message: Option<f64>,
    /// Further remarks.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
}

/// A measurement of the content crates, beside the published library's.
#[derive(Debug, Serialize)]
pub(crate) struct Compared {
    pub(crate) part: &'static str,
    pub(crate) what: &'static str,
    pub(crate) per_second: f64,
    /// The rate by processor time.
    pub(crate) per_processor_second: f64,
    pub(crate) published_per_second: f64,
    pub(crate) seconds: f64,
    pub(crate) peak_mib: f64,
}

/// Latency in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "a number carries its unit in its name"
)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latency {
    /// Summarises latencies in microseconds, which are sorted in place.
    pub(crate) fn of(micros: &mut [u32]) -> Option<Self> {
        micros.sort_unstable();
        let at = |hundredths: usize| {
            let index = (micros.len() * hundredths / 100).min(micros.len().saturating_sub(1));
            micros.get(index).map(|micros| f64::from(*micros) / 1000.0)
        };
        Some(Self {
            p50_ms: at(50)?,
            p99_ms: at(99)?,
            max_ms: at(100)?,
        })
    }
}

impl Measured {
    /// Returns the measurement with what its process has used.
    pub(crate) fn with_usage(self, usage: &Usage) -> Self {
        Self {
            resident_mib: Some(mib(usage.resident_kib)),
            peak_mib: Some(mib(usage.peak_kib)),
            processor_micros_per_message: Some(micros_each(usage.processor_seconds, self.messages)),
            ..self
        }
    }

    /// Returns a rate without a ratio.
    pub(crate) fn alone(messages: u64, took: Duration) -> Self {
        Self {
            messages,
            seconds: took.as_secs_f64(),
            messages_per_second: per_second(messages, took),
            ..Self::default()
        }
    }

    /// Returns a rate with its ratio to the rate of bare rows.
    pub(crate) fn rate(messages: u64, took: Duration, bare: f64) -> Self {
        let rate = per_second(messages, took);
        Self {
            messages,
            seconds: took.as_secs_f64(),
            messages_per_second: rate,
            bare_rows_per_second: bare,
            ratio_to_bare: rate / bare,
            ..Self::default()
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(crate) fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(1e-9)
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 KiB")]
pub(crate) fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Prints a measurement.
pub(crate) struct Results {
    json: bool,
    begun: bool,
}

impl Results {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json, begun: false }
    }

    pub(crate) fn add(&mut self, measured: &Measured) {
        if self.json {
            println!(
                "{}",
                serde_json::to_string(measured).expect("texts and numbers are writable as JSON")
            );
            return;
        }
        if !std::mem::replace(&mut self.begun, true) {
            println!(
                "{:<9} {:<9} {:<34} {:>12} {:>13} {:>6} {:>24} {:>9} {:>8}  note",
                "database",
                "part",
                "what",
                "messages/s",
                "bare rows/s",
                "ratio",
                "p50 / p99 / max ms",
                "peak MiB",
                "µs/msg"
            );
        }
        println!("{}", line(measured));
    }

    /// Prints a measurement beside the published rate.
    pub(crate) fn compare(&self, compared: &Compared) {
        if self.json {
            println!(
                "{}",
                serde_json::to_string(compared).expect("texts and numbers are writable as JSON")
            );
            return;
        }
        println!(
            "{:<9} {:<8} {:<40} {:>10.0}/s, {:>10.0}/s of its processor, {:>4.0} times the published {:.0}/s; {:.2} s, peak {:.0} MiB",
            "-",
            compared.part,
            compared.what,
            compared.per_second,
            compared.per_processor_second,
            compared.per_processor_second / compared.published_per_second,
            compared.published_per_second,
            compared.seconds,
            compared.peak_mib
        );
    }

    /// Prints a result that is not a rate of messages.
    pub(crate) fn print_number(&self, name: &str, number: f64, unit: &str) {
        if self.json {
            println!(
                "{}",
                serde_json::json!({"part": "start", "what": name, "value": number, "unit": unit})
            );
        } else {
            println!("{:<9} {:<9} {name:<34} {number:>12.1} {unit}", "-", "start");
        }
    }
}

fn line(one: &Measured) -> String {
    let latency = one.latency.map_or_else(String::new, |latency| {
        format!(
            "{:.1} / {:.1} / {:.1}",
            latency.p50_ms, latency.p99_ms, latency.max_ms
        )
    });
    let optional =
        |number: Option<f64>| number.map_or_else(String::new, |number| format!("{number:.0}"));
    let compared = if one.bare_rows_per_second > 0.0 {
        let (bare, ratio) = (one.bare_rows_per_second, one.ratio_to_bare * 100.0);
        format!("{bare:>13.0} {ratio:>5.0}%")
    } else {
        " ".repeat(20)
    };
    format!(
        "{:<9} {:<9} {:<34} {:>12.0} {compared} {latency:>24} {:>9} {:>8}  {}",
        one.database,
        one.part,
        one.what,
        one.messages_per_second,
        optional(one.peak_mib),
        optional(one.processor_micros_per_message),
        one.note
    )
}
