//! The REST API, version 1. What is read comes from the documented views of the store, so that what the API shows and
//! what SQL shows are the same; counters and the policy's progress come from the core. What is written goes to the core
//! as a command and is answered once it is saved. `docs/api.md` lists every path.
//!
//! A request comes in at the [`listener`], which knows who is at the other end of the connection; passes the `gate` of
//! its route, which knows who may use it and how much; and reaches its handler with a `Caller`.

mod actions;
pub(crate) mod alerts;
mod analytics;
pub(crate) mod asking;
pub(crate) mod availability;
pub(crate) mod caller;
mod channels;
pub(crate) mod checkins;
pub(crate) mod conditions;
pub(crate) mod counted;
pub(crate) mod credentials;
pub(crate) mod errors;
mod events;
mod gate;
mod groups;
mod idempotency;
mod limits;
pub mod listener;
mod lists;
mod metrics;
pub(crate) mod nodes;
mod notices;
mod openapi;
mod policy;
pub(crate) mod reads;
pub(crate) mod receiving;
mod resources;
pub(crate) mod routes;
mod status;
pub(crate) mod streams;
pub(crate) mod targets;
mod trust;
mod waiting;
mod writes;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use rollcall_bus::{Bus, Link};
use rollcall_identity::SessionKey;
use rollcall_model::{Name, Purpose, Role, ZoneId};
use rollcall_startup::Shutdown;
use rollcall_startup::traces::Tracer;
use rollcall_store::Store;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub use self::caller::{Caller, Means};
pub use self::credentials::{Credentials, OwnMachine, Vouched};
pub use self::gate::{Paced, Paces};
pub use self::limits::Pace;
use self::lists::catalogue;
use self::lists::listed;
pub use self::notices::Notices;
pub use self::reads::Reads;
use self::routes::Routes;
pub use self::routes::{Access, Route, Surface};
pub use self::streams::Places;
pub use self::writes::Writes;
use crate::availability::Availability;
use crate::driver::Ask;
use crate::feed::Feed;
use crate::trust::{BrokerUsers, Trust};
use crate::web;
pub use crate::web::ended::Ended;

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The topology.
    pub store: Store,
    /// Questions and commands to the core.
    pub ask: mpsc::Sender<Ask>,
    /// The zone.
    pub zone: ZoneId,
    /// Its name.
    pub name: Name,
    /// Its generation at its start.
    pub generation: u64,
    /// Its channels.
    pub channels: Vec<Purpose>,
    /// The way to the broker, for its figures.
    pub bus: Bus,
    /// Records what is asked of traces.
    pub tracer: Tracer,
    /// The link to the broker.
    pub link: watch::Receiver<Link>,
    /// What was committed, as it happens.
    pub feed: Feed,
    /// Places for those who follow it.
    pub streams: Places,
    /// The zone's identity, if it has one.
    pub trust: Option<Arc<Trust>>,
    /// The users of the broker.
    pub users: BrokerUsers,
    /// How callers are known.
    pub credentials: Credentials,
    /// Who may read its figures while the database is away.
    pub vouched: Arc<Vouched>,
    /// What tells the browsers of people who logged in.
    pub sessions: SessionKey,
    /// Sessions of those who logged out.
    pub ended: Arc<Ended>,
    /// How often they asked.
    pub paced: Arc<Paced>,
    /// What they read at the moment.
    pub reads: Arc<Reads>,
    /// What writes have in common.
    pub writes: Arc<Writes>,
    /// What the log tells of those who were turned away.
    pub notices: Arc<Notices>,
    /// How free nodes are, as the zone hears it.
    pub availability: Availability,
    /// Whether it took over from another zone controller when it started.
    pub took_over: bool,
    /// Whether the zone is up, and takes commands.
    pub is_up: Arc<AtomicBool>,
    /// Asked for when the zone controller ends.
    pub shutdown: Shutdown,
}

/// Serves until `shutdown`.
pub async fn serve(listener: TcpListener, tls: listener::Tls, bounds: listener::Bounds, shared: Shared) {
    let (shutdown, notices) = (shared.shutdown.clone(), Arc::clone(&shared.notices));
    listener::serve(listener, (tls, bounds), router(Arc::new(shared)), notices, shutdown).await;
}

/// Every route there is.
#[must_use]
pub fn routes() -> Vec<Route> {
    all().finish().1
}

fn router(shared: Arc<Shared>) -> Router {
    let (router, _) = all().finish();
    let state = Arc::clone(&shared);
    let share = from_fn(move |mut request: Request, next: Next| {
        request.extensions_mut().insert(Arc::clone(&shared));
        next.run(request)
    });
    router.fallback(web::not_found).method_not_allowed_fallback(errors::not_allowed).layer(share).with_state(state)
}

pub(crate) const VIEWER: Access = Access::Role(Role::Viewer);
pub(crate) const OPERATOR: Access = Access::Role(Role::Operator);
/// Where the zone's figures are.
const METRICS: &str = "/metrics";
const ADMINISTRATOR: Access = Access::Role(Role::Administrator);

/// Reading takes a viewer, changing something an operator, deciding who may join or may what an administrator.
fn all() -> Routes {
    web::on(of_lists(of_trust(of_topology(Routes::default()))))
}

fn of_trust(routes: Routes) -> Routes {
    use self::trust::{audit, joins, tokens, users};
    routes
        .with_body(joins::MAX_JOIN, Access::Open, Method::POST, "/v1/join", joins::join)
        .on(Access::Open, Method::GET, "/v1/join/{join}", joins::collect)
        .with_body(joins::MAX_JOIN, Access::Certified, Method::POST, "/v1/renew", joins::renew)
        .with_body(joins::MAX_JOIN, Access::Group, Method::POST, "/v1/checkin-certificate", joins::checkin)
        .on(ADMINISTRATOR, Method::GET, "/v1/joins", listed(&catalogue::JOINS))
        .on(ADMINISTRATOR, Method::GET, "/v1/joins/{join}", joins::one)
        .on(ADMINISTRATOR, Method::POST, "/v1/joins/{join}/approve", joins::approve)
        .on(ADMINISTRATOR, Method::POST, "/v1/joins/{join}/deny", joins::deny)
        .on(ADMINISTRATOR, Method::GET, "/v1/tokens", listed(&catalogue::TOKENS))
        .on(ADMINISTRATOR, Method::GET, "/v1/tokens/{token}", tokens::one)
        .on(ADMINISTRATOR, Method::POST, "/v1/tokens", tokens::create)
        .on(ADMINISTRATOR, Method::DELETE, "/v1/tokens/{token}", tokens::revoke)
        .on(VIEWER, Method::GET, "/v1/certificates", listed(&catalogue::CERTIFICATES))
        .on(VIEWER, Method::GET, "/v1/certificates/{serial}", joins::certificate_of)
        .on(ADMINISTRATOR, Method::POST, "/v1/revoke", joins::revoke)
        .on(ADMINISTRATOR, Method::GET, "/v1/users", listed(&catalogue::USERS))
        .on(ADMINISTRATOR, Method::GET, "/v1/users/{name}", users::one)
        .on(ADMINISTRATOR, Method::POST, "/v1/users", users::set)
        .on(ADMINISTRATOR, Method::DELETE, "/v1/users/{name}", users::remove)
        .on(VIEWER, Method::GET, "/v1/audit", audit::list)
        .on(VIEWER, Method::GET, "/v1/audit/verify", audit::verify)
        .on(Access::Known, Method::GET, "/v1/whoami", trust::whoami)
}

fn of_topology(routes: Routes) -> Routes {
    routes
        .on(Access::Open, Method::GET, "/healthz", status::lives)
        .on(Access::Open, Method::GET, "/readyz", status::ready)
        .on(VIEWER, Method::GET, METRICS, metrics::metrics)
        .on(Access::Open, Method::GET, "/v1/openapi.json", openapi::serve)
        .on(VIEWER, Method::GET, "/v1/status", status::status)
        .on(VIEWER, Method::GET, "/v1/nodes", listed(&catalogue::NODES))
        .on(VIEWER, Method::GET, "/v1/nodes/{node}", nodes::one)
        .on(VIEWER, Method::GET, "/v1/nodes/{node}/readings", nodes::readings)
        .on(VIEWER, Method::GET, "/v1/nodes/{node}/health", nodes::health)
        .on(VIEWER, Method::GET, "/v1/nodes/{node}/hardware", nodes::hardware)
        .on(VIEWER, Method::GET, "/v1/nodes/{node}/assignments", nodes::assignments)
        .on(VIEWER, Method::GET, "/v1/nodes/{node}/availability", availability::of_node)
        .on(VIEWER, Method::GET, "/v1/availability", availability::list)
        .on(VIEWER, Method::GET, "/v1/targets", targets::targets)
        .on(VIEWER, Method::GET, "/v1/groups", listed(&catalogue::GROUPS))
        .on(OPERATOR, Method::POST, "/v1/groups", groups::set)
        .on(VIEWER, Method::GET, "/v1/groups/{group}", groups::one)
        .on(OPERATOR, Method::DELETE, "/v1/groups/{group}", groups::dissolve)
        .on(VIEWER, Method::POST, "/v1/rules/test", groups::test)
        .on(VIEWER, Method::GET, "/v1/policy", policy::current)
        .with_body(policy::MAX_DOCUMENT, OPERATOR, Method::PUT, "/v1/policy", policy::set)
        .on(VIEWER, Method::GET, "/v1/policy/history", listed(&catalogue::POLICIES))
        .on(OPERATOR, Method::POST, "/v1/policy/rollback", policy::rollback)
        .on(VIEWER, Method::GET, "/v1/policy/{version}", policy::version)
        .on(VIEWER, Method::GET, "/v1/channels", listed(&catalogue::CHANNELS))
        .on(VIEWER, Method::GET, "/v1/channels/{channel}/messages", channels::messages)
        .on(OPERATOR, Method::POST, "/v1/channels/{channel}/messages", channels::send)
        .on(VIEWER, Method::GET, "/v1/checkins", checkins::list)
        .on(VIEWER, Method::GET, "/v1/combinations", listed(&catalogue::COMBINATIONS))
        .on(OPERATOR, Method::POST, "/v1/combinations", checkins::decide)
        .on(VIEWER, Method::GET, "/v1/alerts", listed(&catalogue::ALERTS))
        .on(VIEWER, Method::GET, "/v1/alerts/{alert}", alerts::one)
        .on(OPERATOR, Method::POST, "/v1/alerts/{alert}/acknowledge", alerts::acknowledge)
        .on(VIEWER, Method::GET, "/v1/actions", listed(&catalogue::ACTIONS))
        .on(OPERATOR, Method::POST, "/v1/actions", actions::order)
        .on(VIEWER, Method::GET, "/v1/actions/{action}", actions::one)
        .on(VIEWER, Method::GET, "/v1/analytics", analytics::list)
        .on(VIEWER, Method::GET, "/v1/events", events::events)
        .on(VIEWER, Method::GET, "/v1/health/changes", events::health_changes)
        .on(VIEWER, Method::POST, "/v1/sql", resources::sql)
}

/// Lists, and nothing beside them.
fn of_lists(routes: Routes) -> Routes {
    routes
        .on(VIEWER, Method::GET, "/v1/zones", listed(&catalogue::ZONES))
        .on(VIEWER, Method::GET, "/v1/rules", listed(&catalogue::RULES))
        .on(VIEWER, Method::GET, "/v1/memberships", listed(&catalogue::MEMBERSHIPS))
        .on(VIEWER, Method::GET, "/v1/assignments", listed(&catalogue::ASSIGNMENTS))
        .on(VIEWER, Method::GET, "/v1/hardware", listed(&catalogue::HARDWARE))
        .on(VIEWER, Method::GET, "/v1/health/history", listed(&catalogue::HEALTH_HISTORY))
        .on(VIEWER, Method::GET, "/v1/capabilities", listed(&catalogue::CAPABILITIES))
        .on(VIEWER, Method::GET, "/v1/indicators", listed(&catalogue::INDICATORS))
}
