//! Who asks a zone that has no identity yet, over plain HTTP: whoever is on its own machine may everything, everybody else may
//! look.
//!
//! A page of anywhere may have its name lead to this zone (DNS rebinding); the browser of whoever looks at it then asks here,
//! under that name, and gives the page what is answered. So only what the zone is called itself is answered to. An address is
//! nobody's name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use rollcall_model::Role;

use crate::api::caller::{Caller, Means};
use crate::api::errors::Problem;

/// Header that says who writes.
const BY: &str = "x-rollcall-by";
/// Longest name in it, characters.
const LONGEST_BY: usize = 64;
/// Longest part of a foreign name that is told again, characters.
const LONGEST_TOLD: usize = 80;

/// A zone without an identity, by the names it is called.
#[derive(Clone, Debug, Default)]
pub struct OwnMachine(Arc<[String]>);

impl OwnMachine {
    /// Called by these DNS names, beside `localhost`.
    #[must_use]
    pub fn called(names: Vec<String>) -> Self {
        Self(names.into())
    }

    /// Who asks.
    ///
    /// # Errors
    /// 403 where the zone is called by a name that is not its own, 400 where nobody can be called as whoever writes is.
    pub fn who(&self, origin: IpAddr, headers: &HeaderMap) -> Result<Caller, Problem> {
        self.refuse_foreign_names(headers)?;
        let role = if origin.to_canonical().is_loopback() { Role::Administrator } else { Role::Viewer };
        let who = match headers.get(BY) {
            None => "api".to_owned(),
            Some(by) => {
                let by = by.to_str().unwrap_or_default().trim();
                if by.is_empty() || by.chars().count() > LONGEST_BY {
                    let why = format!("{BY}: expected a name of 1 to {LONGEST_BY} visible characters");
                    return Err(Problem::bad_request(why));
                }
                by.to_owned()
            }
        };
        Ok(Caller { principal: None, who, role: Some(role), origin, means: Means::OwnMachine, serial: None })
    }

    fn refuse_foreign_names(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(host) = headers.get(header::HOST) else { return Ok(()) };
        let host = host.to_str().unwrap_or_default();
        let is_address = host.parse::<SocketAddr>().is_ok() || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        // A name with a dot at its end is the same one, said in full.
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_own = |own: &str| own.eq_ignore_ascii_case(name);
        if is_address || is_own("localhost") || self.0.iter().any(|own| is_own(own)) {
            return Ok(());
        }
        let name: String = name.chars().take(LONGEST_TOLD).collect();
        let why = format!(
            "without an identity this zone answers to localhost, its addresses and its names, not to {name:?}; if that is one of \
             its names, add it to api.public_names"
        );
        Err(Problem::forbidden(why).because("foreign_host"))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn who(origin: &str, headers: &HeaderMap) -> Result<Caller, Problem> {
        OwnMachine::called(vec!["zone.example".into()]).who(origin.parse().unwrap(), headers)
    }

    #[test]
    fn without_an_identity_only_programs_on_this_machine_may_write() {
        let table = [
            ("127.0.0.1", Role::Administrator),
            ("::1", Role::Administrator),
            ("::ffff:127.0.0.1", Role::Administrator),
            ("10.1.0.7", Role::Viewer),
            ("::ffff:10.1.0.7", Role::Viewer),
        ];
        for (origin, role) in table {
            assert_eq!(who(origin, &HeaderMap::new()).unwrap().role, Some(role), "{origin}");
        }
    }

    #[test]
    fn only_its_own_names_are_answered_to_wherever_somebody_asks_from() {
        let asks = |origin: &str, host: &str| {
            who(origin, &HeaderMap::from_iter([(header::HOST, HeaderValue::from_str(host).unwrap())]))
        };
        let own = ["127.0.0.1:7655", "127.0.0.1", "localhost", "LOCALHOST:7655", "[::1]:7655", "[::1]", "10.1.0.7:1"];
        let named = ["zone.example", "Zone.Example:7655", "zone.example.:7655", "localhost."];
        let foreign = [
            "evil.example",
            "evil.example:7655",
            "localhost.evil.example:7655",
            "zone.example.evil.example",
            "",
            ":7655",
            "127.0.0.1.nip.io",
        ];
        for origin in ["127.0.0.1", "10.1.0.7"] {
            for host in own.iter().chain(&named) {
                assert!(asks(origin, host).is_ok(), "{host} from {origin}");
            }
            for host in foreign {
                let problem = asks(origin, host).unwrap_err();
                assert_eq!((problem.status().as_u16(), problem.reason()), (403, Some("foreign_host")), "{host:?}");
                assert!(problem.detail().ends_with("add it to api.public_names"), "{}", problem.detail());
            }
        }
    }

    #[test]
    fn who_writes_is_named_by_a_header_or_is_the_api() {
        let named = |by: &str| HeaderMap::from_iter([(BY.parse().unwrap(), HeaderValue::from_str(by).unwrap())]);
        assert_eq!(who("127.0.0.1", &HeaderMap::new()).unwrap().who, "api");
        assert_eq!(who("127.0.0.1", &named("ada@desk")).unwrap().who, "ada@desk");
        for bad in ["", " ", &"x".repeat(65)] {
            assert!(who("127.0.0.1", &named(bad)).is_err(), "{bad:?}");
        }
    }
}
