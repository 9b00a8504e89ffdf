//! The policy in force, how far each rack has come with it, and the former ones. Read only: a policy is set with the command
//! or the API, which compare before they change.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use rollcall_store::Bind;
use serde::Deserialize;

use super::answer::Answer;
use super::ask::{number, read, text, yes};
use super::frame::Frame;
use super::page;
use crate::api::errors::Problem;
use crate::api::{Caller, Shared};

/// Which version is wanted.
#[derive(Deserialize)]
pub(super) struct Wish {
    version: Option<i64>,
}

#[derive(Deserialize)]
struct Policy {
    version: i64,
    #[serde(deserialize_with = "yes")]
    current: bool,
    set_at: String,
    #[serde(deserialize_with = "text")]
    set_by: String,
    #[serde(deserialize_with = "text")]
    comment: String,
    #[serde(deserialize_with = "number")]
    nodes: i64,
    #[serde(deserialize_with = "number")]
    refused: i64,
    #[serde(deserialize_with = "text", default)]
    document: String,
}

impl Policy {
    fn by(&self) -> &str {
        self.set_by.trim_start_matches("user.")
    }
}

#[derive(Deserialize)]
struct Rack {
    group_id: String,
    name: String,
    #[serde(deserialize_with = "number")]
    members: i64,
    #[serde(deserialize_with = "number")]
    obey: i64,
}

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    frame: Frame,
    shown: Option<Policy>,
    racks: Vec<Rack>,
    versions: Vec<Policy>,
}

/// `GET /ui/policy?version=`
pub(super) async fn page(State(shared): State<Arc<Shared>>, caller: Caller, Query(wish): Query<Wish>) -> Answer {
    let frame = Frame::of(&shared, &caller, "policy").await?;
    let one = "SELECT version, current, set_at, set_by, comment, nodes, refused, document FROM v_policies \
               WHERE version = $1 OR ($1 = 0 AND current) ORDER BY version DESC LIMIT 1";
    let wanted = wish.version.unwrap_or(0);
    let shown: Option<Policy> = read(&shared, one, &[Bind::Integer(wanted)]).await?.pop();
    if shown.is_none() && wanted != 0 {
        return Err(Problem::missing(format!("there is no policy {wanted}")).into());
    }
    let versions = "SELECT version, current, set_at, set_by, comment, nodes, refused FROM v_policies \
                    ORDER BY version DESC LIMIT 200";
    let racks = "SELECT group_id, name, members, obey FROM v_groups WHERE kind = 'physical' \
                 ORDER BY members - obey DESC, name LIMIT 500";
    let (racks, versions) = (read(&shared, racks, &[]).await?, read(&shared, versions, &[]).await?);
    page::html(&PolicyPage { frame, shown, racks, versions })
}
