//! `rollcall token`, `join`, `revoke`, `certificates` and `whoami`: who may join, and who is in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rollcall_startup::Failure;
use serde_json::json;

use super::Asker;
use super::answer::trust::{Certificate, Join, Token, Whoami};
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, clean, short};
use super::when::{age, moment};
use crate::arguments::{JoinCommand, NewToken, Revocation, TokenCommand};

/// Tokens.
///
/// # Errors
/// As the zone answers.
pub async fn token(asker: &Asker<'_>, command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::List(listing) => asker.list("tokens", &[], &listing, tokens).await,
        TokenCommand::Create(new) => create(asker, new).await,
        TokenCommand::Revoke { token } => {
            let answer = asker.client.revoke_token(&token).await?;
            asker.conclude(&answer.document, &format!("token {} lets nobody in any more\n", clean(&token)))
        }
    }
}

async fn create(asker: &Asker<'_>, new: NewToken) -> Result<(), Failure> {
    let NewToken { kind, name, place, ttl, after } = new;
    let not_before_ms = after.map(from_now);
    let asked =
        json!({ "for": kind, "name": name, "place": place, "ttl_s": ttl.as_secs(), "not_before_ms": not_before_ms });
    let answer = asker.client.create_token(&asked).await?;
    let secret = clean(answer.document["secret"].as_str().unwrap_or_default());
    let whom = match (&name, &place) {
        (Some(name), Some(place)) => format!("{kind} {name} at {place}"),
        (Some(name), None) => format!("{kind} {name}"),
        (None, Some(place)) => format!("a {kind} at {place}"),
        (None, None) => kind,
    };
    // The token stands alone on its line, to be copied; what it is for goes to who reads, not to who copies.
    asker.note(&format!("lets in {}, once, for {} s; it is not shown again", clean(&whom), ttl.as_secs()));
    asker.conclude(&answer.document, &format!("{secret}\n"))
}

fn from_now(span: Duration) -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + span;
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Tokens as a table.
#[must_use]
pub fn tokens(tokens: &[Token], look: &Look) -> String {
    if tokens.is_empty() {
        return "no tokens: `rollcall token create` makes one\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::fixed("TOKEN"),
        Column::fixed("FOR"),
        Column::text("NAME"),
        Column::text("PLACE"),
        Column::fixed("STATE"),
        Column::fixed("UNTIL"),
        Column::text("USED BY"),
        Column::text("MADE BY").only_wide(),
    ]);
    for token in tokens {
        let tone = if token.state == "open" { Tone::Good } else { Tone::Faint };
        grid.row([
            Text::plain(&token.token),
            Text::plain(&token.kind),
            Text::or_dash(token.name.as_ref()),
            Text::or_dash(token.place.as_ref()),
            Text::toned(&token.state, tone),
            Text::or_dash(token.expires_at.as_ref().map(|at| moment(at))),
            Text::or_dash(token.used_by.as_ref()),
            Text::plain(&token.created_by),
        ]);
    }
    grid.render(look)
}

/// Those who wait to be let in.
///
/// # Errors
/// As the zone answers; exit code 1 where no join, or more than one, is meant.
pub async fn join(asker: &Asker<'_>, command: JoinCommand) -> Result<(), Failure> {
    let (wanted, denied) = match command {
        JoinCommand::List(listing) => return asker.list("joins", &[], &listing, joins).await,
        JoinCommand::Approve { join } => (join, None),
        JoinCommand::Deny { join, reason } => (join, Some(reason)),
    };
    let known: Vec<Join> = asker.client.list("joins", &[]).await?.read()?;
    let it = meant(&wanted, &known)?;
    let answer = asker.client.decide_join(&it.join_id, denied.as_deref()).await?;
    let (name, principal) = (clean(&it.name), clean(&it.principal));
    let text = match denied {
        None => format!("{name} ({principal}) may in; it comes for its certificate by itself\n"),
        Some(_) => format!("{name} ({principal}) may not in\n"),
    };
    asker.conclude(&answer.document, &text)
}

/// The join that is meant: by its id or the beginning of it, or by a name that no other has.
fn meant<'a>(wanted: &str, known: &'a [Join]) -> Result<&'a Join, Failure> {
    let fits = |it: &&Join| !wanted.is_empty() && (it.join_id.starts_with(wanted) || it.name == wanted);
    match known.iter().filter(fits).collect::<Vec<_>>().as_slice() {
        [it] => Ok(it),
        [] => {
            Err(Failure::other(format!("no join {wanted:?} waits for a decision"))
                .hint("`rollcall join list` lists them"))
        }
        more => Err(Failure::other(format!("{wanted:?} means {} joins; give more of the id", more.len()))),
    }
}

/// Joins as a table.
#[must_use]
pub fn joins(joins: &[Join], look: &Look) -> String {
    if joins.is_empty() {
        return "nobody waits to be let in\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::fixed("JOIN"),
        Column::fixed("STATE"),
        Column::text("NAME"),
        Column::text("PLACE"),
        Column::text("WHO"),
        Column::fixed("FROM"),
        Column::fixed("ASKED"),
        Column::fixed("KEY").only_wide(),
        Column::text("DECIDED BY").only_wide(),
    ]);
    for join in joins {
        let tone = if join.state == "pending" { Tone::Warning } else { Tone::Plain };
        grid.row([
            Text::plain(short(&join.join_id)),
            Text::toned(&join.state, tone),
            Text::plain(&join.name),
            Text::or_dash(join.place.as_ref()),
            Text::plain(&join.principal),
            Text::plain(&join.origin),
            Text::or_dash(join.requested_at.as_ref().map(|at| age(at, look.now))),
            Text::plain(join.key_sha256.chars().take(12).collect::<String>()),
            Text::or_dash(join.decided_by.as_ref()),
        ]);
    }
    let waits = joins.iter().any(|join| join.state == "pending");
    let hint = if waits { "\n`rollcall join approve JOIN` lets one in, `deny` keeps it out\n" } else { "" };
    format!("{}{hint}", grid.render(look))
}

/// Throws somebody out.
///
/// # Errors
/// As the zone answers; exit code 1 where the broker has not let go yet: the zone goes on trying.
pub async fn revoke(asker: &Asker<'_>, revocation: Revocation) -> Result<(), Failure> {
    let answer = asker.client.revoke(&revocation.whom, &revocation.reason).await?;
    let document = &answer.document;
    let principal = clean(document["principal"].as_str().unwrap_or(&revocation.whom));
    if document["cut"] == true {
        return asker.conclude(document, &format!("{principal} is out, and its connections are cut\n"));
    }
    asker.conclude(document, &format!("{principal} is revoked\n"))?;
    let problem = clean(document["problem"].as_str().unwrap_or("it does not answer in time"));
    Err(Failure::other(format!("the broker has not let go of it yet: {problem}"))
        .hint("the zone goes on trying until it is done, also after a restart"))
}

/// Certificates as a table.
#[must_use]
pub fn certificates(certificates: &[Certificate], look: &Look) -> String {
    if certificates.is_empty() {
        return "no certificates\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::text("NAME"),
        Column::text("WHO"),
        Column::fixed("STATE"),
        Column::fixed("ISSUED"),
        Column::fixed("UNTIL"),
        Column::text("BY"),
        Column::fixed("SERIAL").only_wide(),
    ]);
    for it in certificates {
        let tone = match it.state.as_str() {
            "valid" => Tone::Good,
            "revoked" => Tone::Bad,
            _ => Tone::Faint,
        };
        let why = it.revoked_by.as_ref().map(|by| format!("revoked by {by}: {}", it.reason.as_deref().unwrap_or("-")));
        grid.row([
            Text::plain(&it.name),
            Text::plain(&it.principal),
            Text::toned(&it.state, tone),
            Text::or_dash(it.issued_at.as_ref().map(|at| age(at, look.now))),
            Text::or_dash(it.expires_at.as_ref().map(|at| moment(at))),
            Text::plain(why.as_ref().unwrap_or(&it.issued_by)),
            Text::plain(&it.serial),
        ]);
    }
    grid.render(look)
}

/// Who the zone takes the asker for.
#[must_use]
pub fn whoami(who: &Whoami, _look: &Look) -> String {
    let role = who.role.as_deref().unwrap_or("no role");
    let means = who.means.replace('_', " ");
    let (name, zone) = (clean(&who.name), clean(who.zone["name"].as_str().unwrap_or("?")));
    format!("{name}, {}, in zone {zone}, by {}, from {}\n", clean(role), clean(&means), clean(&who.origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look() -> Look {
        Look { width: Some(100), colour: false, now: "2026-11-26T04:00:30Z".parse().unwrap() }
    }

    #[test]
    fn joins_tell_who_waits_and_what_to_do() {
        let known: Vec<Join> = serde_json::from_value(json!([
            { "join_id": "1f0e3d2c-aaaa", "principal": "node.5b", "name": "web-3", "place": null, "origin": "10.1.0.7",
              "state": "pending", "requested_at": "2026-11-26T04:00:00.000Z", "key_sha256": "ab".repeat(32) }
        ]))
        .unwrap();
        let expected = "\
JOIN      STATE    NAME   PLACE  WHO      FROM      ASKED
1f0e3d2c  pending  web-3  -      node.5b  10.1.0.7  30 s ago

`rollcall join approve JOIN` lets one in, `deny` keeps it out
";
        assert_eq!(joins(&known, &look()), expected);
        assert_eq!(meant("1f0e", &known).unwrap().name, "web-3");
        assert_eq!(meant("web-3", &known).unwrap().name, "web-3");
        assert!(meant("2", &known).unwrap_err().to_string().contains("hint: `rollcall join list`"));
    }

    #[test]
    fn a_revoked_certificate_says_who_and_why() {
        let known: Vec<Certificate> = serde_json::from_value(json!([
            { "serial": "40", "principal": "node.5b", "name": "web-3", "state": "revoked", "issued_by": "token 3f9a",
              "issued_at": "2026-11-26T03:00:30.000Z", "expires_at": "2026-11-27T03:00:30.000Z",
              "revoked_by": "user.ada", "reason": "stolen" }
        ]))
        .unwrap();
        let text = certificates(&known, &look());
        assert!(text.contains("revoked by user.ada: stolen"), "{text}");
    }
}
