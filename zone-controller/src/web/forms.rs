//! What a browser sends to change something: it must come from a page of ours (its `Origin` is where it goes to), and
//! carry the token that page was given.

use axum::http::{HeaderMap, header};
use rollcall_identity::SessionKey;

use crate::api::errors::Problem;
use crate::api::{Caller, Means};

/// What tokens of forms are made for.
const USE: &str = "form";
/// Header and field that carry it.
const HEADER: &str = "x-csrf-token";
const FIELD: &str = "csrf=";

/// The token of every form of a session. Bound to the session, or to who asks where there is none.
pub(super) fn token(key: &SessionKey, caller: &Caller) -> String {
    key.tag(USE, bound_to(caller))
}

fn bound_to(caller: &Caller) -> &str {
    match &caller.means {
        Means::Session(id) => id,
        _ => &caller.who,
    }
}

/// What pages of ours are loaded by: `https://` where the zone has an identity, and by `http://` where it has none.
pub(crate) const fn scheme(has_identity: bool) -> &'static str {
    if has_identity { "https://" } else { "http://" }
}

/// Lets what comes from a page of ours pass, which was loaded by this [`scheme`].
///
/// # Errors
/// When it comes from elsewhere, or nobody can say from where.
pub(crate) fn check(
    (key, scheme): (&SessionKey, &str),
    caller: &Caller,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Problem> {
    if !is_own(headers, scheme) {
        let why = "this did not come from a page of this zone; open the page itself and try there";
        return Err(Problem::forbidden(why).because("foreign_origin"));
    }
    // Who logs in is nobody yet.
    if caller.means == Means::Nothing || shown(headers, body).is_some_and(|it| key.is_tag(USE, bound_to(caller), &it)) {
        return Ok(());
    }
    let why = "this page is from before you logged in, or the zone started anew; load it again and repeat what you did";
    Err(Problem::forbidden(why).because("no_form_token"))
}

fn is_own(headers: &HeaderMap, scheme: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN).and_then(|origin| origin.strip_prefix(scheme));
    origin.is_some() && origin == text(header::HOST)
}

fn shown(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if let Some(token) = headers.get(HEADER) {
        return token.to_str().ok().map(str::to_owned);
    }
    let body = std::str::from_utf8(body).ok()?;
    body.split('&').find_map(|field| field.strip_prefix(FIELD)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        pairs.iter().map(|(name, text)| (name.parse().unwrap(), value(text))).collect()
    }

    #[test]
    fn only_a_page_of_ours_with_the_sessions_own_token_changes_something() {
        let key = SessionKey::random().unwrap();
        let caller = Caller { means: Means::Session("one".into()), ..Caller::stranger(IpAddr::from([10, 0, 0, 1])) };
        let token = token(&key, &caller);
        let check = |caller: &Caller, headers: &HeaderMap, body: &[u8]| {
            super::check((&key, scheme(true)), caller, headers, body)
        };
        let own = [("origin", "https://zone:7655"), ("host", "zone:7655")];
        let with_header = |it: &str| headers(&[own[0], own[1], ("x-csrf-token", it)]);
        assert!(check(&caller, &with_header(&token), b"").is_ok());
        assert!(check(&caller, &headers(&own), format!("comment=a&csrf={token}").as_bytes()).is_ok());
        assert!(check(&caller, &headers(&own), b"comment=a").is_err());
        assert!(check(&caller, &with_header("00"), b"").is_err());
        let other = Caller { means: Means::Session("two".into()), ..caller.clone() };
        assert!(check(&other, &with_header(&token), b"").is_err(), "the token of another session");
        for foreign in [
            "https://evil.example",
            "null",
            "https://zone:7655.evil.example",
            "zone:7655",
            "https://zone",
            "http://zone:7655",
        ] {
            let headers = headers(&[("origin", foreign), own[1], ("x-csrf-token", &token)]);
            assert!(check(&caller, &headers, b"").is_err(), "{foreign}");
        }
        assert!(check(&caller, &headers(&[own[1], ("x-csrf-token", &token)]), b"").is_err(), "no origin");
        let stranger = Caller::stranger(IpAddr::from([10, 0, 0, 1]));
        assert!(check(&stranger, &headers(&own), b"token=x").is_ok(), "who logs in");
        assert!(check(&stranger, &headers(&[own[1]]), b"token=x").is_err());
    }

    #[test]
    fn a_page_is_ours_only_by_the_way_this_zone_is_asked() {
        let by = |scheme: &str| headers(&[("origin", &format!("{scheme}zone:7655")), ("host", "zone:7655")]);
        for has_identity in [true, false] {
            assert!(is_own(&by(scheme(has_identity)), scheme(has_identity)));
            assert!(!is_own(&by(scheme(!has_identity)), scheme(has_identity)));
        }
    }
}
