//! Who is to have a user at the broker, page by page: a zone may have a hundred thousand of them.

use std::collections::{BTreeSet, HashSet};

use rollcall_model::{Principal, ZoneId};
use rollcall_store::{QueryError, Store};
use serde_json::Value;

/// Certificates in order, after one of them. What is no more is left out by who reads them: a condition that a database cannot
/// reckon with makes it sort everything that follows for each page.
const CERTIFICATES: &str = "SELECT principal, user_name, serial, state FROM v_certificates \
    WHERE (principal, serial) > ($1, $2) ORDER BY principal, serial LIMIT 1000";
const REVOKED: &str = "SELECT principal FROM v_revoked";
/// The users of the API, whose certificates are not kept but told from those of former users of their names.
const OF_THE_API: &str = "SELECT 'user.' || name, entry FROM v_users WHERE removed_at IS NULL";

const CERTIFICATE_OF: &str = "SELECT 1 FROM v_certificates WHERE principal = $1 AND user_name = $2 AND state = 'valid' \
    AND principal NOT IN (SELECT principal FROM v_revoked) LIMIT 1";

/// Principals with the users they are to have.
pub(super) type Page = BTreeSet<(Principal, String)>;

/// Whoever has a certificate that counts, as the user it names, the users of the API and the zone itself.
pub(super) struct Entitled<'a> {
    store: &'a Store,
    zone: ZoneId,
    revoked: HashSet<Principal>,
    /// The last of the page before: who has two certificates may stand on both sides of its end.
    told: Option<(Principal, String)>,
    next: Next,
}

enum Next {
    Own,
    Certified { principal: String, serial: String },
    End,
}

impl<'a> Entitled<'a> {
    pub(super) fn of(zone: ZoneId, store: &'a Store) -> Self {
        Self { store, zone, revoked: HashSet::new(), told: None, next: Next::Own }
    }

    /// The next of them; none when all were told.
    pub(super) async fn page(&mut self) -> Result<Option<Page>, QueryError> {
        let store = self.store.for_zone();
        match &self.next {
            Next::Own => {
                let revoked = store.select(REVOKED, &[]).await?;
                self.revoked = revoked.rows.iter().filter_map(|row| row[0].as_str()?.parse().ok()).collect();
                let found = store.select(OF_THE_API, &[]).await?;
                self.next = Next::Certified { principal: String::new(), serial: String::new() };
                let own = Principal::Zone(self.zone);
                let user = own.user_in(self.zone);
                Ok(Some(found.rows.iter().filter_map(|row| user_of(self.zone, row)).chain([(own, user)]).collect()))
            }
            Next::Certified { principal, serial } => {
                let found = store.select(CERTIFICATES, &[principal.as_str().into(), serial.as_str().into()]).await?;
                let last = found.rows.last();
                let following = last.and_then(|row| Some((row[0].as_str()?.to_owned(), row[2].as_str()?.to_owned())));
                self.next = following.map_or(Next::End, |(principal, serial)| Next::Certified { principal, serial });
                let valid = found.rows.iter().filter(|row| row[3].as_str() == Some("valid"));
                let users = valid.filter_map(|row| user_of(self.zone, row));
                let users: Vec<_> = users.filter(|(principal, _)| !self.revoked.contains(principal)).collect();
                let told = users.last().cloned();
                let mut page: Page = users.into_iter().collect();
                if let Some(told) = &self.told {
                    page.remove(told);
                }
                self.told = told.or(self.told.take());
                Ok(Some(page))
            }
            Next::End => Ok(None),
        }
    }
}

/// Whether a user at the broker is somebody's who is entitled to it at this moment.
pub(super) async fn is_entitled(zone: ZoneId, store: &Store, user: &str) -> Result<bool, QueryError> {
    let store = store.for_zone();
    let Some(Ok(principal)) = user.split_once('@').map(|(principal, _)| principal.parse::<Principal>()) else {
        return Ok(false);
    };
    if let Principal::User(_) = &principal {
        let found = store.select(OF_THE_API, &[]).await?;
        return Ok(found.rows.iter().filter_map(|row| user_of(zone, row)).any(|(_, its)| its == user));
    }
    let found = store.select(CERTIFICATE_OF, &[principal.to_string().as_str().into(), user.into()]).await?;
    Ok(!found.rows.is_empty() || (principal == Principal::Zone(zone) && user == principal.user_in(zone)))
}

fn user_of(zone: ZoneId, row: &[Value]) -> Option<(Principal, String)> {
    let principal: Principal = row[0].as_str()?.parse().ok()?;
    let user = match (&principal, row[1].as_str()) {
        (_, None) => principal.user_in(zone),
        (Principal::User(_), Some(entry)) => principal.user_anew_in(zone, entry),
        (_, Some(user)) => user.to_owned(),
    };
    Some((principal, user))
}

#[cfg(test)]
mod tests {
    use rollcall_model::{CheckinId, Name, NodeId, Role, Serial, Sha256, UnixMillis};
    use rollcall_store::{Change, IssuedBy, TrustChange};

    use super::*;

    const LONG_AGO: UnixMillis = UnixMillis(1_000);
    const FOR_EVER: UnixMillis = UnixMillis(4_102_444_800_000);

    fn node(number: u128) -> Principal {
        Principal::Node(format!("{:032x}", number + 1).parse::<NodeId>().unwrap())
    }

    fn issued(principal: &Principal, serial: &str, expires: UnixMillis) -> Change {
        let serial: Serial = Sha256::of(serial.as_bytes()).to_string()[..32].parse().unwrap();
        TrustChange::CertificateIssued {
            user: format!("{principal}@zone"),
            principal: principal.clone(),
            name: Name::nearest(&principal.id(), "node"),
            place: None,
            key: Sha256::of(serial.as_str().as_bytes()),
            issued_by: IssuedBy::Approval("ada".into()),
            serial,
            at: LONG_AGO,
            expires,
        }
        .into()
    }

    #[tokio::test]
    async fn everybody_who_is_entitled_is_told_however_many_they_are_and_nobody_else() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let zone = "00000000-0000-8000-8000-00000000000a".parse::<ZoneId>().unwrap();
        let mut changes = vec![];
        // Every third has two certificates, so that those of one stand on both sides of a page's end.
        for number in 0..1_700 {
            let principal = node(number);
            changes.push(issued(&principal, &format!("first of {number}"), FOR_EVER));
            if number.is_multiple_of(3) {
                changes.push(issued(&principal, &format!("second of {number}"), FOR_EVER));
            }
        }
        let checkin = Principal::Checkin("00000000-0000-8000-8000-00000000000b".parse::<CheckinId>().unwrap());
        let (over, revoked) = (node(5_000), node(5_001));
        changes.push(issued(&checkin, "of a check-in service", FOR_EVER));
        changes.push(issued(&over, "over", UnixMillis(2_000)));
        changes.push(issued(&revoked, "revoked", FOR_EVER));
        let [ada, eve] = ["ada", "eve"].map(|name| Name::nearest(name, "user"));
        changes.push(
            TrustChange::PrincipalRevoked {
                principal: revoked.clone(),
                name: Name::nearest("stolen", "node"),
                by: "ada".into(),
                reason: "stolen".into(),
                at: LONG_AGO,
            }
            .into(),
        );
        let user = |name: &Name, entry: &str, at: u64| TrustChange::UserSet {
            name: name.clone(),
            role: Role::Administrator,
            token: None,
            entry: entry.into(),
            by: "ada".into(),
            at: UnixMillis(at),
        };
        let removed = TrustChange::UserRemoved { name: eve.clone(), by: "ada".into(), at: UnixMillis(1_002) };
        let users =
            [user(&ada, "00000001", 1_001), user(&eve, "00000002", 1_001), removed, user(&eve, "0a1b2c3d", 1_003)];
        changes.extend(users.into_iter().map(Change::from));
        store.commit(&changes).await.unwrap();

        let mut told = Page::new();
        let (mut entitled, mut pages) = (Entitled::of(zone, &store), 0);
        while let Some(page) = entitled.page().await.unwrap() {
            for one in page {
                assert!(is_entitled(zone, &store, &one.1).await.unwrap(), "{one:?}");
                assert!(told.insert(one.clone()), "{one:?} was told twice");
            }
            pages += 1;
        }
        let (own, ada, eve) = (Principal::Zone(zone), Principal::User(ada), Principal::User(eve));
        let mut all: Page =
            (0..1_700).map(node).chain([checkin]).map(|it| (it.clone(), format!("{it}@zone"))).collect();
        all.extend([&own, &ada].map(|it| (it.clone(), it.user_in(zone))));
        // Whoever has the name of somebody who was removed is somebody else.
        all.insert((eve.clone(), eve.user_anew_in(zone, "0a1b2c3d")));
        let differences: Vec<_> = told.symmetric_difference(&all).collect();
        assert!(differences.is_empty(), "{differences:?}");
        for stranger in [
            format!("{over}@zone"),
            format!("{revoked}@zone"),
            ada.user_anew_in(zone, "00000001"),
            eve.user_in(zone),
            node(7_000).user_in(zone),
            format!("somebody@{}", zone.short()),
        ] {
            assert!(!is_entitled(zone, &store, &stranger).await.unwrap(), "{stranger}");
        }
        assert!(pages > 3, "{pages} pages: nothing was looked at page by page");
    }
}
