//! What a watcher is told, and how a stranger's TXT record becomes it.

use std::net::IpAddr;

use rollcall_model::wire::txt::{Announcement, Hello, SERVICE, TxtError};

use crate::Distrust;

/// What kind of announcement is watched; the DNS-SD subtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// Hello packets of zones.
    Zone,
    /// ACK packets of group controllers.
    Group,
    /// Check-in services.
    Checkin,
}

impl Tag {
    /// Every tag.
    pub const ALL: [Tag; 3] = [Self::Zone, Self::Group, Self::Checkin];

    /// The word in the TXT record and, with an underscore, the subtype.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Group => "group",
            Self::Checkin => "checkin",
        }
    }

    /// The tag an announcement goes under.
    #[must_use]
    pub const fn of(announcement: &Announcement) -> Self {
        match announcement {
            Announcement::Hello(_) => Self::Zone,
            Announcement::Ack(_) => Self::Group,
            Announcement::Checkin(_) => Self::Checkin,
        }
    }

    /// The service type to browse: `_zone._sub._rollcall._tcp.local.`
    #[must_use]
    pub fn service_type(self) -> String {
        format!("_{}._sub.{SERVICE}", self.as_str())
    }
}

/// Something heard.
#[derive(Clone, Debug, PartialEq)]
pub enum Sighting {
    /// An announcement, new or changed.
    Seen {
        /// What it says: a claim, nobody vouches for it.
        announcement: Announcement,
        /// The DNS-SD instance it came under.
        instance: String,
        /// Addresses in its address records, sorted.
        from: Vec<IpAddr>,
    },
    /// Something under the watched subtype that is no announcement of it.
    Refused {
        /// The DNS-SD instance it came under.
        instance: String,
        /// What is wrong; count by [`TxtError::reason`].
        error: TxtError,
        /// Addresses in its address records, sorted.
        from: Vec<IpAddr>,
    },
    /// A hello that this listener does not believe: nothing in it may be used.
    Distrusted {
        /// What it says.
        hello: Hello,
        /// The DNS-SD instance it came under.
        instance: String,
        /// Why it is not believed.
        distrust: Distrust,
    },
    /// An instance said good-bye or was not renewed in time.
    Gone {
        /// The DNS-SD instance.
        instance: String,
    },
}

impl Sighting {
    /// The DNS-SD instance it is about.
    #[must_use]
    pub fn instance(&self) -> &str {
        match self {
            Self::Seen { instance, .. }
            | Self::Refused { instance, .. }
            | Self::Distrusted { instance, .. }
            | Self::Gone { instance } => instance,
        }
    }

    /// Reads a TXT record that came under the subtype of `tag`.
    pub(crate) fn read(tag: Tag, instance: String, txt: &[(String, Vec<u8>)], mut from: Vec<IpAddr>) -> Self {
        from.sort_unstable();
        from.dedup();
        match announcement(tag, txt) {
            Ok(announcement) => Self::Seen { announcement, instance, from },
            Err(error) => Self::Refused { instance, error, from },
        }
    }
}

fn announcement(tag: Tag, txt: &[(String, Vec<u8>)]) -> Result<Announcement, TxtError> {
    // Keys are compared without regard to case (RFC 6763 §6.4).
    let keys: Vec<String> = txt.iter().map(|(key, _)| key.to_ascii_lowercase()).collect();
    let values = txt.iter().map(|(_, value)| text(value)).collect::<Result<Vec<_>, _>>()?;
    let announcement = Announcement::from_txt(keys.iter().map(String::as_str).zip(values))?;
    let found = announcement.tag();
    if found == tag.as_str() { Ok(announcement) } else { Err(TxtError::UnknownTag(found.to_owned())) }
}

fn text(value: &[u8]) -> Result<&str, TxtError> {
    std::str::from_utf8(value).map_err(|error| TxtError::Bad {
        key: "txt",
        value: String::from_utf8_lossy(value).chars().take(64).collect(),
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rollcall_model::packet::Ack;
    use rollcall_model::{GroupId, InstanceId, Name, ZoneId};

    use super::*;

    fn ack() -> Announcement {
        Announcement::Ack(Ack {
            zone: ZoneId::derived_from("z"),
            generation: 7,
            group: GroupId::derived_from("g"),
            name: Name::new("rack-1").unwrap(),
            place: Name::new("row-a").unwrap(),
            addresses: vec!["10.1.2.3".parse().unwrap()],
            instance: InstanceId::derived_from("run"),
        })
    }

    fn pairs(announcement: &Announcement) -> Vec<(String, Vec<u8>)> {
        announcement.to_txt().into_iter().map(|(key, value)| (key, value.into_bytes())).collect()
    }

    fn error(tag: Tag, txt: &[(String, Vec<u8>)]) -> TxtError {
        match Sighting::read(tag, "x".into(), txt, Vec::new()) {
            Sighting::Refused { error, .. } => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_is_read_whatever_the_case_of_its_keys() {
        let mut txt = pairs(&ack());
        txt.iter_mut().for_each(|(key, _)| *key = key.to_uppercase());
        let from = ["::1", "10.0.0.1", "10.0.0.1"].map(|text| text.parse().unwrap()).to_vec();
        let seen = Sighting::read(Tag::Group, "x".into(), &txt, from);
        let from = ["10.0.0.1", "::1"].map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(seen, Sighting::Seen { announcement: ack(), instance: "x".into(), from });
    }

    #[test]
    fn an_announcement_under_the_wrong_subtype_is_refused_by_its_tag() {
        assert_eq!(error(Tag::Zone, &pairs(&ack())), TxtError::UnknownTag("group".into()));
        let mut printer = pairs(&ack());
        printer[0].1 = b"printer".to_vec();
        assert_eq!(error(Tag::Group, &printer), TxtError::UnknownTag("printer".into()));
    }

    #[test]
    fn a_value_that_is_no_text_is_refused() {
        let mut txt = pairs(&ack());
        txt[3].1 = vec![0xff; 100];
        assert_eq!(error(Tag::Group, &txt).reason(), "malformed");
        assert_eq!(error(Tag::Group, &[]).reason(), "malformed");
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(
            txt in proptest::collection::vec((".{0,12}", proptest::collection::vec(any::<u8>(), 0..200)), 0..12),
            spoilt in 0_usize..9,
            with in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            for tag in Tag::ALL {
                let _ = Sighting::read(tag, "x".into(), &txt, Vec::new());
                let mut near = pairs(&ack());
                near[spoilt].1.clone_from(&with);
                let _ = Sighting::read(tag, "x".into(), &near, Vec::new());
            }
        }
    }
}
