//! A log that does not answer.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use domain::Channel;

use super::{ANSWERS, Harness, PATIENCE, append, group, number_of, numbers, reader, receive};
use crate::AppendError;

/// A caller is told within this time.
const SOON: Duration = Duration::from_secs(5);

pub(super) async fn run(harness: &dyn Harness) {
    an_append_is_refused_soon_while_the_log_is_away(harness).await;
    a_reader_reads_on_once_the_log_is_back(harness).await;
}

async fn an_append_is_refused_soon_while_the_log_is_away(harness: &dyn Harness) {
    let log = harness.empty().await;
    append(&log, [1]).await;
    harness.break_down().await;
    for number in 2..4 {
        let started = Instant::now();
        match log.append(Channel::Sms, group(number)).await {
            Err(AppendError::Log(_)) => {}
            other => panic!("{other:?}"),
        }
        let took = started.elapsed();
        assert!(took < SOON, "it took {took:?}");
    }
    harness.repair().await;
    append_soon(&log, 4).await;
    let mut reader = reader(&log).await;
    let mut read = numbers(&receive(&mut *reader, 2).await);
    let late = reader.receive(10, Duration::from_secs(1)).await;
    read.extend(numbers(&late.expect(ANSWERS)));
    // What was refused may have got there all the same; what was accepted must have.
    assert!(read.is_superset(&[1, 4].into()), "{read:?}");
}

/// The same log answers again soon, without a restart.
async fn append_soon(log: &crate::SharedLog, number: u32) {
    let started = Instant::now();
    while log.append(Channel::Sms, group(number)).await.is_err() {
        assert!(started.elapsed() < PATIENCE, "the log is back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_reader_reads_on_once_the_log_is_back(harness: &dyn Harness) {
    let log = harness.empty().await;
    append(&log, [1, 2]).await;
    let mut first = reader(&log).await;
    let held = receive(&mut *first, 1).await;
    harness.break_down().await;
    let acknowledged = first.acknowledge(&[held[0].id]).await;
    drop(first);
    harness.repair().await;
    append_soon(&log, 3).await;
    let mut second = reader(&log).await;
    // An acknowledgement that failed leaves the group; one that seemed to succeed may have been lost on the way.
    let mut least: BTreeSet<u32> = [2, 3].into();
    if acknowledged.is_err() {
        least.insert(number_of(&held[0].group));
    }
    let mut read = BTreeSet::new();
    while !read.is_superset(&least) {
        read.extend(numbers(&receive(&mut *second, 1).await));
    }
}
