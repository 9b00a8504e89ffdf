//! Second by second: looks at everything that is counted, and says how far it is.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use rollcall_simulator::report::Moment;

use super::hearing::{Hearing, messages_of_zone};
use super::node::Fleet;
use super::processes::{Watched, load};
use super::queues::Queues;
use super::sockets::{Sockets, Traffic};
use super::tally::Counts;
use crate::ask::client::Client;
use crate::progress::Progress;

/// From look to look.
pub const LOOK: Duration = Duration::from_secs(1);
/// Without a terminal, how far it is is said this often.
const SAID: Duration = Duration::from_secs(10);
/// Figures over so many looks are shown while it goes on.
const RECENT: usize = 5;

/// What was seen so far.
pub struct Course {
    /// Second by second.
    pub moments: Vec<Moment>,
    /// Messages waiting in each queue, second by second.
    pub depths: Vec<Vec<Option<u32>>>,
    /// What went over the nodes' sockets, second by second, and how many there were.
    pub traffic: Vec<Option<(Traffic, usize)>>,
    /// What was counted at each moment.
    pub counts: Vec<Counts>,
    /// What each process is called, in the order of the moments' figures.
    pub processes: Vec<Watched>,
    /// The queues, where they can be asked.
    pub queues: Option<Queues>,
    client: Client,
    sockets: Option<Sockets>,
    hearing: Hearing,
    began: Instant,
    zone_messages: Option<u64>,
    progress: Progress,
    is_terminal: bool,
    said: Instant,
    loads: Vec<f64>,
}

/// What is looked at.
pub struct Sights {
    /// Processes.
    pub processes: Vec<Watched>,
    /// Queues.
    pub queues: Option<Queues>,
    /// Sockets.
    pub sockets: Option<Sockets>,
    /// The zone.
    pub client: Client,
    /// What it says.
    pub hearing: Hearing,
}

impl Course {
    /// Begins, with a first look that nothing is counted from.
    pub async fn begin(sights: Sights) -> Self {
        let Sights { mut processes, queues, sockets, client, hearing } = sights;
        for process in &mut processes {
            let _ = process.look();
        }
        let zone_messages = messages_of_zone(&client).await;
        let is_terminal = std::io::stderr().is_terminal();
        Self {
            moments: Vec::new(),
            depths: Vec::new(),
            traffic: Vec::new(),
            counts: Vec::new(),
            processes,
            queues,
            client,
            sockets,
            hearing,
            began: Instant::now(),
            zone_messages,
            progress: Progress::new(is_terminal),
            is_terminal,
            said: Instant::now(),
            loads: Vec::new(),
        }
    }

    /// The load average in the middle of what was seen.
    #[must_use]
    pub fn load_in_the_middle(&self) -> f64 {
        self.loads.get(self.loads.len() / 2).copied().unwrap_or_default()
    }

    /// How long it goes on.
    #[must_use]
    pub fn took(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Looks, and says how far it is.
    pub async fn look(&mut self, fleet: &Fleet, seconds: f64) {
        let counts = fleet.tally.counts();
        let before = self.counts.last().copied().unwrap_or_default();
        let past = self.moments.last().map_or(0.0, |moment| moment.at_s);
        let at_s = self.took();
        // What is asked for takes a moment on a busy machine; rates are by the time that passed.
        let passed = (at_s - past).max(0.001);
        let (cpu, memory) = self.processes.iter_mut().map(Watched::look).unzip();
        let heard = messages_of_zone(&self.client).await;
        let zone_messages = match (heard, self.zone_messages) {
            (Some(now), Some(before)) => now.saturating_sub(before) as f64 / passed,
            _ => 0.0,
        };
        self.zone_messages = heard.or(self.zone_messages);
        let depths = match &mut self.queues {
            Some(queues) => queues.depths().await,
            None => Vec::new(),
        };
        let waiting = self.queues.is_some().then(|| depths.iter().flatten().map(|depth| f64::from(*depth)).sum());
        self.traffic.push(match &mut self.sockets {
            Some(sockets) => sockets.total().await,
            None => None,
        });
        self.loads.push(load());
        self.depths.push(depths);
        self.counts.push(counts);
        self.moments.push(Moment {
            at_s,
            alive: counts.alive,
            standing: counts.standing,
            joins: counts.stood.saturating_sub(before.stood) as f64 / passed,
            statuses: counts.statuses.saturating_sub(before.statuses) as f64 / passed,
            zone_messages,
            waiting,
            cpu,
            memory,
            missed: self.hearing.missed(),
        });
        self.say(fleet.scenario.nodes, seconds);
    }

    fn say(&mut self, nodes: u32, seconds: f64) {
        let Some(now) = self.moments.last() else { return };
        let recent = &self.moments[self.moments.len().saturating_sub(RECENT)..];
        let mean = |of: fn(&Moment) -> f64| recent.iter().map(of).sum::<f64>() / recent.len() as f64;
        let used: Vec<String> = self
            .processes
            .iter()
            .zip(now.cpu.iter().zip(&now.memory))
            .map(|(process, (cpu, memory))| format!("{} {cpu:.0} % {memory:.0} MiB", process.name))
            .collect();
        let text = format!(
            "{:.0} of {seconds:.0} s: {} of {nodes} nodes stand, {} missed; {:.1} joins/s, {:.0} status packets/s, {:.0} messages/min to the zone; {}",
            now.at_s,
            now.standing,
            now.missed,
            mean(|moment| moment.joins),
            mean(|moment| moment.statuses),
            mean(|moment| moment.zone_messages) * 60.0,
            used.join(", ")
        );
        if self.is_terminal {
            self.progress.say(&text);
        } else if self.said.elapsed() >= SAID || self.moments.len() == 1 {
            self.said = Instant::now();
            super::say(&text);
        }
    }

    /// Takes the line away that said how far it is.
    pub fn hush(&self) {
        self.progress.clear();
    }
}
