//! Requests and the schedule in a simulation.

use std::time::Duration;

use domain::{Clock as _, NotificationId};
use pillarbox_stories::TestResponse;
use rand::RngExt as _;
use serde_json::json;

use super::Storm;
use crate::jobs::people;

impl Storm<'_> {
    /// Starts a request whose caller may disconnect at any await.
    pub(super) fn somebody_asks(&mut self) {
        if self.rng.random_bool(0.2) {
            return self.somebody_asks_again();
        }
        let (world, service) = (self.world.clone(), self.service.clone());
        let accepted = self.accepted.clone();
        let number = self.requests;
        self.requests += 1;
        let by_email = self.rng.random_bool(0.4);
        let key = if self.rng.random_bool(0.15) {
            service.test.clone()
        } else {
            service.normal.clone()
        };
        self.begins("a request", async move {
            let answer = if by_email {
                let to = format!("ada{number}@example.com");
                world.send_email(&service, &key, &to).await
            } else {
                world.send_sms(&service, &key, "07700900123").await
            };
            accepted.borrow_mut().extend(id_of(&answer));
        });
    }

    /// Sends one of a few requests with its `Idempotency-Key`, for the first time or again.
    pub(super) fn somebody_asks_again(&mut self) {
        let (world, service) = (self.world.clone(), self.service.clone());
        let (accepted, once) = (self.accepted.clone(), self.once.clone());
        let number = self.rng.random_range(0..3);
        let elsewhere = self.rng.random_bool(0.5).then(|| self.client.clone());
        self.begins("a request with a key", async move {
            let client = elsewhere.as_deref().unwrap_or(world.client());
            let token = world.token(&service.normal.service.to_string(), &service.normal.secret);
            let key = format!("once {number}");
            let headers = [("authorization", token.as_str()), ("idempotency-key", &key)];
            let body = json!({
                "phone_number": "07700900123",
                "template_id": service.sms,
                "personalisation": {"name": "Ada", "day": "Friday"},
                "reference": key,
            });
            let asked = client.request("POST", "/v2/notifications/sms", &headers, body.to_string());
            if let Some(id) = id_of(&asked.await) {
                accepted.borrow_mut().insert(id);
                once.borrow_mut().entry(number).or_default().insert(id);
            }
        });
    }

    pub(super) async fn somebody_uploads(&mut self) {
        if self.is_broken || self.jobs.len() == 2 {
            return;
        }
        let rows = self.rng.random_range(1..14);
        // A worker that holds the store would block the upload for ever.
        self.let_all_go().await;
        let service = self.service.clone();
        let uploaded = self
            .world
            .upload(service.id, service.sms, "people.csv", people(rows as usize))
            .await;
        let id = uploaded.data()["id"].as_str().expect("it is kept");
        let mut body = json!({"id": id});
        if self.rng.random_bool(0.3) {
            let soon = self.world.clock.now().plus(Duration::from_mins(5));
            body["scheduled_for"] = json!(soon.to_string());
        }
        let made = self.world.create_job(service.id, &body).await;
        assert_eq!(made.status, 201, "{}", made.json);
        self.tell(format_args!("job {id} of {rows} rows"));
        self.jobs.push((id.to_owned(), rows));
    }

    /// Pauses, resumes or cancels a job; the caller may disconnect before the response.
    pub(super) fn somebody_minds_a_job(&mut self) {
        let verb = ["pause", "resume", "cancel"][self.rng.random_range(0..3)];
        if self.jobs.is_empty() {
            return;
        }
        let job = self.jobs[self.rng.random_range(0..self.jobs.len())]
            .0
            .clone();
        let (world, service) = (self.world.clone(), self.service.id);
        let cancelled = self.cancelled.clone();
        self.begins("somebody minds a job", async move {
            let path = format!("/service/{service}/job/{job}/{verb}");
            let answer = world.internal_request("POST", &path, "").await;
            if verb == "cancel" && answer.status.is_success() {
                cancelled.borrow_mut().insert(job);
            }
        });
    }

    /// Enqueues what is due this minute: scheduled jobs and the audits.
    pub(super) fn the_clock_fires(&mut self) {
        let world = self.world.clone();
        self.begins("the clock", async move {
            let minute = app::upkeep::schedule::start_of_minute(world.clock.now());
            let _ = app::upkeep::schedule::fire(&world.app, minute).await;
        });
    }
}

/// Returns the id of the message that a response accepts.
pub(super) fn id_of(answer: &TestResponse) -> Option<NotificationId> {
    if answer.status != 201 {
        return None;
    }
    answer.json["id"].as_str()?.parse().ok()
}
