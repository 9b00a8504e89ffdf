//! The part of the API about trust: tokens, joins, certificates, users, the audit log.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ANSWER, Answer, Client, ClientError};

impl Client {
    /// `GET /v1/whoami`.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow. Refused where whoever asks may not.
    pub async fn whoami(&self) -> Result<Answer, ClientError> {
        self.get(&["whoami"], &[]).await
    }

    /// `POST /v1/tokens`.
    ///
    /// # Errors
    /// As [`Self::whoami`].
    pub async fn create_token(&self, token: &Value) -> Result<Answer, ClientError> {
        self.order(&["tokens"], token).await
    }

    /// `DELETE /v1/tokens/{id}`.
    ///
    /// # Errors
    /// As [`Self::whoami`].
    pub async fn revoke_token(&self, token: &str) -> Result<Answer, ClientError> {
        self.remove(&["tokens", token]).await
    }

    /// `POST /v1/joins/{id}/approve`, or `deny` with a reason.
    ///
    /// # Errors
    /// As [`Self::whoami`].
    pub async fn decide_join(&self, join: &str, denied: Option<&str>) -> Result<Answer, ClientError> {
        match denied {
            None => self.order(&["joins", join, "approve"], &json!({})).await,
            Some(reason) => self.order(&["joins", join, "deny"], &json!({ "reason": reason })).await,
        }
    }

    /// `POST /v1/renew`.
    ///
    /// # Errors
    /// As [`Self::whoami`].
    pub async fn renew(&self, csr: &str) -> Result<Answer, ClientError> {
        self.order(&["renew"], &json!({ "csr": csr })).await
    }

    /// `POST /v1/revoke`.
    ///
    /// # Errors
    /// As [`Self::whoami`].
    pub async fn revoke(&self, whom: &str, reason: &str) -> Result<Answer, ClientError> {
        self.order(&["revoke"], &json!({ "principal": whom, "reason": reason })).await
    }

    /// `POST /v1/users`.
    ///
    /// # Errors
    /// As [`Self::whoami`].
    pub async fn set_user(&self, user: &Value) -> Result<Answer, ClientError> {
        self.order(&["users"], user).await
    }

    /// `DELETE /v1/users/{name}`.
    ///
    /// # Errors
    /// As [`Self::whoami`].
    pub async fn remove_user(&self, name: &str) -> Result<Answer, ClientError> {
        self.remove(&["users", name]).await
    }

    /// `GET /v1/audit`: the latest lines, or those after a number; the zone waits for the first one at most as long as
    /// asked to.
    ///
    /// # Errors
    /// As [`Self::whoami`].
    pub async fn audit(&self, after: Option<i64>, wait: Duration, limit: u16) -> Result<Answer, ClientError> {
        let url = self.url(&["audit"]);
        let mut query = vec![("limit", limit.to_string())];
        if let Some(after) = after {
            query.push(("after", after.to_string()));
            query.push(("wait_ms", wait.as_millis().to_string()));
        }
        self.send(self.http.get(url).query(&query), wait + ANSWER).await
    }

    /// `GET /v1/audit/verify`.
    ///
    /// # Errors
    /// As [`Self::whoami`].
    pub async fn verify_audit(&self) -> Result<Answer, ClientError> {
        self.get(&["audit", "verify"], &[]).await
    }

    async fn remove(&self, path: &[&str]) -> Result<Answer, ClientError> {
        let url = self.url(path);
        self.send(self.signed(self.http.delete(url)), ANSWER).await
    }
}
