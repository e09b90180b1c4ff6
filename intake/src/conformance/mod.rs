//! Test suite that defines an [`IntakeLog`](crate::IntakeLog) adapter: an adapter is done when it passes.
//!
//! The promises are grouped by what they are about: appending and reading (here), what goes wrong in a reader, and a log
//! that does not answer.

mod failures;
mod redelivery;

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use domain::Channel;

use crate::{AppendError, Delivery, LogReader, SharedLog};

/// What the suite needs of an adapter.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Returns a log that is empty. Called once for each promise.
    async fn empty(&self) -> SharedLog;
    /// Returns the same log as another process sees it.
    async fn another(&self) -> SharedLog;
    /// Makes the log unable to answer.
    async fn break_down(&self);
    /// Makes it answer again.
    async fn repair(&self);
}

/// Runs the whole suite; panics at the first promise that the adapter breaks.
pub async fn run(harness: &dyn Harness) {
    a_group_is_read_as_it_was_appended(harness).await;
    groups_of_300_kilobytes_pass(harness).await;
    queues_are_separate(harness).await;
    appends_at_once_are_all_read(harness).await;
    a_waiting_reader_is_given_what_is_appended(harness).await;
    a_group_too_large_is_refused(harness).await;
    the_promise_is_a_sentence(harness).await;
    redelivery::run(harness).await;
    failures::run(harness).await;
}

const ANSWERS: &str = "the log answers";
/// Longer than any adapter takes to deliver what is there.
const PATIENCE: Duration = Duration::from_secs(20);
/// After this time without a group a queue counts as empty.
const QUIET: Duration = Duration::from_millis(400);

fn group(number: u32) -> Bytes {
    Bytes::from(number.to_be_bytes().to_vec())
}

fn number_of(group: &Bytes) -> u32 {
    u32::from_be_bytes(group[..].try_into().expect("a group of this suite"))
}

async fn append(log: &SharedLog, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        log.append(Channel::Sms, group(number))
            .await
            .expect(ANSWERS);
    }
}

async fn reader(log: &SharedLog) -> Box<dyn LogReader> {
    log.reader(Channel::Sms).await.expect(ANSWERS)
}

/// Receives until `count` groups are held. What comes twice counts twice.
async fn receive(reader: &mut dyn LogReader, count: usize) -> Vec<Delivery> {
    let mut received = Vec::new();
    while received.len() < count {
        let some = reader.receive(count - received.len(), PATIENCE).await;
        let some = some.expect(ANSWERS);
        assert!(
            !some.is_empty(),
            "{} of {count} groups were delivered",
            received.len()
        );
        received.extend(some);
    }
    received
}

async fn acknowledge(reader: &mut dyn LogReader, deliveries: &[Delivery]) {
    let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.id).collect();
    reader.acknowledge(&ids).await.expect(ANSWERS);
}

async fn assert_nothing_is_left(log: &SharedLog) {
    let mut reader = reader(log).await;
    let left = reader.receive(10, QUIET).await.expect(ANSWERS);
    assert!(left.is_empty(), "{} groups are left", left.len());
}

fn numbers(deliveries: &[Delivery]) -> BTreeSet<u32> {
    deliveries
        .iter()
        .map(|delivery| number_of(&delivery.group))
        .collect()
}

async fn a_group_is_read_as_it_was_appended(harness: &dyn Harness) {
    let log = harness.empty().await;
    let large = Bytes::from(vec![7; 70_000]);
    for bytes in [Bytes::new(), Bytes::from_static(b"\0\xff\n"), large] {
        log.append(Channel::Email, bytes.clone())
            .await
            .expect(ANSWERS);
        let mut reader = log.reader(Channel::Email).await.expect(ANSWERS);
        let received = receive(&mut *reader, 1).await;
        assert_eq!(received[0].group, bytes);
        acknowledge(&mut *reader, &received).await;
    }
}

async fn groups_of_300_kilobytes_pass(harness: &dyn Harness) {
    let log = harness.empty().await;
    let large = |number: u8| Bytes::from(vec![number; 300_000]);
    for number in 0..20 {
        log.append(Channel::Sms, large(number))
            .await
            .expect(ANSWERS);
    }
    assert_eq!(log.depth(Channel::Sms).await.expect(ANSWERS), 20);
    let mut reader = reader(&log).await;
    let received = receive(&mut *reader, 20).await;
    let different: BTreeSet<&Bytes> = received.iter().map(|delivery| &delivery.group).collect();
    assert_eq!(
        different,
        (0..20).map(large).collect::<Vec<_>>().iter().collect()
    );
    acknowledge(&mut *reader, &received).await;
}

async fn queues_are_separate(harness: &dyn Harness) {
    let log = harness.empty().await;
    append(&log, [1]).await;
    log.append(Channel::Letter, group(2)).await.expect(ANSWERS);
    let mut letters = log.reader(Channel::Letter).await.expect(ANSWERS);
    let received = receive(&mut *letters, 1).await;
    assert_eq!(numbers(&received), [2].into());
    acknowledge(&mut *letters, &received).await;
    assert_eq!(log.depth(Channel::Letter).await.expect(ANSWERS), 0);
    assert_eq!(log.depth(Channel::Sms).await.expect(ANSWERS), 1);
}

async fn appends_at_once_are_all_read(harness: &dyn Harness) {
    let (log, other) = (harness.empty().await, harness.another().await);
    let of = async |log: SharedLog, numbers: std::ops::Range<u32>| {
        let mut appends = tokio::task::JoinSet::new();
        for number in numbers {
            let log = log.clone();
            appends.spawn(async move { log.append(Channel::Sms, group(number)).await });
        }
        while let Some(appended) = appends.join_next().await {
            appended.expect("it does not panic").expect(ANSWERS);
        }
    };
    tokio::join!(of(log.clone(), 0..50), of(other, 50..100));
    let mut reader = reader(&log).await;
    let received = receive(&mut *reader, 100).await;
    assert_eq!(numbers(&received), (0..100).collect());
    acknowledge(&mut *reader, &received).await;
    drop(reader);
    assert_nothing_is_left(&log).await;
}

async fn a_waiting_reader_is_given_what_is_appended(harness: &dyn Harness) {
    let (log, other) = (harness.empty().await, harness.another().await);
    let mut reader = reader(&log).await;
    for (from, number) in [(&log, 1), (&other, 2)] {
        let (received, ()) = tokio::join!(receive(&mut *reader, 1), append(from, [number]));
        assert_eq!(numbers(&received), [number].into());
        acknowledge(&mut *reader, &received).await;
    }
}

async fn a_group_too_large_is_refused(harness: &dyn Harness) {
    let log = harness.empty().await;
    let limit = log.max_group_bytes();
    assert!(limit >= 200_000, "a group of messages fits: {limit}");
    let refused = log
        .append(Channel::Sms, Bytes::from(vec![0; limit + 1]))
        .await;
    match refused {
        Err(AppendError::TooLarge { bytes, limit: said }) => {
            assert_eq!((bytes, said), (limit + 1, limit));
        }
        other => panic!("{other:?}"),
    }
    append(&log, [1]).await;
    assert_eq!(log.depth(Channel::Sms).await.expect(ANSWERS), 1);
}

async fn the_promise_is_a_sentence(harness: &dyn Harness) {
    let promise = harness.empty().await.promise();
    // It completes the line "a 201 rests on this: …".
    assert!(promise.len() > 20 && !promise.contains('\n'), "{promise}");
}
