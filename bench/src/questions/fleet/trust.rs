//! How they were let in, and by whom.

use rollcall_model::{JoinId, Principal, Role, Serial, Sha256, TokenKind, UnixMillis};
use rollcall_store::{Change, IssuedBy, TrustChange};

use super::{DAY, Fleet, HOUR, chance, name, node, node_name, rack};

fn serial(text: &str) -> anyhow::Result<Serial> {
    Ok(Sha256::of(text.as_bytes()).to_string()[..32].parse()?)
}

fn token_hash(number: u32) -> Sha256 {
    Sha256::of(format!("token {number}").as_bytes())
}

impl Fleet {
    /// A token, used once, long ago; and the certificate that is in force now. Two in three have the one
    /// before, which is valid still: it is renewed at three fifths of its life.
    pub(super) fn trust_of(&self, number: u32) -> anyhow::Result<Vec<Change>> {
        let principal = Principal::Node(node(number));
        let token = token_hash(number).short().to_owned();
        let used = TrustChange::TokenUsed { token: token.clone(), principal, at: self.at(9_000) };
        let mut changes = vec![self.token(number, 1_000, Some(600_000))?, used.into()];
        let renewed = 6 * DAY + 10 * HOUR + chance(u64::from(number)) % (13 * HOUR);
        let first = serial(&format!("first of {number}"))?;
        if !number.is_multiple_of(3) {
            let at = self.at(renewed - 9 * HOUR);
            changes.push(self.certificate(number, first.clone(), IssuedBy::Token(token), at)?);
        }
        let second = serial(&format!("second of {number}"))?;
        changes.push(self.certificate(number, second, IssuedBy::Renewal(first), self.at(renewed))?);
        Ok(changes)
    }

    /// Good for so many milliseconds, or for ever.
    fn token(&self, number: u32, made: u64, lasts: Option<u64>) -> anyhow::Result<Change> {
        let created = TrustChange::TokenCreated {
            hash: token_hash(number),
            kind: TokenKind::Node,
            name: Some(node_name(number)?),
            place: None,
            not_before: self.at(made),
            expires: lasts.map_or(UnixMillis(4_102_444_800_000), |lasts| self.at(made + lasts)),
            by: "ada".into(),
            at: self.at(made),
        };
        Ok(created.into())
    }

    fn certificate(&self, number: u32, serial: Serial, issued_by: IssuedBy, at: UnixMillis) -> anyhow::Result<Change> {
        let principal = Principal::Node(node(number));
        let issued = TrustChange::CertificateIssued {
            serial,
            user: format!("{principal}@zone"),
            principal,
            name: node_name(number)?,
            place: None,
            key: Sha256::of(format!("key of {number}").as_bytes()),
            issued_by,
            at,
            expires: UnixMillis(at.0 + DAY),
        };
        Ok(issued.into())
    }

    /// Open tokens, joins, those who were thrown out, users, and what they did.
    pub(super) fn people(&self) -> anyhow::Result<Vec<Change>> {
        let mut changes = Vec::new();
        for number in 1..=300 {
            changes.push(self.token(self.size.nodes + number, 6 * DAY, None)?);
        }
        for number in 1..=2_000_u32 {
            changes.extend(self.join(number)?);
        }
        for number in (1..=self.size.nodes).step_by(5_000) {
            changes.push(self.thrown_out(number)?);
        }
        for (number, user) in ["ada", "bob", "grafana", "eve"].into_iter().enumerate() {
            let role = if number == 0 { Role::Administrator } else { Role::Viewer };
            let token = Some(Sha256::of(user.as_bytes()));
            changes.push(
                TrustChange::UserSet {
                    name: name(user)?,
                    role,
                    token,
                    entry: "0".into(),
                    by: "ada".into(),
                    at: self.at(1),
                }
                .into(),
            );
        }
        changes.extend((1..=5_000).map(|number| self.audited(number)));
        Ok(changes)
    }

    /// All but some of the last are decided.
    fn join(&self, number: u32) -> anyhow::Result<Vec<Change>> {
        let (join, begun) = (JoinId::derived_from(&format!("join {number}")), 3 * DAY + 1_000 * u64::from(number));
        let held = TrustChange::JoinHeld {
            join,
            principal: Principal::Group(rack(self.racks + number)),
            name: name(&format!("rack-{}", self.racks + number))?,
            place: Some(name("row-new")?),
            address: None,
            origin: "10.0.0.9".into(),
            key: Sha256::of(format!("key {number}").as_bytes()),
            csr: "-----BEGIN CERTIFICATE REQUEST-----".into(),
            at: self.at(begun),
        };
        let (by, reason) = ("ada".to_owned(), "not ours".to_owned());
        let decided = TrustChange::JoinDecided { join, approved: false, by, reason, at: self.at(begun + 500) };
        Ok(if number > 1_960 { vec![held.into()] } else { vec![held.into(), decided.into()] })
    }

    fn thrown_out(&self, number: u32) -> anyhow::Result<Change> {
        let out = TrustChange::PrincipalRevoked {
            principal: Principal::Node(node(number)),
            name: node_name(number)?,
            by: "ada".into(),
            reason: "stolen".into(),
            at: self.at(6 * DAY),
        };
        Ok(out.into())
    }

    fn audited(&self, number: u64) -> Change {
        let audited = TrustChange::Audited {
            at: self.at(DAY + 60_000 * number),
            who: "ada".into(),
            origin: "10.0.0.7".into(),
            action: "token_created".into(),
            subject: format!("node-{number}"),
            before: serde_json::Value::Null,
            after: serde_json::json!({ "expires_ms": self.start + number }),
        };
        audited.into()
    }
}
