//! Waiting for a zone: what every daemon but the zone controller does first.

use std::time::Duration;

use rollcall_model::Name;
use rollcall_model::wire::txt::{Announcement, Hello};
use tokio::time::{Instant, sleep_until};

use crate::{Sighting, Watch};

/// A zone that is there is heard within a second or two; after this its absence is worth a line in the log.
const FIRST: Duration = Duration::from_secs(5);
/// Then the line is repeated this often.
const AGAIN: Duration = Duration::from_secs(60);

/// When the next complaint about a zone that is not heard is due.
#[derive(Debug)]
pub struct Patience(Instant);

impl Default for Patience {
    fn default() -> Self {
        Self(Instant::now() + FIRST)
    }
}

impl Patience {
    /// Waits until a complaint is due. May be cancelled: the next call waits for the same moment.
    pub async fn ends(&mut self) {
        sleep_until(self.0).await;
        self.0 = Instant::now() + AGAIN;
    }

    /// The complaint.
    pub fn complain(zone: &Name) {
        tracing::warn!(
            "zone {zone} has not been heard over mDNS: is its controller running, and on this network \
             (discovery.interfaces, discovery.port)? Where there is no multicast, set discovery.mdns = false and broker.url"
        );
    }
}

impl Watch {
    /// The hello of the zone of this name; complains in the log while it is not heard. `None` when discovery has ended.
    pub async fn hello_of(&mut self, zone: &Name) -> Option<Hello> {
        let mut patience = Patience::default();
        loop {
            tokio::select! {
                sighting = self.next() => match sighting? {
                    Sighting::Seen { announcement: Announcement::Hello(hello), .. } if hello.name == *zone => {
                        return Some(hello);
                    }
                    _ => {}
                },
                () = patience.ends() => Patience::complain(zone),
            }
        }
    }
}
