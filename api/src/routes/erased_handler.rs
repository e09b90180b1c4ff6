use std::{fmt, sync::Arc};

use axum::{extract::Request, handler::Handler, response::Response};
use futures::future::BoxFuture;

use crate::Api;

type Call = dyn Fn(Request, Api) -> BoxFuture<'static, Response> + Send + Sync;

/// A handler whose type is forgotten, so that axum's services around a handler are compiled once and not for each
/// endpoint: they took a third of the compile time of this crate.
#[derive(Clone)]
pub(super) struct ErasedHandler(Arc<Call>);

impl ErasedHandler {
    /// Forgets the type of a handler, with the types that it extracts from a request.
    pub(super) fn new<H: Handler<T, Api>, T: 'static>(handler: H) -> Self {
        Self(Arc::new(move |request, api| {
            Box::pin(handler.clone().call(request, api))
        }))
    }
}

impl Handler<(), Api> for ErasedHandler {
    type Future = BoxFuture<'static, Response>;

    fn call(self, request: Request, api: Api) -> Self::Future {
        (self.0)(request, api)
    }
}

impl fmt::Debug for ErasedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasedHandler")
    }
}
