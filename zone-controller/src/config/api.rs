//! How the API is served.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;

use serde::Deserialize;

use crate::api::listener::Bounds;
use crate::api::{Pace, Paces};

/// A share of streams is not less than that, unless somebody says so: a person has several windows.
const LEAST_SHARE: usize = 8;

/// The REST API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names and addresses the API is reached by, beside this machine's own: they stand in its certificate.
    pub public_names: Vec<String>,
    /// Where others reach the API, `host:port`, where that is not this machine's first address: behind a translation of
    /// addresses, or on several networks under one name. The hello tells it, and the certificate names the host.
    pub announce: Option<String>,
    /// Most connections at once; 16 to 65536.
    pub max_connections: usize,
    /// Most of them from one address (of IPv6 from one /64); at most `max_connections`.
    pub max_connections_per_origin: usize,
    /// Most streams of events at once, each on a connection of its own; at most `max_connections`, half of them unless said.
    pub max_streams: Option<usize>,
    /// Most of them of one caller, a user or another principal; at most `max_streams`, a quarter of them and not less than 8
    /// unless said. Programs on the zone's own machine are not counted while it has no identity.
    pub max_streams_per_caller: Option<usize>,
    /// Requests each second from one address without a credential, in the long run; 1 to 10000. Four times as many are
    /// taken at once.
    pub open_per_second: u32,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7655)),
            public_names: Vec::new(),
            announce: None,
            max_connections: 1_024,
            max_connections_per_origin: 256,
            max_streams: None,
            max_streams_per_caller: None,
            open_per_second: 50,
        }
    }
}

impl ApiConfig {
    /// The names and addresses that its certificate has, beside this machine's own.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let announced = self.announce.as_deref().and_then(|endpoint| endpoint.rsplit_once(':'));
        let host = announced.map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
        self.public_names.iter().cloned().chain(host).collect()
    }

    /// How many connections there may be.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        Bounds { connections: self.max_connections, of_one_origin: self.max_connections_per_origin }
    }

    /// How many streams there may be.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.max_streams.unwrap_or(self.max_connections / 2)
    }

    /// How many of them one caller may have.
    #[must_use]
    pub fn streams_of_one(&self) -> usize {
        let share = (self.streams() / 4).max(LEAST_SHARE).min(self.streams());
        self.max_streams_per_caller.unwrap_or(share)
    }

    /// How often strangers may ask.
    #[must_use]
    pub const fn paces(&self) -> Paces {
        let burst = self.open_per_second.saturating_mul(4);
        Paces { open: Pace { per_second: self.open_per_second, burst } }
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        let within = |name: &str, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(format!("api.{name} is {value}; {low} to {high} can work"))
        };
        within("max_connections", self.max_connections, 16, 65_536)?;
        within("max_connections_per_origin", self.max_connections_per_origin, 1, self.max_connections)?;
        within("max_streams", self.streams(), 1, self.max_connections)?;
        within("max_streams_per_caller", self.streams_of_one(), 1, self.streams())?;
        within("open_per_second", self.open_per_second as usize, 1, 10_000)?;
        let is_name = |name: &&String| {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            name.parse::<IpAddr>().is_ok() || (!name.is_empty() && name.len() <= 253 && name.chars().all(fits))
        };
        if let Some(announce) = &self.announce
            && announce.rsplit_once(':').and_then(|(_, port)| port.parse::<NonZeroU16>().ok()).is_none()
        {
            return Err(format!("api.announce is {announce:?}; it has to look like host:port"));
        }
        match self.names().iter().find(|name| !is_name(name)) {
            Some(bad) => {
                Err(format!("api.public_names or api.announce has {bad:?}, which is no host name and no address"))
            }
            None => Ok(()),
        }
    }
}
