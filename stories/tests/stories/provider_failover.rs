//! Several providers of a channel: one fails, hangs, is slow or has limits, and the others send (`docs/spec/workers.md`
//! §7.1, §7.2, §8).

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use app::{App, ProviderLimits, Weighted};
use pillarbox_stories::{Behaviour, FakeEmail, FakeSms, Gate, TestService, World};
use serde_json::{Value, json};
use tokio::time::timeout;

const RETRY: Duration = Duration::from_secs(301);
const MINUTE: Duration = Duration::from_mins(1);

/// A world with two providers of text messages.
struct Two {
    world: World,
    service: TestService,
    first: Arc<FakeSms>,
    second: Arc<FakeSms>,
}

impl Two {
    /// Two providers that rest at 51 and 49.
    async fn new() -> Self {
        Self::with_limits(ProviderLimits::default()).await
    }

    /// The same; the first has these limits.
    async fn with_limits(limits: ProviderLimits) -> Self {
        let first = Arc::new(FakeSms::named("first"));
        let second = Arc::new(FakeSms::named("second"));
        let sms = vec![
            Weighted::<dyn providers::SmsProvider>::new(first.clone(), 51).with_limits(limits),
            Weighted::<dyn providers::SmsProvider>::new(second.clone(), 49),
        ];
        let world = World::with(|_, providers| providers.sms = sms).await;
        world.app.prepare_providers().await.unwrap();
        let service = world.service("Riverside Council").await;
        Self {
            world,
            service,
            first,
            second,
        }
    }

    /// Returns how often each message was accepted.
    fn accepted(&self) -> BTreeMap<uuid::Uuid, usize> {
        let mut accepted = BTreeMap::new();
        for sms in self.first.accepted().iter().chain(&self.second.accepted()) {
            *accepted.entry(sms.id).or_default() += 1;
        }
        accepted
    }

    async fn send_job(&self, first: usize, rows: usize) {
        let mut file = "phone number,name,day\n".to_owned();
        for row in first..first + rows {
            let _ = writeln!(file, "0770{:07},Ada,Friday", 1_000_000 + row);
        }
        self.world
            .job(self.service.id, self.service.sms, file)
            .await;
        self.world.run_tasks().await;
    }

    async fn send(&self, to: &str) -> String {
        let sent = self
            .world
            .send_sms(&self.service, &self.service.normal, to)
            .await;
        sent.json["id"].as_str().unwrap().to_owned()
    }

    /// Returns the row of a provider.
    async fn row(&self, name: &str) -> Value {
        let all = self
            .world
            .internal_request("GET", "/provider-details", "")
            .await;
        let all = all.json["provider_details"].as_array().unwrap();
        all.iter()
            .find(|one| one["identifier"] == name)
            .unwrap()
            .clone()
    }

    async fn priorities(&self) -> (u64, u64) {
        let priority = |row: Value| row["priority"].as_u64().unwrap();
        (
            priority(self.row("first").await),
            priority(self.row("second").await),
        )
    }

    async fn attempts(&self, id: &str) -> Vec<(u64, String, String)> {
        let service = self.service.id;
        let path = format!("/service/{service}/notifications/{id}/attempts");
        let found = self.world.internal_request("GET", &path, "").await;
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        let attempts = found.data().as_array().unwrap().iter();
        attempts
            .map(|one| {
                (
                    one["number"].as_u64().unwrap(),
                    text(&one["provider"]),
                    text(&one["outcome"]),
                )
            })
            .collect()
    }
}

#[tokio::test]
async fn when_one_provider_dies_all_messages_leave_by_the_other_and_it_gets_its_share_again() {
    const MESSAGES: usize = 10_000;
    let two = Two::new().await;
    // It dies in the middle: a few messages get no answer, and then no connection is accepted.
    two.first
        .queue_behaviours(std::iter::repeat_n(Behaviour::Accept, MESSAGES / 5));
    two.first
        .queue_behaviours(std::iter::repeat_n(Behaviour::AcceptSilently, 4));
    two.first.set_behaviour(Behaviour::BeUnavailable);
    two.send_job(0, MESSAGES).await;
    // What got no answer is sent again an hour later, perhaps to the dead one first.
    for _ in 0..40 {
        two.world.advance(RETRY);
        two.world.run_tasks().await;
    }
    let unknown: Vec<_> = two
        .first
        .accepted_silently()
        .iter()
        .map(|sms| sms.id)
        .collect();
    let accepted = two.accepted();
    assert_eq!(unknown.len(), 4);
    assert_eq!(accepted.len(), MESSAGES, "none is lost");
    for (id, times) in &accepted {
        let expected = if unknown.contains(id) { 2 } else { 1 };
        assert_eq!(*times, expected, "{id}");
    }

    two.first.reset_behaviour();
    two.world.advance(MINUTE);
    let before = two.first.accepted().len();
    two.send_job(MESSAGES, 400).await;
    let share = two.first.accepted().len() - before;
    assert!((100..300).contains(&share), "{share} of 400");
}

#[tokio::test]
async fn emails_leave_by_the_other_relay_when_one_dies() {
    let (first, second) = (
        Arc::new(FakeEmail::named("first")),
        Arc::new(FakeEmail::named("second")),
    );
    let email = vec![
        Weighted::<dyn providers::EmailProvider>::new(first.clone(), 100),
        Weighted::<dyn providers::EmailProvider>::new(second.clone(), 100),
    ];
    let world = World::with(|_, providers| providers.email = email).await;
    let service = world.service("Riverside Council").await;
    first.set_behaviour(Behaviour::BeUnavailable);
    for number in 0..100 {
        let to = format!("ada{number}@example.com");
        world.send_email(&service, &service.normal, &to).await;
    }
    for _ in 0..12 {
        world.run_tasks().await;
        world.advance(RETRY);
    }
    assert_eq!(second.accepted().len(), 100);
    assert!(first.accepted().is_empty() && first.refused() > 0);
}

#[tokio::test]
async fn a_provider_that_is_down_is_asked_once_in_ten_seconds() {
    let two = Two::new().await;
    two.first.set_behaviour(Behaviour::BeUnavailable);
    two.send_job(0, 1000).await;
    assert_eq!(two.second.accepted().len(), 1000);
    let errors = two.first.refused();
    assert!((1..=18).contains(&errors), "{errors}");
    two.world.advance(Duration::from_secs(10));
    two.send_job(1000, 1000).await;
    let more = two.first.refused() - errors;
    // By chance it may have had fewer than ten calls before.
    assert!(more <= 1 || errors < 10, "{more} after ten seconds");
}

#[tokio::test]
async fn a_short_outage_of_the_only_provider_costs_seconds_and_no_attempts() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.sms.set_behaviour(Behaviour::BeUnavailable);
    let mut ids = Vec::new();
    for number in 0..40 {
        let to = format!("07700910{number:03}");
        let sent = world.send_sms(&service, &service.normal, &to).await;
        ids.push(sent.json["id"].as_str().unwrap().to_owned());
    }
    world.run_tasks().await;
    world.sms.reset_behaviour();
    for _ in 0..10 {
        world.advance(Duration::from_secs(2));
        world.run_tasks().await;
    }
    let left = world.sms.accepted().len();
    assert!(left >= 20, "{left} of 40 left within twenty seconds");
    world.advance(RETRY);
    world.run_tasks().await;
    for id in ids {
        assert_eq!(world.status_of(&service, &id).await, "sending");
    }
}

/// Runs workers of another process until a provider has accepted a message without having answered; then the process dies.
async fn dies_before_the_answer(two: &Two, process: &App) {
    let gate = Arc::new(Gate::default());
    two.first
        .set_behaviour(Behaviour::AcceptAndWaitAt(gate.clone()));
    two.second
        .set_behaviour(Behaviour::AcceptAndWaitAt(gate.clone()));
    let runner = process.runner(queue::RunnerSettings::default());
    let worker = runner.worker();
    let running = tokio::spawn(async move { runner.drain(app::tasks::POOLS).await });
    timeout(MINUTE, gate.arrived.notified()).await.unwrap();
    running.abort();
    assert!(running.await.is_err());
    two.first.reset_behaviour();
    two.second.reset_behaviour();
    two.world.app.reclaim_from_worker(worker).await.unwrap();
}

#[tokio::test]
async fn a_text_whose_process_died_before_the_answer_waits_for_its_receipt() {
    let two = Two::new().await;
    let id = two.send("07700900123").await;
    dies_before_the_answer(&two, &two.world.another_process()).await;
    two.world.run_tasks().await;
    two.world.advance(Duration::from_mins(4));
    two.world.run_tasks().await;
    assert_eq!(two.accepted().len(), 1);
    assert_eq!(two.world.status_of(&two.service, &id).await, "created");
    assert_eq!(
        two.attempts(&id).await,
        [(1, "none".to_owned(), "none".to_owned())]
    );

    let receipt = json!({"CID": id, "status": "3"}).to_string();
    let heard = two
        .world
        .request("POST", "/notifications/sms/mmg", None, receipt)
        .await;
    assert_eq!(heard.status, 200);
    two.world.run_tasks().await;
    assert_eq!(two.world.status_of(&two.service, &id).await, "delivered");
    two.world.advance(RETRY);
    two.world.run_tasks().await;
    let times: Vec<usize> = two.accepted().into_values().collect();
    assert_eq!(times, [1], "it is not sent again");
}

#[tokio::test]
async fn without_a_receipt_it_is_sent_again_after_five_minutes() {
    let two = Two::new().await;
    let id = two.send("07700900123").await;
    dies_before_the_answer(&two, &two.world.another_process()).await;
    two.world.run_tasks().await;
    two.world.advance(RETRY);
    two.world.run_tasks().await;
    let times: Vec<usize> = two.accepted().into_values().collect();
    assert_eq!(times, [2], "once more, under the same reference");
    assert_eq!(two.world.status_of(&two.service, &id).await, "sending");
    let attempts = two.attempts(&id).await;
    assert_eq!(attempts.len(), 2);
    assert_eq!((attempts[0].0, &*attempts[0].2), (1, "unknown"));
    assert_eq!((attempts[1].0, &*attempts[1].2), (2, "accepted"));
}

#[tokio::test]
async fn every_attempt_is_shown_with_its_provider_and_outcome() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world
        .sms
        .queue_behaviours([Behaviour::BeUnavailable, Behaviour::AcceptSilently]);
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let id = sent.json["id"].as_str().unwrap();
    world.run_tasks().await;
    world.advance(Duration::from_secs(3601));
    world.run_tasks().await;
    let path = format!("/service/{}/notifications/{id}/attempts", service.id);
    let found = world.internal_request("GET", &path, "").await;
    let outcomes: Vec<_> = found
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["number"], &one["outcome"], &one["provider"]))
        .collect();
    assert_eq!(
        json!(outcomes),
        json!([
            [1, "unavailable", "fake-sms"],
            [2, "unknown", "fake-sms"],
            [3, "accepted", "fake-sms"],
        ])
    );
    assert_eq!(found.data()[0]["detail"], "nobody answers");
    let other = world.service("Hillside Council").await;
    let path = format!("/service/{}/notifications/{id}/attempts", other.id);
    assert_eq!(world.internal_request("GET", &path, "").await.status, 404);

    // A refusal, and a test key that reaches no provider.
    world.sms.queue_behaviours([Behaviour::RejectRecipient]);
    let refused = world
        .send_sms(&service, &service.normal, "07700900124")
        .await;
    let test = world.send_sms(&service, &service.test, "07700900125").await;
    world.run_tasks().await;
    for (sent, expected) in [(refused, json!(["recipient-rejected"])), (test, json!([]))] {
        let id = sent.json["id"].as_str().unwrap();
        let path = format!("/service/{}/notifications/{id}/attempts", service.id);
        let found = world.internal_request("GET", &path, "").await;
        let outcomes = found.data().as_array().unwrap().iter();
        let outcomes: Vec<_> = outcomes.map(|one| &one["outcome"]).collect();
        assert_eq!(json!(outcomes), expected);
    }
}

#[tokio::test]
async fn more_than_fifty_errors_in_a_minute_move_ten_points_once() {
    let two = Two::new().await;
    let other = two.world.another_process();
    other.prepare_providers().await.unwrap();
    // Not in a row, or the breaker would open before there are fifty.
    let every_other = [Behaviour::BeUnavailable, Behaviour::Accept];
    two.first
        .queue_behaviours(every_other.into_iter().cycle().take(600));
    for number in 0..400 {
        two.send(&format!("07700910{number:03}")).await;
    }
    let (ours, theirs) = (
        two.world.runner(),
        other.runner(queue::RunnerSettings::default()),
    );
    futures::join!(
        ours.drain(app::tasks::POOLS),
        theirs.drain(app::tasks::POOLS)
    );
    assert_eq!(two.priorities().await, (41, 59));
    let row = two.row("first").await;
    assert_eq!(row["version"], 2);
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.contains("errors within a minute"), "{reason}");

    // Fifteen quiet minutes later it moves back, in two steps of which the last is shorter.
    two.first.reset_behaviour();
    two.world.advance(Duration::from_mins(10));
    two.world.run_schedule().await;
    assert_eq!(two.priorities().await, (41, 59), "not yet");
    two.world.advance(Duration::from_mins(5));
    two.world.run_schedule().await;
    assert_eq!(two.priorities().await, (51, 49));
}

#[tokio::test]
async fn a_few_errors_move_nothing() {
    let two = Two::new().await;
    let every_other = [Behaviour::BeUnavailable, Behaviour::Accept];
    two.first
        .queue_behaviours(every_other.into_iter().cycle().take(100));
    two.send_job(0, 400).await;
    assert_eq!(two.priorities().await, (51, 49));
}

#[tokio::test]
async fn a_provider_that_delivers_slowly_while_another_does_not_loses_ten_points() {
    let two = Two::new().await;
    two.send_job(0, 60).await;
    for sms in two.second.accepted() {
        let receipt = json!({"CID": sms.id, "status": "3"}).to_string();
        two.world
            .request("POST", "/notifications/sms/mmg", None, receipt)
            .await;
    }
    two.world.run_tasks().await;
    two.world.advance(Duration::from_mins(4));
    two.world.run_schedule().await;
    assert_eq!(
        two.priorities().await,
        (51, 49),
        "four minutes are not slow"
    );
    two.world.advance(MINUTE);
    two.world.run_schedule().await;
    assert_eq!(two.priorities().await, (41, 59));
    two.world.advance(MINUTE);
    two.world.run_schedule().await;
    assert_eq!(
        two.priorities().await,
        (41, 59),
        "not again within five minutes"
    );
}

#[tokio::test]
async fn when_all_providers_are_slow_nothing_moves() {
    let two = Two::new().await;
    two.send_job(0, 60).await;
    two.world.advance(Duration::from_mins(6));
    two.world.run_schedule().await;
    assert_eq!(two.priorities().await, (51, 49));
}

#[tokio::test]
async fn a_daily_quota_holds_across_processes_and_ends_with_the_day() {
    let two = Two::with_limits(ProviderLimits {
        per_second: None,
        daily_quota: Some(20),
    })
    .await;
    let other = two.world.another_process();
    for number in 0..200 {
        two.send(&format!("07700910{number:03}")).await;
    }
    let (ours, theirs) = (
        two.world.runner(),
        other.runner(queue::RunnerSettings::default()),
    );
    futures::join!(
        ours.drain(app::tasks::POOLS),
        theirs.drain(app::tasks::POOLS)
    );
    assert_eq!(two.accepted().len(), 200);
    let of_first = two.first.accepted().len();
    assert!((1..=20).contains(&of_first), "{of_first}");

    two.world.advance(Duration::from_hours(24));
    two.send_job(0, 200).await;
    let tomorrow = two.first.accepted().len() - of_first;
    assert!((10..=20).contains(&tomorrow), "{tomorrow}");
}

#[tokio::test]
async fn what_is_over_the_only_quota_waits_for_the_next_day() {
    let world = World::with(|_, providers| {
        providers.sms[0].limits.daily_quota = Some(3);
    })
    .await;
    let service = world.service("Riverside Council").await;
    for number in 0..5 {
        let to = format!("07700910{number:03}");
        world.send_sms(&service, &service.normal, &to).await;
    }
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 3);
    world.advance(Duration::from_hours(8));
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 3);
    world.advance(Duration::from_hours(8));
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 5);
}

#[tokio::test]
async fn single_messages_share_what_is_reserved_of_a_quota() {
    let world = World::with(|_, providers| {
        providers.sms[0].limits.daily_quota = Some(50);
    })
    .await;
    let service = world.service("Riverside Council").await;
    for number in 0..40 {
        let to = format!("07700910{number:03}");
        world.send_sms(&service, &service.normal, &to).await;
    }
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 40);
}

#[tokio::test]
async fn a_rate_limit_holds_and_what_is_over_it_goes_to_the_other_provider() {
    let two = Two::with_limits(ProviderLimits {
        per_second: Some(20),
        daily_quota: None,
    })
    .await;
    // The clock stands still: the first has the two messages of its burst.
    two.send_job(0, 50).await;
    assert_eq!(two.accepted().len(), 50);
    let of_first = two.first.accepted().len();
    assert!((1..=2).contains(&of_first), "{of_first}");
}
