//! The web page, under `/ui/`: the zone as an operator sees it. Pages are made here of the store's views, as the API's
//! answers are; what is changed goes to the core by the same commands. Without scripts everything can be read; with them
//! it is live.
//!
//! It refuses to do what the API does not: there is no page for what no route of `/v1` can tell. No page needs anything
//! from anywhere else, and none runs a script that is not a file of ours.

mod alerts;
mod answer;
mod ask;
mod assets;
mod audit;
mod bits;
mod checkins;
mod condition;
mod drawing;
pub(crate) mod ended;
pub(crate) mod forms;
mod frame;
mod free;
mod group;
mod live;
mod map;
mod moment;
mod node;
mod page;
mod place;
mod policy;
mod quantiles;
mod reading;
mod search;
pub(crate) mod session;
mod sql;
mod state;
mod steps;
mod troubles;

use axum::http::Method;

pub(crate) use self::answer::{Asked, not_found};
use crate::api::routes::Routes;
use crate::api::{Access, OPERATOR, VIEWER};

/// Adds the web page's routes.
pub(crate) fn on(routes: Routes) -> Routes {
    routes
        .page(Access::Open, Method::GET, "/", session::home)
        .page(Access::Open, Method::GET, "/ui", session::home)
        .page(Access::Open, Method::GET, "/ui/assets/{version}/{name}", assets::get)
        .page(Access::Open, Method::GET, "/ui/login", session::form)
        .page(Access::Open, Method::POST, "/ui/login", session::login)
        .page(Access::Known, Method::POST, "/ui/logout", session::logout)
        .page(VIEWER, Method::GET, "/ui/", map::page)
        .page(VIEWER, Method::GET, "/ui/part/header", frame::header)
        .page(VIEWER, Method::GET, "/ui/part/wrong", map::wrong)
        .page(VIEWER, Method::GET, "/ui/live", live::stream)
        .page(VIEWER, Method::GET, "/ui/nodes/{node}", node::page)
        .page(VIEWER, Method::GET, "/ui/nodes/{node}/readings", reading::part)
        .page(VIEWER, Method::GET, "/ui/nodes/{node}/availability", free::part)
        .page(VIEWER, Method::GET, "/ui/place", place::page)
        .page(VIEWER, Method::GET, "/ui/groups", group::list)
        .page(VIEWER, Method::GET, "/ui/groups/{group}", group::page)
        .page(VIEWER, Method::GET, "/ui/alerts", alerts::page)
        .page(OPERATOR, Method::POST, "/ui/alerts/{alert}/acknowledge", alerts::acknowledge)
        .page(VIEWER, Method::GET, "/ui/checkins", checkins::page)
        .page(VIEWER, Method::GET, "/ui/search", search::page)
        .page(VIEWER, Method::GET, "/ui/sql", sql::page)
        .page(VIEWER, Method::POST, "/ui/sql", sql::ask)
        .page(VIEWER, Method::GET, "/ui/audit", audit::page)
        .page(VIEWER, Method::GET, "/ui/policy", policy::page)
}
