//! Who may write. There are no identities yet, so writing is for programs on this machine: not for others on the
//! network, and not for web pages somebody on this machine happens to look at.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::errors::Problem;
use crate::core::By;

/// Header that says who writes.
const BY: &str = "x-rollcall-by";
/// Longest name in it, characters.
const LONGEST_BY: usize = 64;

/// Somebody who may write, as they call themselves, and where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer(pub By);

impl<S: Send + Sync> FromRequestParts<S> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let origin = peer.map(|peer| peer.to_canonical().to_string()).unwrap_or_default();
        writer(peer, &parts.headers).map(|who| Self(By { who, origin }))
    }
}

fn writer(peer: Option<IpAddr>, headers: &HeaderMap) -> Result<String, Problem> {
    if !peer.is_some_and(|peer| peer.to_canonical().is_loopback()) {
        return Err(Problem::forbidden(
            "only programs on the zone controller's own machine may write until the API knows identities; ask it over \
             its loopback address",
        ));
    }
    if headers.contains_key(header::ORIGIN) {
        return Err(Problem::forbidden("web pages may not write until the API knows identities"));
    }
    let Some(by) = headers.get(BY) else { return Ok("api".into()) };
    let by = by.to_str().unwrap_or_default().trim();
    if by.is_empty() || by.chars().count() > LONGEST_BY {
        return Err(Problem::bad_request(format!("{BY}: expected a name of 1 to {LONGEST_BY} visible characters")));
    }
    Ok(by.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn only_programs_on_this_machine_may_write() {
        let page = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static("http://127.0.0.1:7655"))]);
        // (peer, headers, status of the refusal)
        let table = [
            (Some("127.0.0.1"), HeaderMap::new(), None),
            (Some("::1"), HeaderMap::new(), None),
            (Some("::ffff:127.0.0.1"), HeaderMap::new(), None),
            (Some("10.1.0.7"), HeaderMap::new(), Some(403)),
            (Some("::ffff:10.1.0.7"), HeaderMap::new(), Some(403)),
            (None, HeaderMap::new(), Some(403)),
            (Some("127.0.0.1"), page, Some(403)),
        ];
        for (peer, headers, expected) in table {
            let peer = peer.map(|peer| peer.parse().unwrap());
            let refused = writer(peer, &headers).err().map(|problem| problem.into_response().status().as_u16());
            assert_eq!(refused, expected, "{peer:?} {headers:?}");
        }
    }

    #[test]
    fn who_writes_is_named_by_a_header_or_is_the_api() {
        let loopback = Some(IpAddr::from([127, 0, 0, 1]));
        let named = |by: &str| HeaderMap::from_iter([(BY.parse().unwrap(), HeaderValue::from_str(by).unwrap())]);
        assert_eq!(writer(loopback, &HeaderMap::new()).unwrap(), "api");
        assert_eq!(writer(loopback, &named("ada@desk")).unwrap(), "ada@desk");
        for bad in ["", " ", &"x".repeat(65)] {
            assert!(writer(loopback, &named(bad)).is_err(), "{bad:?}");
        }
    }
}
