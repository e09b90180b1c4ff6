//! Who calls: a service with one of its keys, an internal client, or a provider that brings
//! us texts (`docs/spec/public-api.md` §3, §22.2).

mod internal;
mod provider;
mod service;
mod token;

pub(crate) use internal::{Internal, InternalV2};
pub(crate) use provider::{sign_in, stranger};
pub(crate) use service::ServiceKey;
pub(crate) use token::Token;
