//! `pillarbox`: all the commands are in the library beside this.

use std::process::ExitCode;

use clap::Parser as _;
use server::commands::Arguments;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    server::commands::run(Arguments::parse())
}
