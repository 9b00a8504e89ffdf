//! Which zone controller acts: the adapter of `zone-controller/src/leadership`. Both replicas stand on one database; each has
//! its own view of it, fenced by its own tenure.

use rollcall_model::wire::v1::Envelope;
use rollcall_model::{InstanceId, Millis, Name, route};
use rollcall_store::{Lease, Renewal, Replica, Sight, Store};
use rollcall_zone_controller::core::Succession;
use rollcall_zone_controller::leadership::core::{Holder, LOOK, Standby, Standing, Verdict};

use crate::sim::invariants::{no_older_generation_is_obeyed, one_zone_controller_acts};
use crate::sim::life::Death;
use crate::sim::planted::Bug;
use crate::sim::process::{Core, Pid, Role};
use crate::sim::world::{Happening, World};

/// How long a renewal may take, milliseconds, as the store has it.
const PATIENCE: u64 = 1_500;
/// A zone controller whose lease has lapsed looks again after this, milliseconds.
const AGAIN: u64 = 100;

/// What a zone controller knows of its lease.
#[derive(Debug)]
pub(in crate::sim) struct Office {
    name: Name,
    instance: InstanceId,
    /// Its view of the database, with its tenure once it has one.
    pub store: Store,
    pub holder: Option<Holder>,
}

impl Office {
    pub fn new(number: usize, database: &Store) -> Self {
        let Some(store) = database.beside() else { unreachable!("the database is in memory") };
        let name = Name::nearest(&format!("zc-{number}"), "zc");
        Self { name, instance: InstanceId::derived_from("not started"), store, holder: None }
    }

    fn replica(&self) -> Replica {
        Replica { instance: self.instance, name: self.name.clone(), address: format!("https://{}:7443", self.name) }
    }

    pub fn succession(&self) -> Option<Succession> {
        self.store.tenure().map(|tenure| Succession { tenure, name: self.name.clone() })
    }
}

impl World {
    fn office(&mut self, pid: Pid) -> &mut Office {
        let Role::Zone(number) = self.processes[pid].role else { unreachable!("only zone controllers have one") };
        &mut self.offices[number]
    }

    /// A zone controller is started: it stands by until it may take the lease.
    pub(in crate::sim) fn stands_by(&mut self, pid: Pid) {
        let (now, instance) = (self.now(), self.chance.instance());
        let Role::Zone(number) = self.processes[pid].role else { return };
        self.offices[number] = Office { instance, ..Office::new(number, &self.store) };
        let standby = Standby::new(self.offices[number].name.clone());
        let process = &mut self.processes[pid];
        (process.started, process.paused_until) = (now, 0);
        process.core = Some(Core::Standby(Box::new(standby)));
        let life = process.life;
        self.note_of(pid, format_args!("stands by, run {}", instance.short()));
        self.soon(0, Happening::Lease { pid, life });
    }

    /// A zone controller looks at the lease, or renews it.
    pub(in crate::sim) fn lease(&mut self, pid: Pid) {
        let life = self.processes[pid].life;
        if self.office(pid).holder.is_none() {
            self.looks_at_lease(pid);
            if self.office(pid).holder.is_some() {
                return;
            }
            let after = LOOK.0 + self.chance.between(0, 100);
            return self.soon(after, Happening::Lease { pid, life });
        }
        let began = self.now();
        let takes = if self.is_faulty() && self.chance.happens(self.rates.late) {
            self.tally.count("slow renewals");
            self.chance.between(100, 3_000)
        } else {
            1
        };
        self.soon(takes, Happening::Renewed { pid, life, began });
    }

    fn looks_at_lease(&mut self, pid: Pid) {
        let tick = self.now_of(pid).tick;
        let is_away = self.now() < self.database_away_until;
        let sight = (!is_away).then(|| self.sight());
        let Some(Core::Standby(standby)) = &mut self.processes[pid].core else { return };
        let Some(sight) = sight else { return standby.was_blind() };
        let early = self.planted == Some(Bug::TakesALeaseThatIsHeld);
        if standby.saw(tick, &sight) != Verdict::Wait || early {
            self.takes_lease(pid, sight.lease.as_ref());
        }
    }

    /// What whoever stands by sees.
    fn sight(&mut self) -> Sight {
        let is_locked = self.processes.iter().any(|process| matches!(process.core, Some(Core::Zone(_))));
        let lease = self.runtime.block_on(self.store.lease()).unwrap_or_default();
        Sight { zone: Some(self.scene.zone()), lease, is_locked }
    }

    fn takes_lease(&mut self, pid: Pid, seen: Option<&Lease>) {
        let tick = self.now_of(pid).tick;
        let Role::Zone(number) = self.processes[pid].role else { return };
        let office = &self.offices[number];
        let Ok(Some(tenure)) = self.runtime.block_on(office.store.take(&office.replica(), seen)) else { return };
        self.note_of(pid, format_args!("takes the lease: generation {}", tenure.generation));
        let is_takeover = office_succeeds(&tenure.from, &self.offices[number].name);
        self.tally.count(if is_takeover { "takeovers" } else { "leases taken" });
        self.watch.newest_generation = tenure.generation;
        self.offices[number].holder = Some(Holder::new(tick));
        // Its forerunner's connections to the broker are closed: the inbox is free, and what was not acknowledged comes again.
        for other in (0..self.processes.len()).filter(|other| *other != pid) {
            if matches!(self.processes[other].role, Role::Zone(_)) {
                self.lose_session(other);
            }
        }
        let life = self.processes[pid].life;
        self.soon(0, Happening::Connect { pid, life });
        self.soon(1, Happening::Lease { pid, life });
    }

    /// A renewal has come to its end.
    pub(in crate::sim) fn renewed(&mut self, pid: Pid, began: u64) {
        let (now, life) = (self.now(), self.processes[pid].life);
        let (tick, began_tick) = (self.now_of(pid).tick, self.processes[pid].now(began).tick);
        let is_away = now < self.database_away_until;
        let renewal = (!is_away).then(|| {
            let store = self.office(pid).store.clone();
            self.runtime.block_on(store.renew())
        });
        let Some(holder) = &mut self.office(pid).holder else { return };
        match renewal {
            Some(Ok(Renewal::Lost(_))) => {
                holder.lost();
                self.tally.count("former holders that ended");
                return self.crash(pid, Death::Killed);
            }
            Some(Ok(Renewal::Kept)) if now - began <= PATIENCE => holder.kept(began_tick),
            _ => holder.unanswered(tick),
        }
        let next = holder.next_renewal();
        let after = next.since(tick).max(Millis(1)).0;
        self.soon(after, Happening::Lease { pid, life });
    }

    /// Whether this zone controller acts now; whoever does not may look again a little later.
    pub(in crate::sim) fn acts(&mut self, pid: Pid) -> Result<(), u64> {
        let (Role::Zone(number), Some(Core::Zone(_))) = (self.processes[pid].role, &self.processes[pid].core) else {
            return Ok(());
        };
        if self.processes[pid].stalled {
            return Err(self.now() + AGAIN);
        }
        // Its loop waits while nothing can be saved.
        if self.now() < self.database_away_until {
            return Err(self.database_away_until);
        }
        if self.now() < self.toil.until {
            return Err(self.toil.until);
        }
        let acting = |world: &Self, number: usize| {
            let tick = world.now_of(world.scene.pid(Role::Zone(number))).tick;
            let holder = world.offices[number].holder.as_ref();
            holder.is_some_and(|holder| holder.standing(tick) == Standing::Acting)
        };
        if !acting(self, number) && !self.has(Bug::ActsWithoutALease) {
            self.tally.count("waits of a zone controller whose lease has lapsed");
            return Err(self.now() + AGAIN);
        }
        let others = (0..self.offices.len()).filter(|other| {
            let process = &self.processes[self.scene.pid(Role::Zone(*other))];
            *other != number && process.is_running() && acting(self, *other)
        });
        let others = others.count();
        self.watch.violations.extend(one_zone_controller_acts::check(&self.processes[pid].name, others));
        Ok(())
    }

    /// The generation in which a zone controller says this.
    pub(in crate::sim) fn told_generation(&self, envelope: &mut Envelope) -> Option<u64> {
        let told = envelope.generation.filter(|_| route::zone_of_inbox(&envelope.from).is_some());
        if self.has(Bug::ReadsNoGeneration) {
            envelope.generation = None;
        }
        told
    }

    /// How often a rack's controller refused what an older generation said.
    pub(in crate::sim) fn refusals_of_group(&self, pid: Pid) -> u64 {
        match &self.processes[pid].core {
            Some(Core::Group(group)) => group.refused("old_zone"),
            _ => 0,
        }
    }

    /// A receiver took a packet of this generation, and obeys it or not.
    pub(in crate::sim) fn heard_generation(&mut self, pid: Pid, told: Option<u64>, is_obeyed: bool) {
        let (Some(told), process) = (told, &self.processes[pid]) else { return };
        let known = self.watch.generations.entry((pid, process.life)).or_default();
        if told < *known {
            self.tally.count("packets of an older generation");
        }
        let why = no_older_generation_is_obeyed::check(&process.name, told, *known, is_obeyed);
        *known = told.max(*known);
        self.watch.violations.extend(why);
    }

    /// The zone controller that acts, or might.
    pub(in crate::sim) fn zone_pid(&self) -> Pid {
        let is_active = |pid: &Pid| matches!(self.processes[*pid].core, Some(Core::Zone(_)));
        (0..self.processes.len()).find(is_active).unwrap_or_default()
    }

    /// The database is away for a while.
    pub(in crate::sim) fn database_leaves(&mut self, span: u64) {
        self.note("database", format_args!("is away for {span} ms"));
        self.tally.count("absent databases");
        self.database_away_until = self.now() + span;
    }
}

fn office_succeeds(from: &Option<Lease>, name: &Name) -> bool {
    from.as_ref().is_some_and(|lease| lease.name != *name)
}
