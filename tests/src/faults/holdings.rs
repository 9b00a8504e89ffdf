//! What each daemon holds while a run lasts: memory, threads, open files. Who has lived long must not hold more and more. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::checker::Kind;
use crate::stage::Holds;

/// Who has lived for so long, milliseconds, can be said to leak.
pub const LONG_LIFE: i64 = 600_000;
/// What a process holds at first says nothing: it learns, and its client libraries begin runtimes of their own. Milliseconds.
const WARM_UP: i64 = 120_000;
/// Over so long a time, milliseconds, the median of what it holds is taken, once after the warm-up and once at the end.
const WINDOW: i64 = 180_000;
/// Threads and files that come and go.
const MORE_THREADS: usize = 2;
const MORE_FILES: usize = 4;
/// More memory, KiB, than a quarter more.
const MORE_KIB: usize = 2 << 10;

/// What a process held at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Its process id: who was started again is another.
    pub pid: i32,
    /// What.
    pub holds: Holds,
}

/// What every daemon held, by its name, the earliest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings(BTreeMap<String, Vec<Held>>);

/// What one daemon held after its warm-up, and what in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// How long its last process has lived, milliseconds.
    pub lived: i64,
    /// At first.
    pub early: Holds,
    /// In the end.
    pub late: Holds,
}

impl Holdings {
    /// One more look at somebody.
    pub fn add(&mut self, name: &str, held: Held) {
        self.0.entry(name.to_owned()).or_default().push(held);
    }

    /// Of everybody whose last process has lived for [`LONG_LIFE`].
    #[must_use]
    pub fn courses(&self) -> BTreeMap<&str, Course> {
        self.0.iter().filter_map(|(name, all)| Some((name.as_str(), course(all)?))).collect()
    }

    /// Tells who holds more and more.
    pub(super) fn check(&self, find: &mut impl FnMut(Kind, String)) {
        for (name, Course { lived, early, late }) in self.courses() {
            let is_flat = late.threads <= early.threads + MORE_THREADS
                && late.files <= early.files + MORE_FILES
                && late.resident_kib <= early.resident_kib + early.resident_kib / 4 + MORE_KIB;
            if !is_flat {
                find(Kind::Leaked, format!("{name} held {early} and holds {late} after {} min", lived / 60_000));
            }
        }
    }

    /// A table for people; empty when nobody has lived for long.
    #[must_use]
    pub fn table(&self) -> String {
        let courses = self.courses();
        let mut text = String::new();
        if !courses.is_empty() {
            text.push_str("held after the warm-up, and in the end, by who was never started again:\n");
        }
        for (name, Course { lived, early, late }) in courses {
            // A string takes everything.
            let _ = writeln!(text, "  {name:<10} {:>3} min  {early}  →  {late}", lived / 60_000);
        }
        text
    }
}

fn course(all: &[Held]) -> Option<Course> {
    let pid = all.last()?.pid;
    let life: Vec<&Held> = all.iter().filter(|held| held.pid == pid).collect();
    let (born, last) = (life.first()?.at, life.last()?.at);
    let within = |from: i64| {
        let window: Vec<&Held> =
            life.iter().copied().filter(|held| (from..=from + WINDOW).contains(&held.at)).collect();
        let median = |of: fn(&Held) -> usize| {
            let mut values: Vec<usize> = window.iter().map(|held| of(held)).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied()
        };
        Some(Holds {
            threads: median(|held| held.holds.threads)?,
            files: median(|held| held.holds.files)?,
            resident_kib: median(|held| held.holds.resident_kib)?,
        })
    };
    let lived = last - born;
    if lived < LONG_LIFE {
        return None;
    }
    Some(Course { lived, early: within(born + WARM_UP)?, late: within(last - WINDOW)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour of somebody, looked at every ten seconds; each look is made by its minute.
    fn an_hour(pid: impl Fn(i64) -> i32, holds: impl Fn(i64) -> Holds) -> Holdings {
        let mut holdings = Holdings::default();
        for look in 0..360 {
            let minute = look / 6;
            holdings.add("zone", Held { at: look * 10_000, pid: pid(minute), holds: holds(minute) });
        }
        holdings
    }

    fn found(holdings: &Holdings) -> Vec<String> {
        let mut found = Vec::new();
        holdings.check(&mut |kind, what| {
            assert_eq!(kind, Kind::Leaked);
            found.push(what);
        });
        found
    }

    const FLAT: Holds = Holds { threads: 5, files: 20, resident_kib: 20_000 };

    #[test]
    fn who_holds_what_it_held_leaks_nothing() {
        let flat = an_hour(|_| 1, |minute| if minute == 30 { Holds { files: 900, ..FLAT } } else { FLAT });
        assert!(found(&flat).is_empty());
        assert!(
            flat.table().contains("zone        59 min  5 threads, 20 files, 19 MiB  →  5 threads, 20 files, 19 MiB")
        );
        let learning = an_hour(|_| 1, |minute| Holds { resident_kib: if minute < 2 { 9_000 } else { 20_000 }, ..FLAT });
        assert!(found(&learning).is_empty(), "at first it learns");
    }

    #[test]
    fn who_holds_more_and_more_leaks() {
        let grows = |minute: i64| usize::try_from(minute).unwrap();
        let leaks: [fn(usize) -> Holds; 3] = [
            |minute| Holds { threads: 5 + minute / 10, ..FLAT },
            |minute| Holds { files: 20 + minute / 5, ..FLAT },
            |minute| Holds { resident_kib: 20_000 + 200 * minute, ..FLAT },
        ];
        for leak in leaks {
            let told = found(&an_hour(|_| 1, |minute| leak(grows(minute))));
            assert!(told.len() == 1 && told[0].starts_with("zone held "), "{told:?}");
        }
    }

    #[test]
    fn of_who_was_started_again_its_last_life_counts() {
        let more = |minute| if minute < 30 { FLAT } else { Holds { files: 200, ..FLAT } };
        assert_eq!(found(&an_hour(|_| 1, more)).len(), 1);
        assert!(found(&an_hour(|minute| if minute < 30 { 1 } else { 2 }, more)).is_empty());
        let young = an_hour(|minute| if minute < 55 { 1 } else { 2 }, more);
        assert!(young.courses().is_empty() && young.table().is_empty(), "it has not lived for long");
    }
}
