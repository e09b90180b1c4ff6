//! A child for the tests: reads its standard input and then does what its argument says.

use std::{
    fs,
    hint::black_box,
    io::{self, Read as _, Write as _},
    net::TcpStream,
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use pillarbox_sandbox::{Limits, UNCONFINED_EXIT_CODE, confine};

const LIMITS: Limits = Limits {
    memory_bytes: 64 << 20,
    stack_bytes: 1 << 20,
    cpu_seconds: 1,
    time: Duration::MAX,
    answer_bytes: 0,
};

fn main() -> ExitCode {
    if confine(&LIMITS).is_err() {
        return ExitCode::from(UNCONFINED_EXIT_CODE);
    }
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input).expect("input");
    let what = std::env::args().nth(1).unwrap_or_default();
    let answer = match what.as_str() {
        "echo" => input,
        "overflow" => vec![recurse(0)],
        "allocate" => vec![1; 1 << 30],
        "allocate-little" => vec![1; 32 << 20],
        "loop" => loop {
            black_box(());
        },
        "sleep" => loop {
            thread::sleep(Duration::from_secs(1));
        },
        "panic" => panic!("as told"),
        "open" => format!("{:?}", fs::read("/etc/hostname").is_ok()).into(),
        "write" => format!("{:?}", fs::write("/tmp/probe", "x").is_ok()).into(),
        "remove" => format!("{:?}", fs::remove_file("/tmp/probe").is_ok()).into(),
        "connect" => format!("{:?}", TcpStream::connect("127.0.0.1:9").err()).into(),
        "execute" => format!("{:?}", Command::new("/bin/true").status().is_ok()).into(),
        "environment" => format!("{:?}", std::env::vars().count()).into(),
        _ => Vec::new(),
    };
    io::stdout().write_all(&answer).expect("output");
    ExitCode::SUCCESS
}

#[expect(unconditional_recursion, reason = "it is told to")]
fn recurse(depth: u8) -> u8 {
    black_box([depth; 1024])[0] + recurse(black_box(depth))
}
