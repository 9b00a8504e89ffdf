//! Words for the zone on disk: the edge between the core's numbers and the file.

use std::io;

use rollcall_bus::{Assurance, Outgoing};
use rollcall_model::route;
use rollcall_model::wire::v1::Envelope;

use crate::core::Group;
use crate::spool::{Kept, Spool};

/// A spool, or none: a rack without one keeps such words in memory only.
#[derive(Debug, Default)]
pub(super) struct Spooling {
    spool: Option<Spool>,
    /// What the core wants kept, until its other effects are carried out.
    waiting: Vec<(u64, Kept)>,
    /// Whether people were told that the disk takes nothing.
    complained: bool,
}

impl Spooling {
    /// Gives the core what a former run left, and keeps what it wants kept from now on.
    pub(super) fn begin(spool: Spool, left: Vec<(u64, Kept)>, core: &mut Group) -> Self {
        if !left.is_empty() {
            tracing::info!(count = left.len(), "words for the zone that a former run could not send go out now");
        }
        let mut spooling = Self { spool: Some(spool), ..Self::default() };
        let (sound, unsound): (Vec<_>, Vec<_>) =
            left.into_iter().map(|(number, kept)| (number, outgoing(kept))).partition(|(_, message)| message.is_some());
        for (number, _) in unsound {
            tracing::warn!(number, "a word for the zone on disk is none that this version knows; it is left out");
            spooling.taken(number);
        }
        core.restore(sound.into_iter().filter_map(|(number, message)| Some((number, message?))));
        spooling
    }

    pub(super) fn keep(&mut self, number: u64, message: Outgoing) {
        // What is sent here is JSON.
        if let (Some(_), Ok(body)) = (&self.spool, String::from_utf8(message.body)) {
            let Outgoing { routing_key, message_id, .. } = message;
            self.waiting.push((number, Kept { routing_key, message_id, body }));
        }
    }

    /// Writes what is to be kept, with one sync.
    pub(super) fn write(&mut self) {
        if let Some(spool) = self.spool.as_mut().filter(|_| !self.waiting.is_empty()) {
            let written = spool.keep(std::mem::take(&mut self.waiting));
            self.judge(written);
        }
    }

    pub(super) fn taken(&mut self, number: u64) {
        self.waiting.retain(|(waiting, _)| *waiting != number);
        if let Some(spool) = &mut self.spool {
            let written = spool.taken(number);
            self.judge(written);
        }
    }

    /// How many words lie on disk, and how many were lost there.
    pub(super) fn standing(&self) -> (u64, u64) {
        self.spool.as_ref().map_or((0, 0), |spool| (spool.len() as u64, spool.lost()))
    }

    /// Whether the disk took the latest of them.
    pub(super) const fn is_written(&self) -> bool {
        !self.complained
    }

    fn judge(&mut self, written: io::Result<()>) {
        match written {
            Ok(()) => self.complained = false,
            Err(error) if !self.complained => {
                self.complained = true;
                tracing::error!(
                    "words for the zone cannot be written to disk ({error}): until that works or the broker is back, a restart of this \
                     process loses them; look for room in its state directory"
                );
            }
            Err(_) => {}
        }
    }
}

fn outgoing(kept: Kept) -> Option<Outgoing> {
    let kind = Envelope::decode(kept.body.as_bytes()).ok()?.packet.kind();
    Some(Outgoing {
        exchange: route::ZONE.into(),
        routing_key: kept.routing_key,
        body: kept.body.into_bytes(),
        kind,
        message_id: kept.message_id,
        assurance: Assurance::Confirmed,
        trace: None,
    })
}
