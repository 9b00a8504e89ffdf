//! Does to a bench what a schedule says, when it says so, and writes down what was done and when, and what everybody held meanwhile.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::bench::Bench;
use super::ear::wall;
use super::fabric::Cable;
use super::holdings::Holdings;
use super::schedule::{Alarm, Fault, Planned, Schedule, Target};
use super::truth::Done;

/// Pause between two looks whether somebody ended.
const LOOK: Duration = Duration::from_secs(1);

/// Carries out all of it. Something that takes long, as a broker that starts, makes what follows late.
///
/// # Panics
/// When something of the bench cannot be started again.
pub async fn carry_out(bench: &mut Bench, schedule: &Schedule, holdings: &mut Holdings) -> Vec<Done> {
    let (began, mut done): (_, Vec<Done>) = (Instant::now(), Vec::new());
    let mut killed = Vec::new();
    for (at, begins, planned) in schedule.steps() {
        wait(bench, &killed, began + at, holdings).await;
        let Planned { on, fault, .. } = planned;
        if begins {
            done.push(Done { from: wall(), to: i64::MAX, on: *on, fault: fault.clone() });
            if *fault == Fault::Kill {
                killed.push(*on);
            }
            begin(bench, *on, fault).await;
        } else {
            end(bench, *on, fault).await;
            killed.retain(|killed| killed != on);
            let open = done.iter_mut().rev().find(|done| done.on == *on);
            open.expect("it was begun").to = wall();
        }
    }
    wait(bench, &killed, began + schedule.span, holdings).await;
    done
}

/// Waits, and does meanwhile what a service manager does: a daemon that ended by itself, as a zone controller that finds no
/// database when it starts, is started again.
pub(super) async fn wait(bench: &mut Bench, killed: &[Target], until: Instant, holdings: &mut Holdings) {
    while Instant::now() < until {
        sleep_until(until.min(Instant::now() + LOOK)).await;
        bench.look_at_holdings(holdings);
        let size = bench.size();
        let racks = (0..size.racks).map(Target::Rack);
        let agents = (0..size.racks * size.agents).map(Target::Agent);
        for target in [Target::Zone, Target::Checkin].into_iter().chain(racks).chain(agents) {
            if let Some(daemon) =
                bench.daemon(target).filter(|daemon| !daemon.is_running() && !killed.contains(&target))
            {
                daemon.start();
            }
        }
    }
}

/// Begins to do something to somebody.
pub async fn begin(bench: &mut Bench, on: Target, fault: &Fault) {
    match (on, fault) {
        (Target::Rack(_) | Target::Agent(_), Fault::Cable(cable)) => lay(bench, on, cable.clone()).await,
        (Target::Broker, Fault::Kill) => bench.broker.kill().await,
        (Target::Broker, Fault::Pause) => bench.broker.pause(),
        (Target::Broker, Fault::Alarm(Alarm::Disk)) => bench.broker.ctl(&["set_disk_free_limit", "1000GB"]),
        (Target::Broker, Fault::Alarm(Alarm::Memory)) => {
            bench.broker.ctl(&["set_vm_memory_high_watermark", "absolute", "1MB"]);
        }
        (Target::Database, Fault::Kill) => tokio::task::block_in_place(|| bench.database.stop_at_once()),
        (_, Fault::Kill) => {
            if let Some(daemon) = bench.daemon(on) {
                daemon.kill().await;
            }
        }
        (_, Fault::Pause) => {
            if let Some(daemon) = bench.daemon(on) {
                daemon.pause();
            }
        }
        (_, Fault::Clock(hours)) => move_clock(bench, on, *hours),
        (_, Fault::Disk) => {
            if let Some(member) = bench.member(on) {
                member.disk.fill();
            }
        }
        // Nobody draws these.
        (_, Fault::Cable(_) | Fault::Alarm(_)) => {}
    }
}

/// Heals somebody of it.
///
/// # Panics
/// When it cannot be started again.
pub async fn end(bench: &mut Bench, on: Target, fault: &Fault) {
    match (on, fault) {
        (_, Fault::Clock(_)) => move_clock(bench, on, 0),
        (_, Fault::Disk) => {
            if let Some(member) = bench.member(on) {
                member.disk.empty();
            }
        }
        (_, Fault::Cable(_)) => lay(bench, on, Cable::default()).await,
        (Target::Broker, Fault::Kill) => bench.broker.restart().await,
        (Target::Broker, Fault::Pause) => bench.broker.resume(),
        (_, Fault::Alarm(Alarm::Disk)) => bench.broker.ctl(&["set_disk_free_limit", "50MB"]),
        (_, Fault::Alarm(Alarm::Memory)) => bench.broker.ctl(&["set_vm_memory_high_watermark", "absolute", "2GB"]),
        (Target::Database, _) => tokio::task::block_in_place(|| bench.database.start_again()),
        (_, Fault::Kill) => {
            if let Some(daemon) = bench.daemon(on) {
                tokio::task::block_in_place(|| daemon.start());
            }
        }
        (_, Fault::Pause) => {
            if let Some(daemon) = bench.daemon(on) {
                daemon.resume();
            }
        }
    }
}

async fn lay(bench: &Bench, on: Target, cable: Cable) {
    if let Some(member) = bench.member(on) {
        bench.impair(&member.host, cable).await;
    }
}

/// Sets a wall clock so many hours forth.
fn move_clock(bench: &Bench, on: Target, hours: i64) {
    if let Some(member) = bench.member(on) {
        member.clock.moved(hours);
    }
}
