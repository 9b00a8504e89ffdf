//! Where a zone's API is: one address, or one of each of its controllers, of which one acts and the others stand by.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{Error, Request, Response, StatusCode, Url};

use super::ClientError;

/// The addresses, and which of them answered last.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    all: Arc<[Url]>,
    at: Arc<AtomicUsize>,
}

impl Addresses {
    /// Of a text with commas between them, each of which may lack its scheme.
    ///
    /// # Errors
    /// When one of them is none, or is not of the kind that the credential wants.
    pub fn parse(text: &str, wants_tls: bool) -> Result<Self, ClientError> {
        let all = text.split(',').map(|one| address(one.trim(), wants_tls)).collect::<Result<_, _>>()?;
        Ok(Self { all, at: Arc::default() })
    }

    /// The one that answered last; the first until one did.
    pub fn current(&self) -> &Url {
        &self.all[self.at.load(Ordering::Relaxed) % self.all.len()]
    }

    /// All of them, for people.
    pub fn told(&self) -> String {
        let each: Vec<&str> = self.all.iter().map(|url| url.as_str().trim_end_matches('/')).collect();
        each.join(", ")
    }

    /// Carries out a request to the current one; where nobody is there, or who is there says that it cannot serve (503), to the next. Both mean
    /// that nothing has come of it yet. Whoever answers is the current one from then on.
    ///
    /// # Errors
    /// As the first one failed, if none answered.
    pub async fn execute(&self, http: &reqwest::Client, request: Request) -> Result<Response, Error> {
        let (begun, mut first) = (self.at.load(Ordering::Relaxed), None);
        for turn in 0..self.all.len() {
            let at = (begun + turn) % self.all.len();
            let Some(mut attempt) = request.try_clone() else { break };
            moved(attempt.url_mut(), &self.all[begun % self.all.len()], &self.all[at]);
            match http.execute(attempt).await {
                Ok(response) if response.status() != StatusCode::SERVICE_UNAVAILABLE => {
                    self.at.store(at, Ordering::Relaxed);
                    return Ok(response);
                }
                // What one says who is there tells more than that another is not.
                Ok(response) if !matches!(first, Some(Ok(_))) => first = Some(Ok(response)),
                Err(error) if !error.is_connect() => return Err(error),
                result => first = first.or(Some(result)),
            }
        }
        match first {
            Some(result) => result,
            // One whose body cannot be sent twice.
            None => http.execute(request).await,
        }
    }
}

/// One of a zone's API.
fn address(text: &str, wants_tls: bool) -> Result<Url, ClientError> {
    let wrong = |reason: String| ClientError::Url { url: text.to_owned(), reason };
    let scheme = if wants_tls { "https" } else { "http" };
    let full = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
    let url = Url::parse(&full).map_err(|error| wrong(error.to_string()))?;
    match (url.scheme(), wants_tls) {
        ("https", true) | ("http", false) => Ok(url),
        ("https", false) => Err(wrong("https takes --identity DIR, or ROLLCALL_TOKEN and ROLLCALL_SITE".into())),
        ("http", true) => Err(wrong("credentials are shown over https only".into())),
        (other, _) => Err(wrong(format!("it speaks https, or http, but not {other}"))),
    }
}

/// The same request at another address.
fn moved(url: &mut Url, from: &Url, to: &Url) {
    if from == to {
        return;
    }
    let prefix = |url: &Url| url.path().trim_end_matches('/').to_owned();
    let path = url.path().strip_prefix(&prefix(from)).unwrap_or(url.path());
    let mut other = to.clone();
    other.set_path(&format!("{}{path}", prefix(to)));
    other.set_query(url.query());
    *url = other;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_the_same_elsewhere() {
        let url = |text: &str| Url::parse(text).unwrap();
        for (asked, from, to, expected) in [
            ("http://a:1/v1/nodes?x=1", "http://a:1/", "http://b:2/", "http://b:2/v1/nodes?x=1"),
            ("http://a:1/v1/status", "http://a:1/", "http://gate/z/", "http://gate/z/v1/status"),
            ("http://gate/z/v1/nodes/x%2Fy", "http://gate/z", "http://b/", "http://b/v1/nodes/x%2Fy"),
        ] {
            let mut request = url(asked);
            moved(&mut request, &url(from), &url(to));
            assert_eq!(request.as_str(), expected);
        }
    }
}
