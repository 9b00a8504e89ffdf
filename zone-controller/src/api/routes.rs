//! Every route with what it takes to use it. There is no other way to make a route than [`Routes::on`], so that none can
//! exist without having said who may use it and how much it takes.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn;
use axum::routing::{MethodFilter, on};
use rollcall_model::Role;

use super::Shared;
use super::gate;

/// Longest body taken unless a route says otherwise, bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// What it takes to use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing; asked too often from one origin it is refused.
    Open,
    /// Any certificate or token that is good here, whoever it names.
    Known,
    /// The certificate of a daemon or a person: a token names nobody who could renew one.
    Certified,
    /// The certificate of a group controller.
    Group,
    /// A person or program with at least this role.
    Role(Role),
}

/// What answers on a route, and in which form it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// The REST API: problem details. No web page may change anything by it.
    Api,
    /// The zone's own web page: pages and parts of them. What changes something must come from such a page.
    Web,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with `{…}` where something is to be put in.
    pub path: &'static str,
    /// What it takes to use it.
    pub access: Access,
    /// Longest body it takes, bytes.
    pub body: usize,
    /// What answers.
    pub surface: Surface,
}

impl Route {
    /// Whether who is who, or may what, may be another after it.
    #[must_use]
    pub fn changes_who_may(&self) -> bool {
        self.access == Access::Role(Role::Administrator) && self.method != Method::GET
    }
}

/// Routes in the making.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<Arc<Shared>>,
    listed: Vec<Route>,
}

impl Routes {
    /// Adds a route with bodies of at most [`MAX_BODY`].
    pub fn on<H, T>(self, access: Access, method: Method, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        self.with_body(MAX_BODY, access, method, path, handler)
    }

    /// Adds a route with bodies of at most `body` bytes.
    pub fn with_body<H, T>(self, body: usize, access: Access, method: Method, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        self.add(Route { method, path, access, body, surface: Surface::Api }, handler)
    }

    /// Adds a page of the web page, or a part of one.
    pub fn page<H, T>(self, access: Access, method: Method, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        self.add(Route { method, path, access, body: MAX_BODY, surface: Surface::Web }, handler)
    }

    fn add<H, T>(mut self, route: Route, handler: H) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        // Only methods of our own table come here, and each of them has a filter.
        #[allow(clippy::expect_used, reason = "see above")]
        let filter = MethodFilter::try_from(route.method.clone()).expect("a method of HTTP");
        let kept = route.clone();
        let guarded = on(filter, handler).route_layer(from_fn(move |request, next| {
            let route = kept.clone();
            async move { gate::pass(&route, request, next).await }
        }));
        self.router = self.router.route(route.path, guarded);
        self.listed.push(route);
        self
    }

    pub fn finish(self) -> (Router<Arc<Shared>>, Vec<Route>) {
        (self.router, self.listed)
    }
}
