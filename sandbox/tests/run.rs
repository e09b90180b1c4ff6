//! What becomes of a child that misbehaves, and of one that does not.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pillarbox_sandbox::{Limits, Program, RunError, run};

async fn probe(what: &str, input: &[u8], limits: Limits) -> Result<Vec<u8>, RunError> {
    let program = Program::at(env!("CARGO_BIN_EXE_pillarbox-sandbox-probe")).with_arguments([what]);
    run(&program, &[Bytes::copy_from_slice(input)], &limits).await
}

const LIMITS: Limits = Limits {
    // The probe limits itself; the parent uses the last two.
    memory_bytes: 0,
    stack_bytes: 0,
    cpu_seconds: 0,
    time: Duration::from_secs(30),
    answer_bytes: 40 << 20,
};

#[tokio::test]
async fn a_child_answers_what_it_was_given() {
    let input = vec![7; 3 << 20];
    assert_eq!(probe("echo", &input, LIMITS).await.unwrap(), input);
    let much = probe("allocate-little", b"", LIMITS).await.unwrap();
    assert_eq!(much.len(), 32 << 20);
}

#[tokio::test]
async fn a_fault_of_the_child_is_the_inputs() {
    for what in ["overflow", "allocate", "loop", "panic"] {
        let failed = probe(what, b"", LIMITS).await;
        assert!(
            matches!(failed, Err(RunError::Input(_))),
            "{what}: {failed:?}"
        );
    }
}

#[tokio::test]
async fn a_child_that_waits_is_ended() {
    let limits = Limits {
        time: Duration::from_millis(300),
        ..LIMITS
    };
    let started = Instant::now();
    let failed = probe("sleep", b"", limits).await;
    assert!(matches!(failed, Err(RunError::Input(_))), "{failed:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_answer_has_a_limit() {
    let limits = Limits {
        answer_bytes: 10,
        ..LIMITS
    };
    assert_eq!(probe("echo", &[1; 10], limits).await.unwrap(), [1; 10]);
    let failed = probe("echo", &[1; 11], limits).await;
    assert!(matches!(failed, Err(RunError::Input(_))), "{failed:?}");
    // One that never ends.
    let failed = probe("allocate-little", b"", limits).await;
    assert!(matches!(failed, Err(RunError::Input(_))), "{failed:?}");
}

#[tokio::test]
async fn a_child_that_does_not_start_is_the_systems_fault() {
    let failed = run(&Program::at("/nowhere"), &[], &LIMITS).await;
    assert!(matches!(failed, Err(RunError::System(_))), "{failed:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_child_reaches_nothing_outside() {
    for what in ["open", "write", "remove", "execute"] {
        assert_eq!(probe(what, b"", LIMITS).await.unwrap(), b"false", "{what}");
    }
    let refused = String::from_utf8(probe("connect", b"", LIMITS).await.unwrap()).unwrap();
    assert!(refused.contains("PermissionDenied"), "{refused}");
}
