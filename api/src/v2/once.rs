//! `Idempotency-Key`: a request to send that carries one is done once, however often it is made; whoever repeats it is
//! given the first answer, marked `Idempotent-Replay: true` (the promise is told in `app::accept::idempotency`).
//!
//! A request without the header goes through the guards in the order of the contract (`docs/spec/public-api.md` §6).
//! One with it is recognised before the day's limit is looked at: the answer to the last message of the day is still
//! its answer.

use app::accept::{
    AcceptError,
    idempotency::{self, IdempotentRequest, Key, Lookup, LookupError, PendingRequest},
};
use axum::{body::Body, response::Response};
use domain::Channel;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::{
    Api,
    answer::{self, InHand},
    callers::ServiceKey,
    problem::{self, Problem},
};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");

/// A request to send, let through and read.
pub(super) struct Sending {
    pub(super) body: InHand,
    asked: Option<PendingRequest>,
}

/// What becomes of a request to send at the door.
pub(super) enum Admitted {
    /// It is to be done.
    New(Sending),
    /// It was done before: this is its answer.
    Answered(Response),
}

/// What a request is, apart from its key: who, what and how much of it is read.
pub(super) struct Request<'a> {
    pub(super) api: &'a Api,
    pub(super) caller: &'a ServiceKey,
    /// Method and path.
    pub(super) route: &'static str,
    /// Whose limit a day is looked at here; nothing if that can only be told later.
    pub(super) channel: Option<Channel>,
    pub(super) headers: &'a HeaderMap,
    pub(super) max_body_bytes: usize,
}

impl Request<'_> {
    /// Passes the guards and reads the body.
    pub(super) async fn admit(self, body: Body) -> Result<Admitted, Problem> {
        let (app, ServiceKey(caller)) = (&self.api.app, self.caller);
        app::accept::limits::check_rate(app, caller)?;
        let Some(key) = key(self.headers)? else {
            self.check_day().await?;
            let body = answer::read_body_of(body, self.max_body_bytes).await?;
            return Ok(Admitted::New(Sending { body, asked: None }));
        };
        let body = answer::read_body_of(body, self.max_body_bytes).await?;
        let request = [self.route.as_bytes(), &body];
        match idempotency::look_up(app, caller, key, &request).await? {
            Lookup::Answered(first) => Ok(Admitted::Answered(replay(first.into_inner()))),
            Lookup::New(asked) => {
                self.check_day().await?;
                let asked = Some(asked);
                Ok(Admitted::New(Sending { body, asked }))
            }
        }
    }

    async fn check_day(&self) -> Result<(), Problem> {
        let ServiceKey(caller) = self.caller;
        if let Some(channel) = self.channel {
            app::accept::limits::check_daily_quota(&self.api.app, caller, channel.into()).await?;
        }
        Ok(())
    }
}

impl Sending {
    /// The body, for whoever needs it no longer than this.
    pub(super) fn take_body(&mut self) -> InHand {
        std::mem::take(&mut self.body)
    }

    /// The request's key, with how its answer is written.
    pub(super) fn once<'a, A>(
        &'a self,
        write: &'a (dyn Fn(&A) -> Vec<u8> + Sync),
    ) -> Option<IdempotentRequest<'a, A>> {
        let asked = self.asked.as_ref()?;
        Some(IdempotentRequest { asked, write })
    }

    /// The answer to one message.
    pub(super) async fn answer<A>(
        &self,
        api: &Api,
        caller: &ServiceKey,
        accepted: Result<A, AcceptError>,
        write: impl Fn(&A) -> Vec<u8>,
    ) -> Result<Response, Problem> {
        let service = caller.0.tenant.service.id;
        match accepted {
            Ok(accepted) => Ok(answer::json_bytes(StatusCode::CREATED, write(&accepted))),
            Err(AcceptError::KeyTaken) => self.answer_of_the_first(api).await,
            Err(error) => Err(problem::accepting(
                error,
                service,
                &api.app.settings.admin_base_url,
            )),
        }
    }

    /// Somebody was faster with the same key, in another process or a moment ago.
    pub(super) async fn answer_of_the_first(&self, api: &Api) -> Result<Response, Problem> {
        let asked = self.asked.as_ref().ok_or(LookupError::InFlight)?;
        let first = asked.first_response(&api.app).await?;
        Ok(replay(first.into_inner()))
    }
}

/// The key that a request carries, if it carries one.
fn key(headers: &HeaderMap) -> Result<Option<Key<'_>>, Problem> {
    let mut keys = headers.get_all(HEADER).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => Key::parse(key.as_bytes())
            .map(Some)
            .ok_or_else(problem::bad_idempotency_key),
        (Some(_), Some(_)) => Err(problem::bad_idempotency_key()),
    }
}

fn replay(first: Vec<u8>) -> Response {
    let mut response = answer::json_bytes(StatusCode::CREATED, first);
    response
        .headers_mut()
        .insert(REPLAY, HeaderValue::from_static("true"));
    response
}
