//! The rate limit and the daily quota (`docs/spec/public-api.md` §4).

use std::time::Duration;

use app::manage::services::NewService;
use domain::{Allowance, Clock as _};
use pillarbox_stories::{Key, World};
use serde_json::json;

fn limited(name: &str, limit: i64) -> NewService {
    NewService {
        rate_limit: 100_000,
        limits: [(Allowance::Sms, limit)].into(),
        ..NewService::named(name)
    }
}

#[tokio::test]
async fn a_hundred_concurrent_requests_use_exactly_the_remaining_quota() {
    let world = World::new().await;
    let service = world.service_with(limited("Capped", 10)).await;
    let sends = (0..100).map(|_| world.send_sms(&service, &service.normal, "07700900123"));
    let answers = futures::future::join_all(sends).await;
    let passed = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(passed, 10);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.status, 429);
        assert_eq!(refused.json["errors"][0]["error"], "TooManyRequestsError");
        assert_eq!(
            refused.message(),
            "Exceeded send limits (sms: 10) for today"
        );
        let said = |name: &str| refused.headers[name].to_str().unwrap();
        // The clock shows nine in the morning.
        let seconds: u32 = said("retry-after").parse().unwrap();
        assert!((53_990..=54_000).contains(&seconds), "{seconds}");
        assert_eq!(said("ratelimit-policy"), "\"sms-day\";q=10;w=86400");
        assert_eq!(said("ratelimit"), format!("\"sms-day\";r=0;t={seconds}"));
    }
    for name in ["retry-after", "ratelimit", "ratelimit-policy"] {
        let mut served = answers.iter().filter(|answer| answer.status == 201);
        assert!(served.all(|answer| answer.headers.get(name).is_none()));
    }
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 10);

    world.advance(Duration::from_secs(2));
    let nonsense = world
        .post(&service.normal, "/v2/notifications/sms", &json!("nonsense"))
        .await;
    assert_eq!(
        nonsense.status, 429,
        "the limit is looked at before the body"
    );
    assert_eq!(
        world
            .send_sms(&service, &service.test, "07700900123")
            .await
            .status,
        201,
        "a test key is not counted"
    );
    assert_eq!(
        world
            .send_email(&service, &service.normal, "a@example.com")
            .await
            .status,
        201,
        "e-mails have their own"
    );
    world.advance(Duration::from_hours(15));
    assert_eq!(
        world
            .send_sms(&service, &service.normal, "07700900123")
            .await
            .status,
        201,
        "tomorrow is another day"
    );
}

#[tokio::test]
async fn requests_over_the_rate_limit_are_refused_until_it_refills() {
    let world = World::new().await;
    let service = world
        .service_with(NewService {
            rate_limit: 60,
            ..NewService::named("Slow")
        })
        .await;
    let mut passed = 0;
    while world
        .send_sms(&service, &service.normal, "07700900123")
        .await
        .status
        == 201
    {
        passed += 1;
    }
    assert_eq!(passed, 20);
    let refused = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    assert_eq!(refused.json["errors"][0]["error"], "RateLimitError");
    assert_eq!(
        refused.message(),
        "Exceeded rate limit for key type LIVE of 60 requests per 60 seconds"
    );
    assert_eq!(
        (
            &refused.headers["retry-after"],
            &refused.headers["ratelimit-policy"],
            &refused.headers["ratelimit"],
        ),
        (
            &"2".parse().unwrap(),
            &"\"minute\";q=60;w=60".parse().unwrap(),
            &"\"minute\";r=0;t=2".parse().unwrap()
        )
    );
    assert_eq!(
        world
            .send_sms(&service, &service.test, "07700900123")
            .await
            .status,
        201,
        "each key type has its own"
    );
    assert_eq!(
        world.get(&service.normal, "/v2/notifications").await.status,
        200,
        "reading is never limited"
    );
    world.advance(Duration::from_secs(10));
    assert_eq!(
        world
            .send_sms(&service, &service.normal, "07700900123")
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn international_texts_have_their_own_quota_and_refunds() {
    let world = World::new().await;
    let mut new = limited("Abroad", 100);
    new.permissions.insert(domain::Permission::InternationalSms);
    new.limits.insert(Allowance::InternationalSms, 2);
    let service = world.service_with(new).await;
    let sends = (0..10).map(|_| world.send_sms(&service, &service.normal, "+1 202-555-0104"));
    let answers = futures::future::join_all(sends).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 201).count(),
        2
    );
    let refused = answers.iter().find(|answer| answer.status != 201).unwrap();
    assert_eq!(
        refused.message(),
        "Exceeded send limits (international_sms: 2) for today"
    );
    let today = domain::Clock::now(&*world.clock).utc_day();
    let mut session = world.app.read().await.unwrap();
    let spent = store::counters::find_spent(&mut session, service.id, Allowance::Sms, today)
        .await
        .unwrap();
    assert_eq!(spent, 2, "the refused ones spent nothing");
    drop(session);
}

#[tokio::test]
async fn a_refund_never_makes_a_count_negative() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (day, allowance) = (world.clock.now().utc_day(), Allowance::Letter);
    let mut tx = world.app.store().write().await.unwrap();
    store::counters::spend(&mut tx, service.id, allowance, day, 2, 10)
        .await
        .unwrap();
    for (excess, left) in [(1, 1), (5, 0), (1, 0)] {
        store::counters::refund(&mut tx, service.id, allowance, day, excess)
            .await
            .unwrap();
        let spent = store::counters::find_spent(&mut tx, service.id, allowance, day);
        assert_eq!(spent.await.unwrap(), left);
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_counter_keeps_its_value_when_it_moves_to_a_new_row() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (allowance, day) = (Allowance::Sms, world.clock.now().utc_day());
    let store = world.app.store();
    let spend_many = async || {
        for number in 0..400 {
            let mut tx = store.write().await.unwrap();
            let spent = store::counters::spend(&mut tx, service.id, allowance, day, 2, 100_000);
            assert_eq!(spent.await.unwrap().0, 2);
            if number % 4 == 0 {
                let refunded = store::counters::refund(&mut tx, service.id, allowance, day, 1);
                refunded.await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    };
    // Enough for several moves, some of them while others wait for the row.
    futures::future::join_all((0..4).map(|_| spend_many())).await;
    let mut session = store.read().await.unwrap();
    let spent = store::counters::find_spent(&mut session, service.id, allowance, day);
    assert_eq!(spent.await.unwrap(), 4 * (400 * 2 - 100));
    drop(session);
    let mut tx = store.write().await.unwrap();
    let removed = store::counters::delete_before(&mut tx, day.plus_days(1)).await;
    assert_eq!(removed.unwrap(), 1, "the old rows are gone");
}

#[tokio::test]
async fn previews_have_a_rate_of_their_own() {
    let world = World::new().await;
    let named = |name| NewService {
        rate_limit: 60,
        ..NewService::named(name)
    };
    let service = world.service_with(named("Looks often")).await;
    let other = world.service_with(named("Looks seldom")).await;
    let path = |template| format!("/v2/template/{template}/preview");
    let body = json!({"personalisation": {"name": "Ada", "day": "Friday"}});
    for _ in 0..20 {
        let answer = world.post(&service.normal, &path(service.sms), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
    }
    let nonsense = world
        .post(&service.normal, &path(service.sms), &json!("nonsense"))
        .await;
    assert_eq!(nonsense.status, 429, "looked at before the body");
    assert_eq!(
        nonsense.message(),
        "Exceeded rate limit for key type LIVE of 60 requests per 60 seconds"
    );
    assert!(nonsense.headers.contains_key("retry-after"));
    let answer = world.post(&other.normal, &path(other.sms), &body).await;
    assert_eq!(answer.status, 200, "another service has its own");
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    assert_eq!(sent.status, 201, "it may send all the same");
    world.run_tasks().await;
    world.advance(Duration::from_secs(2));
    let answer = world.post(&service.normal, &path(service.sms), &body).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn lists_and_pdfs_have_a_rate_of_their_own() {
    let world = World::new().await;
    let service = world.service("Looks often").await;
    let other = world.service("Looks seldom").await;
    let get = async |key: &Key, path: &str| {
        let token = world.token(&key.service.to_string(), &key.secret);
        world.request("GET", path, Some(&token), "").await
    };
    let letter = format!("/v2/notifications/{}/pdf", uuid::Uuid::nil());
    let paths = [
        "/v2/notifications",
        "/v2/templates",
        "/v2/jobs",
        "/v2/received-text-messages",
        "/v2/suppressions",
        &letter,
    ];
    for path in paths {
        assert_ne!(get(&service.normal, path).await.status, 429, "{path}");
    }
    for _ in paths.len()..999 {
        assert_ne!(get(&service.normal, &letter).await.status, 429);
    }
    for path in paths {
        let refused = get(&service.normal, path).await;
        assert_eq!(refused.status, 429, "{path}");
        assert_eq!(
            refused.message(),
            "Exceeded rate limit for key type LIVE of 6000 requests per 60 seconds"
        );
        assert_ne!(get(&service.test, path).await.status, 429, "another key");
        assert_ne!(get(&other.normal, path).await.status, 429);
    }
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    assert_eq!(sent.status, 201, "it may send all the same");
    world.run_tasks().await;
}
