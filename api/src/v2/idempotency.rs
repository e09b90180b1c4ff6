//! `Idempotency-Key`: a request to send with a key that was used before gets the first response, marked
//! `Idempotent-Replay: true`. The guarantees are those of `app::accept::idempotency`.

use app::accept::{
    AcceptError,
    idempotency::{self, IdempotentRequest, Key, Lookup, LookupError, PendingRequest},
};
use axum::response::Response;
use domain::Channel;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::{
    Api,
    auth::ServiceKey,
    body_limit::{self, BodyBytes, RequestBody},
    heavy_work::LARGE_BODY_BYTES,
    json,
    problem::{self, Problem},
};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");

/// A request to send that has passed the rate limit and the daily quota, with its body.
pub(super) struct AdmittedRequest {
    pub(super) body: BodyBytes,
    pending: Option<PendingRequest>,
}

/// The outcome of [`SendRequest::admit`].
pub(super) enum Admission {
    /// A request to process.
    New(AdmittedRequest),
    /// The stored response of an earlier request with the same key.
    Replayed(Response),
}

/// What admission needs to know of a request to send.
pub(super) struct SendRequest<'a> {
    pub(super) api: &'a Api,
    pub(super) caller: &'a ServiceKey,
    /// Method and path, which are part of the identity of a request.
    pub(super) route: &'static str,
    /// The channel whose daily quota is checked; none if it is known only from the template.
    pub(super) channel: Option<Channel>,
    pub(super) headers: &'a HeaderMap,
    pub(super) max_body_bytes: usize,
}

impl SendRequest<'_> {
    /// Checks limits and the idempotency key, and reads the body, in the order of the contract
    /// (`docs/spec/public-api.md` §6).
    pub(super) async fn admit(self, body: RequestBody) -> Result<Admission, Problem> {
        let (app, ServiceKey(caller)) = (&self.api.app, self.caller);
        // Before the body: a caller over its rate must not make us read megabytes (`docs/spec/public-api.md` §4).
        app::accept::limits::check_rate(app, caller)?;
        let Some(key) = key(self.headers)? else {
            self.check_limits().await?;
            let body = body_limit::read_body_of(body, self.max_body_bytes).await?;
            return Ok(Admission::New(AdmittedRequest {
                body,
                pending: None,
            }));
        };
        let body = body_limit::read_body_of(body, self.max_body_bytes).await?;
        // The body is part of what identifies a request, so with a key it is read before the quota is checked.
        let request = [self.route.as_bytes(), &body];
        // Before the daily quota: the response to the last message of the quota can still be replayed.
        match idempotency::look_up(app, caller, key, &request).await? {
            Lookup::Answered(first) => Ok(Admission::Replayed(replay(first.into_inner()))),
            Lookup::New(pending) => {
                self.check_limits().await?;
                let pending = Some(pending);
                Ok(Admission::New(AdmittedRequest { body, pending }))
            }
        }
    }

    /// Checks the daily quota and the storage allowance of the service.
    async fn check_limits(&self) -> Result<(), Problem> {
        let ServiceKey(caller) = self.caller;
        if let Some(channel) = self.channel {
            app::accept::limits::check_daily_quota(&self.api.app, caller, channel.into()).await?;
        }
        app::accept::limits::check_storage(&self.api.app, caller).await?;
        Ok(())
    }
}

impl AdmittedRequest {
    /// Returns whether the request takes long enough to hold up the others of its thread.
    pub(super) fn has_large_body(&self) -> bool {
        self.body.len() > LARGE_BODY_BYTES
    }

    /// Takes the body, so that it can be dropped as soon as it is parsed.
    pub(super) fn take_body(&mut self) -> BodyBytes {
        std::mem::take(&mut self.body)
    }

    /// Returns the key of the request, if it has one, with the function that serialises the response to store.
    pub(super) fn idempotent<'a, A>(
        &'a self,
        write: &'a (dyn Fn(&A) -> Vec<u8> + Sync),
    ) -> Option<IdempotentRequest<'a, A>> {
        let asked = self.pending.as_ref()?;
        Some(IdempotentRequest { asked, write })
    }

    /// Returns the response to one message.
    pub(super) async fn respond<A>(
        &self,
        api: &Api,
        caller: &ServiceKey,
        accepted: Result<A, AcceptError>,
        write: impl Fn(&A) -> Vec<u8>,
    ) -> Result<Response, Problem> {
        let service = caller.0.tenant.service.id;
        match accepted {
            Ok(accepted) => Ok(json::bytes_response(StatusCode::CREATED, write(&accepted))),
            Err(AcceptError::KeyTaken) => self.first_response(api).await,
            Err(error) => Err(problem::accept_error(
                error,
                service,
                &api.app.settings.admin_base_url,
            )),
        }
    }

    /// Returns the response of a concurrent request with the same key that was committed first.
    pub(super) async fn first_response(&self, api: &Api) -> Result<Response, Problem> {
        let pending = self.pending.as_ref().ok_or(LookupError::InFlight)?;
        let first = pending.first_response(&api.app).await?;
        Ok(replay(first.into_inner()))
    }
}

/// Returns the idempotency key of a request, if it has one.
fn key(headers: &HeaderMap) -> Result<Option<Key<'_>>, Problem> {
    let mut keys = headers.get_all(HEADER).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => Key::parse(key.as_bytes())
            .map(Some)
            .ok_or_else(problem::bad_idempotency_key),
        // With two keys it is open which of them stands for the request.
        (Some(_), Some(_)) => Err(problem::bad_idempotency_key()),
    }
}

fn replay(first: Vec<u8>) -> Response {
    let mut response = json::bytes_response(StatusCode::CREATED, first);
    response
        .headers_mut()
        .insert(REPLAY, HeaderValue::from_static("true"));
    response
}
