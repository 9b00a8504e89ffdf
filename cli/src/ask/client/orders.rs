//! The part of the API that changes something, and what belongs to it.

use std::time::Duration;

use reqwest::{RequestBuilder, header};
use serde_json::{Value, json};

use super::{ANSWER, Answer, Client, ClientError, given};

/// Header that says who gives an order.
const BY: &str = "x-rollcall-by";
/// Longest name in it, characters.
const LONGEST_BY: usize = 64;

/// The user at this terminal, as far as the environment says; behind `sudo`, who called it.
pub(super) fn who() -> Option<String> {
    let named = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|text| is_name(text)));
    named.map(|name| name.trim().to_owned())
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.len() <= LONGEST_BY && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

impl Client {
    /// `GET /v1/policy`, or a former version.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub async fn policy(&self, version: Option<u64>) -> Result<Answer, ClientError> {
        match version {
            None => self.get(&["policy"], &[]).await,
            Some(version) => self.get(&["policy", &version.to_string()], &[]).await,
        }
    }

    /// `GET /v1/policy/history`.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn policy_history(&self) -> Result<Answer, ClientError> {
        self.get(&["policy", "history"], &[]).await
    }

    /// `PUT /v1/policy`; with `dry_run` it is only checked and compared.
    ///
    /// # Errors
    /// As [`Self::policy`]; refused with every problem where it cannot be obeyed.
    pub async fn set_policy(&self, document: &str, comment: &str, dry_run: bool) -> Result<Answer, ClientError> {
        let url = self.url(&["policy"]);
        let request = self.http.put(url).query(&[("comment", comment)]).query(&[("dry_run", dry_run)]);
        let request = request.header(header::CONTENT_TYPE, "text/plain; charset=utf-8").body(document.to_owned());
        self.send(self.signed(request), ANSWER).await
    }

    /// `POST /v1/policy/rollback`.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn roll_back(&self, version: u64) -> Result<Answer, ClientError> {
        self.order(&["policy", "rollback"], &json!({ "version": version })).await
    }

    /// `GET /v1/groups/{name or id}`.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn group(&self, group: &str) -> Result<Answer, ClientError> {
        self.get(&["groups", group], &[]).await
    }

    /// `POST /v1/groups`.
    ///
    /// # Errors
    /// As [`Self::policy`]; refused where the rule cannot be understood.
    pub async fn set_group(&self, group: &Value) -> Result<Answer, ClientError> {
        self.order(&["groups"], group).await
    }

    /// `DELETE /v1/groups/{name or id}`.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn dissolve_group(&self, group: &str) -> Result<Answer, ClientError> {
        let url = self.url(&["groups", group]);
        self.send(self.signed(self.http.delete(url)), ANSWER).await
    }

    /// `POST /v1/rules/test`.
    ///
    /// # Errors
    /// As [`Self::policy`]; refused where the rule cannot be understood.
    pub async fn test_rule(&self, rule: &str) -> Result<Answer, ClientError> {
        self.order(&["rules", "test"], &json!({ "rule": rule })).await
    }

    /// `POST /v1/alerts/{alert}/acknowledge`.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn acknowledge(&self, alert: i64, comment: &str) -> Result<Answer, ClientError> {
        self.order(&["alerts", &alert.to_string(), "acknowledge"], &json!({ "comment": comment })).await
    }

    /// `GET /v1/actions/{action}`.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn action(&self, action: &str) -> Result<Answer, ClientError> {
        self.get(&["actions", action], &[]).await
    }

    /// `POST /v1/actions`.
    ///
    /// # Errors
    /// As [`Self::policy`]; refused where the policy does not allow it.
    pub async fn order_action(&self, node: &str, action: &Value, deadline_s: u64) -> Result<Answer, ClientError> {
        self.order(&["actions"], &json!({ "node": node, "action": action, "deadline_s": deadline_s })).await
    }

    /// `GET /v1/channels/{channel}/messages`: the latest, or those after a number; the zone waits for the first one at
    /// most as long as asked to.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn messages(
        &self,
        channel: &str,
        after: Option<i64>,
        wait: Duration,
        limit: u16,
    ) -> Result<Answer, ClientError> {
        let url = self.url(&["channels", channel, "messages"]);
        let mut query = vec![("limit", limit.to_string())];
        if let Some(after) = after {
            query.push(("after", after.to_string()));
            query.push(("wait_ms", wait.as_millis().to_string()));
        }
        self.send(self.http.get(url).query(&query), wait + ANSWER).await
    }

    /// `POST /v1/channels/{channel}/messages`.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn say(&self, channel: &str, message: &Value) -> Result<Answer, ClientError> {
        self.order(&["channels", channel, "messages"], message).await
    }

    /// `GET /v1/nodes/{node}/readings`: asked of the node itself.
    ///
    /// # Errors
    /// As [`Self::policy`]; refused with status 504 where the node does not answer.
    pub async fn readings(&self, node: &str) -> Result<Answer, ClientError> {
        self.get(&["nodes", node, "readings"], &[]).await
    }

    /// `GET /v1/analytics`.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn analytics(
        &self,
        group: Option<&str>,
        indicator: Option<&str>,
        limit: u16,
    ) -> Result<Answer, ClientError> {
        let mut query = given(&[("group", group), ("indicator", indicator)]);
        query.push(("limit", limit.to_string()));
        self.get(&["analytics"], &query).await
    }

    /// `POST /v1/combinations`.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn decide(&self, capability: &str, approve: bool, name: Option<&str>) -> Result<Answer, ClientError> {
        self.order(&["combinations"], &json!({ "capability": capability, "approve": approve, "name": name })).await
    }

    pub(super) async fn order(&self, path: &[&str], body: &Value) -> Result<Answer, ClientError> {
        let url = self.url(path);
        self.send(self.signed(self.http.post(url).json(body)), ANSWER).await
    }

    pub(super) fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.by {
            Some(by) => request.header(BY, by.as_str()),
            None => request,
        }
    }
}
