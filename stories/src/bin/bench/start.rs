//! Measures the time from the start of the program to its first response, and its memory while it waits.

use std::{path::Path, process::Stdio, time::Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{
    results::{Results, mib},
    usage::Usage,
};

/// Starts of each kind; the median is reported.
const STARTS: usize = 5;

pub(crate) async fn measure(results: &mut Results) -> Result<()> {
    let program = std::env::current_exe()?.with_file_name("pillarbox");
    if !program.exists() {
        eprintln!("start is left out: build the program first, cargo build --profile dist");
        return Ok(());
    }
    results.print_number(
        "size of the program",
        mib(std::fs::metadata(&program)?.len() / 1024),
        "MiB",
    );
    let (mut fresh, mut again, mut resident) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let directory = tempfile::tempdir()?;
        let (took, usage) = start_once(&program, directory.path()).await?;
        fresh.push(took);
        resident.push(mib(usage.resident_kib));
        again.push(start_once(&program, directory.path()).await?.0);
    }
    results.print_number("first start, a fresh directory", median(fresh), "ms");
    results.print_number("start, an existing directory", median(again), "ms");
    results.print_number("memory while it waits", median(resident), "MiB");
    Ok(())
}

/// Returns the milliseconds until its line appears, and its memory at that point.
async fn start_once(program: &Path, data: &Path) -> Result<(f64, Usage)> {
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(["up", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    lines
        .next_line()
        .await?
        .context("the program ended before its line")?;
    let took = started.elapsed().as_secs_f64() * 1000.0;
    let usage = Usage::of(&child.id().context("the program has ended")?.to_string())?;
    stop(&mut child).await?;
    Ok((took, usage))
}

/// Stops the process as an operator would, so that the next start finds a clean directory.
async fn stop(child: &mut Child) -> Result<()> {
    let process = child.id().context("the program has ended")?.to_string();
    Command::new("kill")
        .args(["-TERM", &process])
        .status()
        .await?;
    let status = child.wait().await?;
    ensure!(status.success(), "the program ended with {status}");
    Ok(())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
