//! The binary `pillarbox`; its commands are in the library.

use std::process::ExitCode;

use clap::Parser as _;
use pillarbox_server::commands::Arguments;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pillarbox_server::commands::run(Arguments::parse())
}
