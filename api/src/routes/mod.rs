//! Every route of the HTTP interface, written once. The router, authentication, `Allow`, the OpenAPI document and the
//! authorization stories are made from these tables.

mod erased_handler;
mod internal;
mod platform;
mod public;

use std::{collections::BTreeMap, sync::LazyLock};

use axum::{
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};
use http::{HeaderValue, Method};

use crate::{
    Api,
    auth::Auth,
    openapi::{Described, Operation, internal_operation},
};

/// Writes a route as a line of a table: method and path, authentication, handler, documentation. Takes the operation id
/// from the name of the handler.
macro_rules! route {
    ($method:ident $path:literal, $auth:expr, $module:ident::$handler:ident $(($argument:expr))?, $docs:expr) => {
        Route::new(
            (http::Method::$method, axum::routing::MethodFilter::$method),
            $path,
            $auth,
            $module::$handler $(($argument))?,
            stringify!($handler),
            $docs,
        )
    };
}
use route;

/// A route: what the router, the OpenAPI document and the stories need to know of an endpoint.
#[derive(Debug)]
pub struct Route {
    /// The method. A route with `GET` serves `HEAD` too.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// The authentication that a request needs.
    pub auth: Auth,
    /// A condition on a parameter of the path; without it the path is unknown.
    pub(crate) constraint: Option<Constraint>,
    /// Whether it tells operators more than the public needs to know.
    pub(crate) is_for_operators: bool,
    pub(crate) handler: MethodRouter<Api>,
    handler_name: &'static str,
    documentation: Docs,
}

/// What a parameter of a path must look like. It is checked before authentication, as is whether a path exists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Constraint {
    pub(crate) parameter: &'static str,
    pub(crate) fits: fn(&str) -> bool,
}

/// The documentation of a route.
#[derive(Debug)]
enum Docs {
    /// All of it.
    Full(fn() -> Operation),
    /// The title of an internal endpoint; its operation id is made from the name of its handler.
    Title(&'static str),
    /// Operation id and title of an internal endpoint whose handler serves several routes.
    Named(&'static str, &'static str),
}

impl Route {
    fn new<H: Handler<T, Api>, T: 'static>(
        (method, filter): (Method, MethodFilter),
        path: &'static str,
        auth: Auth,
        handler: H,
        handler_name: &'static str,
        documentation: Docs,
    ) -> Self {
        Self {
            method,
            path,
            auth,
            constraint: None,
            is_for_operators: false,
            handler: on(filter, erased_handler::ErasedHandler::new(handler)),
            handler_name,
            documentation,
        }
    }

    /// Adds a condition on a parameter of the path.
    fn only_if(mut self, parameter: &'static str, fits: fn(&str) -> bool) -> Self {
        self.constraint = Some(Constraint { parameter, fits });
        self
    }

    /// Removes the route from the public interface where operators have an address of their own.
    fn for_operators(mut self) -> Self {
        self.is_for_operators = true;
        self
    }

    pub(crate) fn described(&self) -> Described<'_> {
        Described {
            method: self.method.as_str(),
            path: self.path,
            auth: self.auth,
            handler: self.handler_name,
            operation: match self.documentation {
                Docs::Full(operation) => operation(),
                Docs::Title(title) => {
                    // With a prefix, because the public API has operations of the same names, such as
                    // `list_templates`.
                    internal_operation(self.path, format!("internal_{}", self.handler_name), title)
                }
                Docs::Named(id, title) => {
                    internal_operation(self.path, format!("internal_{id}"), title)
                }
            },
        }
    }
}

/// Returns all routes.
pub fn all() -> &'static [Route] {
    static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
        [public::routes(), platform::routes(), internal::routes()]
            .into_iter()
            .flatten()
            .collect()
    });
    &ROUTES
}

/// Returns the routes that are not for operators only.
pub(crate) fn for_the_public() -> impl Iterator<Item = &'static Route> {
    all().iter().filter(|route| !route.is_for_operators)
}

/// Returns the routes that monitors need: those for operators, and health.
pub(crate) fn for_monitors() -> impl Iterator<Item = &'static Route> {
    // Served at both addresses: at the monitors' one it is answered even when the public listener is full.
    let handles_health = |route: &&Route| ["/", "/_status"].contains(&route.path);
    all()
        .iter()
        .filter(move |route| route.is_for_operators || handles_health(route))
}

/// The routes of one path.
pub(crate) struct PathRoutes {
    pub(crate) auth: Auth,
    /// The value of `Allow`.
    pub(crate) allow: HeaderValue,
}

/// Returns what the routes of a path have in common.
pub(crate) fn of_path(path: &str) -> Option<&'static PathRoutes> {
    static PATHS: LazyLock<BTreeMap<&'static str, PathRoutes>> = LazyLock::new(|| {
        let paths = all().iter().map(|route| {
            let routes = PathRoutes {
                // The routes of a path have one authentication, as a test says.
                auth: route.auth,
                allow: allow(route.path),
            };
            (route.path, routes)
        });
        paths.collect()
    });
    PATHS.get(path)
}

fn allow(path: &str) -> HeaderValue {
    let routes = all().iter().filter(|route| route.path == path);
    let mut methods: Vec<&str> = routes.map(|route| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        // In the order of the contract: `HEAD, GET, OPTIONS` (`docs/spec/public-api.md` §2.2).
        methods.insert(0, "HEAD");
    }
    methods.push("OPTIONS");
    HeaderValue::from_str(&methods.join(", ")).expect("methods are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_routes_of_a_path_have_one_authentication() {
        for route in all() {
            let of_path = of_path(route.path).expect("the path has this route");
            assert_eq!(of_path.auth, route.auth, "{}", route.path);
        }
    }
}
