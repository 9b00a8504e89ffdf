//! The part of the API that tells how free nodes are, and where to place something.

use super::{Answer, Client, ClientError, given};
use crate::arguments::Targeting;

impl Client {
    /// `GET /v1/targets`.
    ///
    /// # Errors
    /// See [`ClientError`]; refused with the reason where there is no target, unless it is to be explained.
    pub async fn targets(&self, asked: &Targeting) -> Result<Answer, ClientError> {
        let (count, choices) = (asked.count.map(|it| it.to_string()), asked.choices.map(|it| it.to_string()));
        let units = asked.min_units.map(|it| it.to_string());
        let mut query = given(&[
            ("for", asked.kind.as_deref()),
            ("group", asked.group.as_deref()),
            ("size", asked.size.as_deref()),
            ("count", count.as_deref()),
            ("choices", choices.as_deref()),
            ("capability", asked.capability.as_deref()),
            ("min_units", units.as_deref()),
            ("rule", asked.rule.as_deref()),
        ]);
        if asked.explain {
            query.push(("explain", "true".to_owned()));
        }
        self.get(&["targets"], &query).await
    }

    /// `GET /v1/nodes/{node}/availability`.
    ///
    /// # Errors
    /// See [`ClientError`]; refused where no policy has nodes speak.
    pub async fn availability_of(&self, node: &str) -> Result<Answer, ClientError> {
        self.get(&["nodes", node, "availability"], &[]).await
    }
}
