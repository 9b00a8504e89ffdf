//! One request as it is, for what has no function of its own.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use super::{ANSWER, Client, ClientError, refusal};

/// What came back, whatever it is.
#[derive(Clone, Debug)]
pub struct Raw {
    /// HTTP status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// Why it was refused, if it was.
    pub refused: Option<String>,
}

impl Client {
    /// One request.
    ///
    /// # Errors
    /// Where there is no answer; what the zone refuses is an answer.
    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Option<Vec<u8>>,
    ) -> Result<Raw, ClientError> {
        let url = self.at(path);
        let mut request = self.signed(self.http.request(method, url.clone())).timeout(ANSWER);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = self.execute(request).await.map_err(|error| self.unreachable(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?.to_vec();
        let is_error = status.is_client_error() || status.is_server_error();
        let refused = is_error.then(|| refusal(status, &body, &url).to_string());
        Ok(Raw { status, headers, body, refused })
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.addresses.first().clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{}", path.trim_start_matches('/')));
        url.set_query(query);
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::client::credential::Credential;

    #[test]
    fn a_path_is_taken_as_it_is_and_stays_at_the_zone() {
        let at = |base: &str, path: &str| Client::new(base, &Credential::None).map(|it| it.at(path).to_string());
        assert_eq!(at("127.0.0.1:1", "/v1/nodes?state=down").unwrap(), "http://127.0.0.1:1/v1/nodes?state=down");
        assert_eq!(at("http://gate/a/", "v1/nodes/x%2Fy").unwrap(), "http://gate/a/v1/nodes/x%2Fy");
        assert_eq!(at("127.0.0.1:1", "//evil/x").unwrap(), "http://127.0.0.1:1/evil/x");
    }
}
