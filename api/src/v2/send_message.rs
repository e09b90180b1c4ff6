//! Sending one message: what the endpoints of the three channels have in common.

use std::sync::Arc;

use app::{
    App, Caller,
    accept::{AcceptError, idempotency::IdempotentRequest},
};
use axum::{extract::FromRequestParts, response::Response};
use domain::{Channel, ServiceId, Timestamp};
use http::{HeaderMap, request::Parts};
use serde_json::Value;

use super::idempotency::{Admission, AdmittedRequest, SendRequest};
use crate::{
    Api,
    auth::ServiceKey,
    body_limit::{self, RequestBody},
    heavy_work::HeavyWork,
    json, links,
    problem::Problem,
};

/// A message to send: what differs between the channels.
pub(super) trait Message: Sized + Send {
    /// What `app` returns of an accepted message.
    type Accepted: Send + Sync;

    /// Parses the body of a request.
    fn parse(body: Value, now: Timestamp) -> Result<Self, Problem>;

    /// Stores the message, to be sent.
    fn accept(
        self,
        app: &App,
        caller: &Caller,
        once: Option<IdempotentRequest<'_, Self::Accepted>>,
    ) -> impl Future<Output = Result<Self::Accepted, AcceptError>> + Send;

    /// Serialises the response. Links in it begin with `root`.
    fn response(accepted: &Self::Accepted, root: &str) -> Vec<u8>;
}

/// A call of an endpoint that sends one message, without its body.
pub(crate) struct SendCall {
    api: Api,
    caller: ServiceKey,
    headers: HeaderMap,
}

impl FromRequestParts<Api> for SendCall {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        Ok(Self {
            api: api.clone(),
            caller: ServiceKey::from_request_parts(parts, api).await?,
            headers: parts.headers.clone(),
        })
    }
}

impl SendCall {
    /// Returns the threads for messages that take long.
    pub(super) fn heavy_work(&self) -> Arc<HeavyWork> {
        Arc::clone(&self.api.heavy_work)
    }

    pub(super) fn service(&self) -> ServiceId {
        self.caller.0.tenant.service.id
    }

    /// Serves a call of `route` whose messages are all of one type.
    pub(super) async fn serve<M: Message>(
        self,
        route: &'static str,
        channel: Channel,
        body: RequestBody,
    ) -> Result<Response, Problem> {
        match self.admit(route, channel, body).await? {
            Admission::New(admitted) if admitted.has_large_body() => {
                let (heavy_work, service) = (self.heavy_work(), self.service());
                let send = async move { self.parse_and_send::<M>(&admitted).await };
                heavy_work.run(service, Box::pin(send)).await?
            }
            Admission::New(admitted) => self.parse_and_send::<M>(&admitted).await,
            Admission::Replayed(response) => Ok(response),
        }
    }

    async fn parse_and_send<M: Message>(
        &self,
        admitted: &AdmittedRequest,
    ) -> Result<Response, Problem> {
        let body = json::parse_v2(&admitted.body)?;
        self.send::<M>(admitted, body).await
    }

    /// Checks the limits and the idempotency key, and reads the body.
    pub(super) async fn admit(
        &self,
        route: &'static str,
        channel: Channel,
        body: RequestBody,
    ) -> Result<Admission, Problem> {
        let request = SendRequest {
            api: &self.api,
            caller: &self.caller,
            route,
            channel: Some(channel),
            headers: &self.headers,
            max_body_bytes: body_limit::MAX_BODY_BYTES,
        };
        request.admit(body).await
    }

    /// Sends the message in `body`, which is that of `admitted`.
    pub(super) async fn send<M: Message>(
        &self,
        admitted: &AdmittedRequest,
        body: Value,
    ) -> Result<Response, Problem> {
        let (api, caller) = (&self.api, &self.caller);
        let message = M::parse(body, api.app.clock().now())?;
        let root = links::root_url(api, &self.headers);
        // The response that is sent and the one that is stored with the idempotency key are the same bytes.
        let write = |accepted: &M::Accepted| M::response(accepted, &root);
        let accepted = message.accept(&api.app, &caller.0, admitted.idempotent(&write));
        admitted.respond(api, caller, accepted.await, write).await
    }
}
