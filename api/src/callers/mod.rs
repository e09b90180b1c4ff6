//! Who calls: a service with one of its keys, or an internal client (public-api §3).

mod internal;
mod service;
mod token;

pub(crate) use internal::{Internal, InternalV2};
pub(crate) use service::ServiceKey;
