//! The audit log: what was changed by whom, and whether the log itself was.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use rollcall_store::{AuditMark, AuditStep, Bind};
use serde::Deserialize;
use serde_json::json;

use crate::api::asking::{Answer, rows, unfold};
use crate::api::errors::Problem;
use crate::api::receiving::Params;
use crate::api::waiting::wait_for;
use crate::api::{Shared, reads};

/// Filters of `/v1/audit`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only lines after this number; without it the last ones.
    after: Option<i64>,
    /// At most this many.
    limit: Option<i64>,
    /// Wait this long for the first one, milliseconds.
    wait_ms: Option<u64>,
}

/// `GET /v1/audit?after=&limit=&wait_ms=`, oldest first.
pub async fn list(State(shared): State<Arc<Shared>>, Params(filter): Params<Filter>) -> Answer {
    let limit = Bind::Integer(filter.limit.unwrap_or(100).clamp(1, 1_000));
    let mut found = match filter.after {
        None => {
            let sql = "SELECT * FROM (SELECT * FROM v_audit ORDER BY seq DESC LIMIT $1) AS latest ORDER BY seq";
            rows(&shared, sql, &[limit]).await?
        }
        Some(after) => {
            let sql = "SELECT * FROM v_audit WHERE seq > $1 ORDER BY seq LIMIT $2";
            let binds = [Bind::Integer(after), limit];
            wait_for(&shared, filter.wait_ms, || rows(&shared, sql, &binds)).await?
        }
    };
    unfold(&mut found, &["before", "after"]);
    Ok(Json(json!(found)))
}

/// `GET /v1/audit/verify`: walks the whole log. `{whole, rows, hash}`, or with `whole` false `{broken_at, problem}`.
pub async fn verify(State(shared): State<Arc<Shared>>) -> Answer {
    let mut mark = AuditMark::default();
    loop {
        let _turn = reads::turn().await?;
        let step = shared.store.verify_audit(mark).await.map_err(Problem::store)?;
        match step {
            AuditStep::More(next) => mark = next,
            AuditStep::Whole(AuditMark { seq, hash }) => {
                return Ok(Json(json!({ "whole": true, "rows": seq, "hash": hash })));
            }
            AuditStep::Broken { seq, problem } => {
                return Ok(Json(json!({ "whole": false, "broken_at": seq, "problem": problem })));
            }
        }
        // A long log must not keep the other questions waiting.
        tokio::task::yield_now().await;
    }
}
