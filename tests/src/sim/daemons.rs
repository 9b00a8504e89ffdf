//! Each daemon's adapter: it does what the daemon's driver does, in the same order, and may be cut short.

mod checkin;
mod group;
pub(super) mod lease;
mod node;
mod orders;
mod zone;

use super::life::Death;
use super::process::Pid;
use super::world::World;

/// Where a process dies while it carries out effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slip {
    BeforeSave,
    AfterSave,
    AmidPublish,
    BeforeAck,
}

/// What became of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fared {
    Well,
    Died,
    Stalled,
}

impl World {
    fn slip(&mut self, among: &[Slip]) -> Option<Slip> {
        (self.is_faulty() && self.chance.happens(self.rates.slip)).then(|| self.chance.one_of(among))
    }

    fn slipped(&mut self, pid: Pid, slip: Slip) -> Fared {
        self.note_of(pid, format_args!("dies {slip:?}"));
        self.tally.count(match slip {
            Slip::BeforeSave => "deaths before a save",
            Slip::AfterSave => "deaths between save and publish",
            Slip::AmidPublish => "deaths amid publishing",
            Slip::BeforeAck => "deaths between publish and ack",
        });
        self.crash(pid, Death::Killed);
        Fared::Died
    }
}
