//! DNS-SD TXT records: hello (tag `zone`), ACK (tag `group`) and check-in (tag `checkin`) announcements.
//!
//! A TXT record is a list of `key=value`; this module turns announcements into such lists and back, and
//! checks what strangers put in them. At most [`MAX_BYTES`] bytes in all.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use super::bytes::Bytes;
use crate::packet::Ack;
use crate::{CheckinId, Name, ZoneId};

/// The DNS-SD service type of everything Rollcall announces.
pub const SERVICE: &str = "_rollcall._tcp.local.";
/// Most bytes of a TXT record.
pub const MAX_BYTES: usize = 512;
/// Format version, TXT key `v`.
pub const VERSION: u32 = 1;

/// Where a broker is, as announced: never with credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct BrokerEndpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Virtual host; one per zone.
    pub vhost: String,
}

/// The hello packet (Z2): the zone calls. Over DNS-SD, and over the broker to those who asked or are known.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Hello {
    /// The zone.
    pub zone: ZoneId,
    /// Its name.
    pub name: Name,
    /// Grows with every start of the zone controller.
    pub generation: u64,
    /// Where the zone's broker is.
    pub broker: BrokerEndpoint,
    /// Where its API is, `host:port`.
    pub api: String,
    /// Addresses of the zone controller; in a TXT record only as many as fit.
    pub addresses: Vec<IpAddr>,
    /// Until when it is to be believed, seconds since 1970; TXT key `exp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// First 16 bytes of the SHA-256 of the site's root certificate; TXT key `ca`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Bytes<16>>,
    /// What makes the signing key this zone's: version, public key, expiry and the root's signature; TXT key `cert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Bytes<105>>,
    /// Ed25519 over [`Hello::signed_text`]; TXT key `sig`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Bytes<64>>,
}

/// A check-in service says what it is responsible for (C1).
#[derive(Clone, Debug, PartialEq)]
pub struct CheckinAnnouncement {
    /// The service.
    pub checkin: CheckinId,
    /// Its zone.
    pub zone: ZoneId,
    /// Name of the zone: the namespace it serves.
    pub namespace: Name,
    /// Address ranges it is responsible for.
    pub ranges: Vec<ipnet::IpNet>,
    /// Where it listens: the broker that carries its queue.
    pub broker: BrokerEndpoint,
    /// Addresses of the service.
    pub addresses: Vec<IpAddr>,
}

/// Anything announced over DNS-SD.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is documented at its type")]
pub enum Announcement {
    Hello(Hello),
    Ack(Ack),
    Checkin(CheckinAnnouncement),
}

/// Why a TXT record is not an announcement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TxtError {
    /// More bytes than allowed.
    #[error("TXT record has {0} bytes, at most {MAX_BYTES} are taken")]
    Oversized(usize),
    /// A key is missing.
    #[error("TXT record has no {0:?}")]
    Missing(&'static str),
    /// A value does not parse.
    #[error("TXT value {key}={value:?} is wrong: {why}")]
    Bad {
        /// The key.
        key: &'static str,
        /// Its value, cut to 64 characters.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// A tag that is none of zone, group, checkin.
    #[error("TXT record has the unknown tag {0:?}")]
    UnknownTag(String),
    /// From a later program.
    #[error("TXT record has version {0}; this program reads version {VERSION}: upgrade it")]
    FutureVersion(u32),
}

impl TxtError {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Oversized(_) => "oversized",
            Self::Missing(_) | Self::Bad { .. } => "malformed",
            Self::UnknownTag(_) => "wrong_tag",
            Self::FutureVersion(_) => "future_version",
        }
    }
}

/// Bytes of a pair in a TXT record: its key, `=`, its value, and the length before them.
fn size<'a>(pairs: impl IntoIterator<Item = &'a (&'static str, String)>) -> usize {
    pairs.into_iter().map(|(key, value)| 2 + key.len() + value.len()).sum()
}

impl Hello {
    /// What is signed: the pairs of the TXT record but `sig`, in their order, each as `key=value`, with a line feed
    /// between two of them. The addresses are those of the signed record.
    #[must_use]
    pub fn signed_text(&self) -> String {
        // The signature's own room is taken even before there is one.
        let signed = Self { signature: self.signature.or(Some(Bytes([0; 64]))), ..self.clone() };
        let head = [("tag", "zone".to_owned()), ("v", VERSION.to_string())];
        let pairs = head.into_iter().chain(signed.pairs()).filter(|(key, _)| *key != "sig");
        pairs.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")
    }

    /// The pairs after `tag` and `v`. Addresses are for people: the last ones are left out where the record would be too
    /// long, all but the first.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("zone", self.zone.to_string()),
            ("name", self.name.to_string()),
            ("gen", self.generation.to_string()),
            ("broker", format!("{}:{}", self.broker.host, self.broker.port)),
            ("vhost", self.broker.vhost.clone()),
            ("api", self.api.clone()),
            ("ip", list(&self.addresses)),
        ];
        pairs.extend(self.expires.map(|at| ("exp", at.to_string())));
        pairs.extend(self.ca.map(|ca| ("ca", ca.to_string())));
        pairs.extend(self.credential.map(|credential| ("cert", credential.to_string())));
        pairs.extend(self.signature.map(|signature| ("sig", signature.to_string())));
        let head = size(&[("tag", "zone".into()), ("v", VERSION.to_string())]);
        let mut kept = self.addresses.len();
        while kept > 1 && head + size(&pairs) > MAX_BYTES {
            kept -= 1;
            pairs[6].1 = list(&self.addresses[..kept]);
        }
        pairs
    }

    fn from_fields(fields: &Fields<'_>) -> Result<Self, TxtError> {
        Ok(Self {
            zone: fields.parse("zone")?,
            name: fields.parse("name")?,
            generation: fields.parse("gen")?,
            broker: fields.broker()?,
            api: fields.text("api")?.to_owned(),
            addresses: fields.list("ip")?,
            expires: fields.optional("exp")?,
            ca: fields.optional("ca")?,
            credential: fields.optional("cert")?,
            signature: fields.optional("sig")?,
        })
    }
}

fn list<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl Announcement {
    /// The subtype it is announced under.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        match self {
            Self::Hello(_) => "zone",
            Self::Ack(_) => "group",
            Self::Checkin(_) => "checkin",
        }
    }

    /// The DNS-SD instance name: tag and id, so that two never collide.
    #[must_use]
    pub fn instance(&self) -> String {
        match self {
            Self::Hello(hello) => format!("zone-{}", hello.zone),
            // One group may answer several zones at once: both ids are needed.
            Self::Ack(ack) => format!("g-{}-{}", ack.group.0.simple(), ack.zone.short()),
            Self::Checkin(checkin) => format!("checkin-{}", checkin.checkin),
        }
    }

    /// The port of the SRV record.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Hello(hello) => hello.broker.port,
            // A group controller listens nowhere but on the broker; DNS-SD wants a port all the same.
            Self::Ack(_) => 9,
            Self::Checkin(checkin) => checkin.broker.port,
        }
    }

    /// The addresses of the host that announces it.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        match self {
            Self::Hello(hello) => &hello.addresses,
            Self::Ack(ack) => &ack.addresses,
            Self::Checkin(checkin) => &checkin.addresses,
        }
    }

    /// The TXT record.
    #[must_use]
    pub fn to_txt(&self) -> Vec<(String, String)> {
        let mut pairs = vec![("tag", self.tag().to_owned()), ("v", VERSION.to_string())];
        match self {
            Self::Hello(hello) => pairs.extend(hello.pairs()),
            Self::Ack(ack) => pairs.extend([
                ("zone", ack.zone.to_string()),
                ("gen", ack.generation.to_string()),
                ("group", ack.group.to_string()),
                ("name", ack.name.to_string()),
                ("place", ack.place.to_string()),
                ("run", ack.instance.to_string()),
                ("ip", list(&ack.addresses)),
            ]),
            Self::Checkin(checkin) => pairs.extend([
                ("checkin", checkin.checkin.to_string()),
                ("zone", checkin.zone.to_string()),
                ("ns", checkin.namespace.to_string()),
                ("range", list(&checkin.ranges)),
                ("broker", format!("{}:{}", checkin.broker.host, checkin.broker.port)),
                ("vhost", checkin.broker.vhost.clone()),
                ("ip", list(&checkin.addresses)),
            ]),
        }
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Reads a TXT record from a stranger.
    ///
    /// # Errors
    /// See [`TxtError`].
    pub fn from_txt<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, TxtError> {
        let fields = Fields::new(pairs)?;
        let tag = fields.text("tag")?;
        let version: u32 = fields.parse("v")?;
        if version != VERSION {
            return Err(TxtError::FutureVersion(version));
        }
        match tag {
            "zone" => Hello::from_fields(&fields).map(Self::Hello),
            "group" => Ok(Self::Ack(Ack {
                zone: fields.parse("zone")?,
                generation: fields.parse("gen")?,
                group: fields.parse("group")?,
                name: fields.parse("name")?,
                place: fields.parse("place")?,
                addresses: fields.list("ip")?,
                instance: fields.parse("run")?,
            })),
            "checkin" => Ok(Self::Checkin(CheckinAnnouncement {
                checkin: fields.parse("checkin")?,
                zone: fields.parse("zone")?,
                namespace: fields.parse("ns")?,
                ranges: fields.list("range")?,
                broker: fields.broker()?,
                addresses: fields.list("ip")?,
            })),
            other => Err(TxtError::UnknownTag(other.chars().take(64).collect())),
        }
    }
}

struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn new(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, TxtError> {
        let mut bytes = 0;
        let mut fields = BTreeMap::new();
        for (key, value) in pairs {
            bytes += 2 + key.len() + value.len();
            if bytes > MAX_BYTES {
                return Err(TxtError::Oversized(bytes));
            }
            // RFC 6763 §6.4: of a repeated key the first counts.
            fields.entry(key).or_insert(value);
        }
        Ok(Self(fields))
    }

    fn text(&self, key: &'static str) -> Result<&'a str, TxtError> {
        self.0.get(key).copied().ok_or(TxtError::Missing(key))
    }

    fn parse<T: FromStr<Err: Display>>(&self, key: &'static str) -> Result<T, TxtError> {
        parse(key, self.text(key)?)
    }

    fn optional<T: FromStr<Err: Display>>(&self, key: &'static str) -> Result<Option<T>, TxtError> {
        self.0.get(key).map(|text| parse(key, text)).transpose()
    }

    fn list<T: FromStr<Err: Display>>(&self, key: &'static str) -> Result<Vec<T>, TxtError> {
        self.text(key)?.split(',').filter(|item| !item.is_empty()).map(|item| parse(key, item)).collect()
    }

    fn broker(&self) -> Result<BrokerEndpoint, TxtError> {
        let text = self.text("broker")?;
        let (host, port) = text.rsplit_once(':').ok_or_else(|| bad("broker", text, "expected host:port"))?;
        if host.is_empty() {
            return Err(bad("broker", text, "the host is empty"));
        }
        Ok(BrokerEndpoint {
            host: host.to_owned(),
            port: parse("broker", port)?,
            vhost: self.text("vhost")?.to_owned(),
        })
    }
}

fn bad(key: &'static str, value: &str, why: impl Display) -> TxtError {
    TxtError::Bad { key, value: value.chars().take(64).collect(), why: why.to_string() }
}

fn parse<T: FromStr<Err: Display>>(key: &'static str, text: &str) -> Result<T, TxtError> {
    text.parse().map_err(|error| bad(key, text, error))
}
