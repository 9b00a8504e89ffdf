//! `rollcall api`.

use clap::Args;

const EXAMPLES: &str = "\
The answer goes to standard output as it came; a refusal is told as ever, with its
exit code. `docs/api.md` has every route.

Examples:
  rollcall api GET /v1/whoami
  rollcall api GET '/v1/nodes?state=down&limit=5'
  rollcall api POST /v1/sql --body '{\"query\": \"SELECT name FROM v_nodes\"}'
  rollcall api PUT /v1/policy --body @policy.toml --type text/plain
  echo '{\"version\": 3}' | rollcall api POST /v1/policy/rollback --body -
  rollcall api GET /v1/nodes/web-3 --include      with status and headers";

/// `rollcall api`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RawRequest {
    /// GET, POST, PUT, PATCH or DELETE
    #[arg(value_name = "METHOD", value_parser = ["GET", "POST", "PUT", "PATCH", "DELETE"], ignore_case = true)]
    pub method: String,
    /// Path and query, e.g. /v1/nodes?state=down
    #[arg(value_name = "PATH")]
    pub path: String,
    /// The body; @FILE reads it from a file, - from standard input
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,
    /// What the body is
    #[arg(long = "type", value_name = "MEDIA TYPE", default_value = "application/json")]
    pub media_type: String,
    /// A header, e.g. 'If-Match: "3"'; can be given again
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// Tell status and headers before the answer
    #[arg(long, short)]
    pub include: bool,
}
