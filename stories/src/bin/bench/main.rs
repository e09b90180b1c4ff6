//! Measures rates, and their ratios to the same rows inserted bare in the same run: `make bench`.
//!
//! Each measurement runs in a child process of this program, so that its memory is its own, with a fresh database and
//! a fresh directory. Bare rows are the baseline: as many rows with the same columns and sizes, sealed beforehand, a
//! thousand to a commit.

mod accept;
mod baseline;
mod callbacks;
mod children;
mod content;
mod databases;
mod deliver;
mod everything_on;
mod growth;
mod held_transaction;
mod job;
mod letters;
mod load;
mod noisy_neighbour;
mod options;
mod platform;
mod preload;
mod previews;
mod receiver;
mod responses;
mod results;
mod sample_data;
mod serve;
mod slow_provider;
mod start;
mod usage;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use crate::{
    children::Order,
    databases::Backend,
    options::{Options, Part},
    results::Results,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    match children::my_order()? {
        Some(order) => tokio::runtime::Runtime::new()?.block_on(run_order(order)),
        // The load generator uses one thread, so that the measured process has the other cores.
        None => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(measure(Options::parse())),
    }
}

/// Runs an order in the child.
async fn run_order(order: Order) -> Result<()> {
    match order {
        Order::Serve(backend) => serve::serve(&backend).await,
        Order::Baseline(task) => children::reply(&baseline::insert(&task).await?),
        Order::Job(task) => children::reply(&job::send(&task).await?),
        Order::Deliver(task) => children::reply(&deliver::drain(&task).await?),
        Order::Content(task) => children::reply(&content::work(&task)?),
        Order::NoisyNeighbour(task) => noisy_neighbour::work_off(&task).await,
        Order::Growth(task) => growth::serve(&task).await,
        Order::SlowProvider(task) => slow_provider::send(&task).await,
        Order::EverythingOn(task) => everything_on::run(&task).await,
        Order::Callbacks(task) => callbacks::call(&task).await,
        Order::Responses(task) => responses::apply(&task).await,
        Order::Letters(task) => letters::make(&task).await,
        Order::Receive => receiver::serve().await,
    }
}

async fn measure(options: Options) -> Result<()> {
    let (load, processors) = usage::load()?;
    eprintln!("load before: {load:.1} on {processors} processors");
    let mut results = Results::new(options.json);
    for backend in Backend::all(&options)? {
        for part in options.parts() {
            match part {
                Part::Accept => accept::measure(&options, &backend, &mut results).await?,
                Part::Job => job::measure(&options, &backend, &mut results).await?,
                Part::Deliver => deliver::measure(&options, &backend, &mut results).await?,
                Part::NoisyNeighbour => {
                    noisy_neighbour::measure(&options, &backend, &mut results).await?;
                }
                Part::EverythingOn => {
                    everything_on::measure(&options, &backend, &mut results).await?;
                }
                Part::Callbacks => callbacks::measure(&options, &backend, &mut results).await?,
                Part::Responses => responses::measure(&options, &backend, &mut results).await?,
                Part::Letters => letters::measure(&options, &backend, &mut results).await?,
                Part::Previews => previews::measure(&options, &backend, &mut results).await?,
                Part::SlowProvider => slow_provider::measure(&backend, &mut results).await?,
                Part::Growth => growth::measure(&options, &backend, &mut results).await?,
                Part::HeldTransaction => {
                    held_transaction::measure(&options, &backend, &mut results).await?;
                }
                // These parts use no database.
                Part::Start | Part::Content => {}
            }
        }
    }
    if options.parts().contains(&Part::Start) {
        start::measure(&mut results).await?;
    }
    if options.parts().contains(&Part::Content) {
        content::measure(&results).await?;
    }
    Ok(())
}
