//! The HTTP interface. [`mod@routes`] is its table of contents: every route with its authentication, handler and
//! documentation.
//!
//! A handler parses the request, calls one use case of `app`, and builds the response. Every public error text is in
//! [`problem`].

mod auth;
mod body_limit;
mod caller_address;
mod client;
mod documents;
#[doc(hidden)]
pub mod fuzzing;
mod heavy_work;
mod internal;
mod json;
mod letters;
mod links;
mod memory_budget;
mod method_fallback;
mod openapi;
mod peers;
pub mod problem;
mod receipts;
mod response_budget;
mod response_headers;
mod router;
pub mod routes;
mod state;
mod status;
mod timeouts;
mod transfer_speed;
mod unsubscribe;
mod v2;

pub use auth::Auth;
pub use peers::{Network, NotANetwork, PeerAddress, network_of};
pub use router::{monitoring_router, openapi_document, public_router, router};
pub use routes::Route;
pub use state::{Api, InboundSmsCredentials, ReceiptAccess, ReceiptRules, Settings};
pub use transfer_speed::SpeedMeter;
