//! `pillarbox`: all the commands are in the library beside this.

use std::process::ExitCode;

use clap::Parser as _;
use pillarbox_server::commands::Arguments;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pillarbox_server::commands::run(Arguments::parse())
}
