//! What is not acknowledged comes again, and what is does not.

use domain::Channel;

use super::{
    ANSWERS, Harness, PATIENCE, QUIET, acknowledge, append, assert_nothing_is_left, group, numbers,
    reader, receive,
};

pub(super) async fn run(harness: &dyn Harness) {
    what_a_reader_left_comes_again(harness).await;
    sixty_redeliveries_lose_nothing(harness).await;
    what_is_acknowledged_never_comes_again(harness).await;
    a_process_that_ends_leaves_its_groups_to_another(harness).await;
    readers_at_once_do_not_share_a_group(harness).await;
    a_poison_group_goes_aside_and_the_rest_flows(harness).await;
}

async fn what_a_reader_left_comes_again(harness: &dyn Harness) {
    let log = harness.empty().await;
    append(&log, 0..5).await;
    let mut first = reader(&log).await;
    let received = receive(&mut *first, 5).await;
    // Some in the middle, because a reader acknowledges what was saved, in whichever order.
    acknowledge(&mut *first, &received[1..3]).await;
    let saved = numbers(&received[1..3]);
    drop(first);

    let mut second = reader(&log).await;
    let rest = receive(&mut *second, 3).await;
    assert_eq!(numbers(&rest).len(), 3);
    assert!(numbers(&rest).is_disjoint(&saved));
    acknowledge(&mut *second, &rest).await;
    drop(second);
    assert_nothing_is_left(&log).await;
}

async fn sixty_redeliveries_lose_nothing(harness: &dyn Harness) {
    let log = harness.empty().await;
    append(&log, 0..3).await;
    for _ in 0..60 {
        let mut reader = reader(&log).await;
        assert_eq!(numbers(&receive(&mut *reader, 3).await), (0..3).collect());
    }
    let mut last = reader(&log).await;
    let received = receive(&mut *last, 3).await;
    acknowledge(&mut *last, &received).await;
    assert_eq!(log.count_aside(Channel::Sms).await.expect(ANSWERS), 0);
}

async fn what_is_acknowledged_never_comes_again(harness: &dyn Harness) {
    let log = harness.empty().await;
    append(&log, 0..10).await;
    let mut reader = reader(&log).await;
    let received = receive(&mut *reader, 10).await;
    acknowledge(&mut *reader, &received).await;
    drop(reader);
    assert_nothing_is_left(&log).await;
    assert_nothing_is_left(&harness.another().await).await;
}

async fn a_process_that_ends_leaves_its_groups_to_another(harness: &dyn Harness) {
    let log = harness.empty().await;
    append(&log, 0..4).await;
    let other = harness.another().await;
    let mut waiting = reader(&other).await;
    let mut first = reader(&log).await;
    let held = receive(&mut *first, 2).await;
    acknowledge(&mut *first, &held[..1]).await;
    drop(first);
    drop(log);
    let rest = receive(&mut *waiting, 3).await;
    assert!(numbers(&rest).is_disjoint(&numbers(&held[..1])));
    acknowledge(&mut *waiting, &rest).await;
    drop(waiting);
    assert_nothing_is_left(&other).await;
}

async fn readers_at_once_do_not_share_a_group(harness: &dyn Harness) {
    let log = harness.empty().await;
    append(&log, 0..20).await;
    let (mut first, mut second) = (reader(&log).await, reader(&log).await);
    let some = receive(&mut *first, 8).await;
    let others = second.receive(20, PATIENCE).await.expect(ANSWERS);
    assert!(numbers(&some).is_disjoint(&numbers(&others)));
    let elsewhere = harness.another().await;
    let third = reader(&elsewhere).await.receive(20, QUIET).await;
    let third = numbers(&third.expect(ANSWERS));
    assert!(third.is_disjoint(&numbers(&some)) && third.is_disjoint(&numbers(&others)));
    acknowledge(&mut *first, &some).await;
    acknowledge(&mut *second, &others).await;
}

async fn a_poison_group_goes_aside_and_the_rest_flows(harness: &dyn Harness) {
    let log = harness.empty().await;
    append(&log, 0..3).await;
    let mut reader = reader(&log).await;
    for delivery in receive(&mut *reader, 3).await {
        if delivery.group == group(1) {
            let reason = "it does not read";
            let aside = reader.set_aside(delivery.id, group(71), reason).await;
            aside.expect(ANSWERS);
        } else {
            acknowledge(&mut *reader, &[delivery]).await;
        }
    }
    let none = reader.receive(10, QUIET).await.expect(ANSWERS);
    assert!(none.is_empty(), "it does not come again by itself");
    let other = harness.another().await;
    assert_eq!(other.count_aside(Channel::Sms).await.expect(ANSWERS), 1);
    assert_eq!(other.count_aside(Channel::Email).await.expect(ANSWERS), 0);

    assert_eq!(other.replay_aside(Channel::Sms).await.expect(ANSWERS), 1);
    let again = receive(&mut *reader, 1).await;
    assert_eq!(again[0].group, group(71), "what was set aside comes again");
    acknowledge(&mut *reader, &again).await;
    assert_eq!(other.count_aside(Channel::Sms).await.expect(ANSWERS), 0);
}
