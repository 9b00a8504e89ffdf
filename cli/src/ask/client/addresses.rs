//! Where a zone's API is: one address, or one of each of its controllers, of which one acts and the others stand by.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{Error, Request, Response, ResponseBuilderExt, StatusCode, Url};

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
        let all: Arc<[Url]> = text.split(',').map(|one| address(one.trim(), wants_tls)).collect::<Result<_, _>>()?;
        // The header that is made of them would go wherever the request goes.
        if let Some(own) =
            all.iter().find(|url| all.len() > 1 && (!url.username().is_empty() || url.password().is_some()))
        {
            let reason = "one of several has no user of its own".to_owned();
            return Err(ClientError::Url { url: own.host_str().unwrap_or_default().to_owned(), reason });
        }
        Ok(Self { all, at: Arc::default() })
    }

    /// The first: requests are made for it, and carried out wherever somebody acts.
    pub fn first(&self) -> &Url {
        &self.all[0]
    }

    /// All of them, for people.
    pub fn told(&self) -> String {
        let each: Vec<&str> = self.all.iter().map(|url| url.as_str().trim_end_matches('/')).collect();
        each.join(", ")
    }

    /// Carries out a request that was made for the first address at the one that answered last; where nobody is there, or who is there stands by,
    /// at the next. Both mean that nothing has come of it. Any other answer is the answer, and whoever gives it is asked first from then on.
    ///
    /// # Errors
    /// As the first one failed, if none answered.
    pub async fn execute(&self, http: &reqwest::Client, request: Request) -> Result<Response, Error> {
        let (begun, mut first) = (self.at.load(Ordering::Relaxed), None);
        for turn in 0..self.all.len() {
            let at = (begun + turn) % self.all.len();
            let Some(mut attempt) = request.try_clone() else { break };
            moved(attempt.url_mut(), &self.all[0], &self.all[at]);
            match http.execute(attempt).await {
                Ok(response) => match self.acts(response).await? {
                    Ok(response) => {
                        self.at.store(at, Ordering::Relaxed);
                        return Ok(response);
                    }
                    // What one says who is there tells more than that another is not.
                    Err(standby) if !matches!(first, Some(Ok(_))) => first = Some(Ok(standby)),
                    Err(_) => {}
                },
                Err(error) if error.is_connect() => first = first.or(Some(Err(error))),
                Err(error) => return Err(error),
            }
        }
        match first {
            Some(result) => result,
            // One whose body cannot be sent twice.
            None => http.execute(request).await,
        }
    }

    /// The answer of one who acts, or else of one who stands by and says so.
    async fn acts(&self, response: Response) -> Result<Result<Response, Response>, Error> {
        if response.status() != StatusCode::SERVICE_UNAVAILABLE || self.all.len() == 1 {
            return Ok(Ok(response));
        }
        let (url, status, headers) = (response.url().clone(), response.status(), response.headers().clone());
        let body = response.bytes().await?;
        let problem = serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default();
        let mut whole = http::Response::builder().url(url).body(body).unwrap_or_default();
        (*whole.status_mut(), *whole.headers_mut()) = (status, headers);
        let whole = Response::from(whole);
        Ok(if problem["reason"] == "standby" { Err(whole) } else { Ok(whole) })
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
