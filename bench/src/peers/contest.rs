//! Reports a second: everybody in turn, then medians, and ratios of turns that lie side by side.

use super::field::{Field, Side};
use crate::report::{Row, figure, median, say};

/// Everybody in the order of their turns; Rollcall first.
const COURSES: [Course; 6] = [
    Course {
        side: Side::Rollcall,
        who: "Rollcall",
        what: "status packets into the roster",
        target: None,
        how: "64 B, unconfirmed",
    },
    Course { side: Side::Bare, who: "bare lapin", what: "the same, dropped", target: Some(0.95), how: "the limit" },
    Course {
        side: Side::Call,
        who: "oslo.messaging, call",
        what: "Nova's state report",
        target: Some(25.0),
        how: "as Nova does it: with an answer; the conductor's database left out",
    },
    Course { side: Side::Cast, who: "oslo.messaging, cast", what: "the same", target: None, how: "without an answer" },
    Course {
        side: Side::Put,
        who: "etcd, put",
        what: "a Kubernetes lease",
        target: Some(5.0),
        how: "500 B, on disk before the answer; the API server left out",
    },
    Course {
        side: Side::KeepAlive,
        who: "etcd, lease",
        what: "a keep-alive of its own lease",
        target: None,
        how: "in memory; nothing but a time to live is told",
    },
];

/// One way, and what it is compared by.
struct Course {
    side: Side,
    who: &'static str,
    what: &'static str,
    /// What Rollcall has to reach of it.
    target: Option<f64>,
    how: &'static str,
}

/// What came of somebody's turns: reports a second of each, or why there are none.
type Turns = Result<Vec<f64>, String>;

/// Lets everybody have so many turns.
///
/// # Errors
/// When Rollcall's or the bare client's turn fails, or a status was lost or refused.
pub async fn run(field: &mut Field, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut turns: Vec<Turns> = COURSES.iter().map(|_| Ok(Vec::new())).collect();
    for round in 1..=rounds {
        for (course, turns) in COURSES.iter().zip(&mut turns) {
            let Ok(rates) = turns else { continue };
            match field.turn(course.side).await {
                Ok(rate) => {
                    say(format_args!("{round}/{rounds} {}: {}/s", course.who, figure(rate)));
                    rates.push(rate);
                }
                Err(failed) if matches!(course.side, Side::Rollcall | Side::Bare) => return Err(failed),
                Err(failed) => {
                    say(format_args!("warning: {} is NOT MEASURED: {failed:#}", course.who));
                    *turns = Err(format!("{failed:#}"));
                }
            }
        }
    }
    say(format_args!("Rollcall: all {} statuses were taken, none refused", field.check().await?));
    let own = turns[0].clone().unwrap_or_default();
    let mut rows: Vec<Row> = COURSES.iter().zip(&turns).flat_map(|(course, turns)| rows(course, turns, &own)).collect();
    if let Ok(etcd) = &mut field.etcd {
        let fsync = etcd.fsync_ms().await;
        rows.push(
            Row::of("etcd: one fsync of its log, mean", fsync, "ms")
                .of_peer()
                .note("as etcd tells it; the disk of the build"),
        );
    }
    Ok(rows)
}

fn rows(course: &Course, turns: &Turns, own: &[f64]) -> Vec<Row> {
    let name = format!("{}: {}", course.who, course.what);
    let rates = match turns {
        Ok(rates) => rates,
        Err(reason) => return vec![Row::missing(name, "reports/s", reason)],
    };
    let rate = Row::new(name, median(rates), "reports/s").note(course.how);
    if course.side == Side::Rollcall {
        return vec![rate];
    }
    let rate = rate.of_peer();
    let ratios: Vec<f64> = own.iter().zip(rates).map(|(own, rate)| own / rate).collect();
    let each: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let ratio = Row::new(format!("Rollcall to {}: ratio", course.who), median(&ratios), "")
        .note(format!("rounds: {}", each.join(" ")));
    let ratio = match course.target {
        Some(target) => ratio.beside(format!("target ≥ {target}")),
        None => ratio,
    };
    vec![rate, ratio]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_and_a_missing_peer_says_why() {
        let rows_of = |turns: Turns| rows(&COURSES[4], &turns, &[10.0, 30.0, 20.0]);
        let measured = rows_of(Ok(vec![1.0, 2.0, 4.0]));
        assert_eq!(measured.iter().map(|row| row.value).collect::<Vec<_>>(), [2.0, 10.0]);
        assert_eq!(measured[1].note, "rounds: 10.00 15.00 5.00");
        let missing = rows_of(Err("Debian's etcd-server is not installed".into()));
        assert_eq!(missing.len(), 1);
        assert!(missing[0].value.is_nan() && missing[0].note.contains("not installed"), "{missing:?}");
    }
}
