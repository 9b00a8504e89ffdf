//! What was found or done, as text. Pure.

use jiff::Timestamp;
use rollcall_model::UnixMillis;
use rollcall_store::upkeep::{Backup, DatabaseStatus, HistoryStatus, Restored, Transfer};
use rollcall_store::{Pruning, Retention};

use crate::ask::grid::{Column, Grid, Text};
use crate::ask::hardware::binary;
use crate::ask::look::{Look, Tone, clean, counted};
use crate::ask::when::age;

fn timestamp(at: UnixMillis) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()
}

/// `2026-11-20 08:15`.
fn moment(at: UnixMillis) -> String {
    timestamp(at).map_or_else(|| "?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}

fn ago(at: UnixMillis, now: Timestamp) -> String {
    timestamp(at).map_or_else(|| "?".to_owned(), |at| age(&at.to_string(), now))
}

fn rows(number: u64) -> String {
    counted(i64::try_from(number).unwrap_or(i64::MAX), "row", "rows")
}

/// `rollcall db status`.
pub(super) fn status(found: &DatabaseStatus, retention: Option<&Retention>, look: &Look) -> String {
    let mut text = format!("database  {}\n", clean(&found.database));
    text += &match &found.zone {
        Some(zone) => format!("zone      {} {}, generation {}\n", clean(&zone.name), zone.zone_id, zone.generation),
        None => "zone      none was started with it yet\n".to_owned(),
    };
    text += &match found.schema_version {
        None => "schema    none: `rollcall db migrate --create` makes it\n".to_owned(),
        Some(version) if version == found.newest_version => format!("schema    version {version}, the newest\n"),
        Some(version) if version > found.newest_version => {
            let newest = found.newest_version;
            format!("schema    version {version}, of a newer Rollcall than this one ({newest})\n")
        }
        Some(version) => {
            let newest = found.newest_version;
            format!("schema    version {version}; {newest} is the newest: the next start of the zone brings it there\n")
        }
    };
    text += &match &found.in_use_by {
        Some(holder) => format!("in use    by {}\n", clean(holder)),
        None => "in use    by nobody\n".to_owned(),
    };
    text += &format!("size      {}", binary(found.bytes));
    if let Some(free) = found.free_bytes {
        text += &format!(", {} of it free", binary(free));
    }
    if let Some(dead) = found.dead_rows {
        text += &format!(", {} removed and not yet cleared", rows(dead));
    }
    text += &next(found, look.now);
    format!("{text}\n\n{}", tables(found, retention).render(look))
}

/// When history is looked through next.
fn next(found: &DatabaseStatus, now: Timestamp) -> String {
    let of = |history: &HistoryStatus| history.next;
    let next = found.tables.iter().filter_map(|table| table.history.as_ref().and_then(of)).max();
    match next.and_then(|at| timestamp(at).map(|_| at)) {
        Some(at) if found.in_use_by.is_some() => format!("\npruning   next {} UTC ({})", moment(at), ago(at, now)),
        _ if found.in_use_by.is_some() => "\npruning   first five minutes after the zone's start".to_owned(),
        _ => "\npruning   once a zone controller is started with it, or by `rollcall db prune`".to_owned(),
    }
}

fn tables(found: &DatabaseStatus, retention: Option<&Retention>) -> Grid {
    let mut grid = Grid::new(vec![
        Column::fixed("TABLE"),
        Column::number("ROWS"),
        Column::number("SIZE"),
        Column::fixed("OLDEST"),
        Column::fixed("KEPT"),
        Column::fixed("PRUNED"),
        Column::number("REMOVED"),
    ]);
    for table in &found.tables {
        let history = table.history.as_ref();
        let kept = match history {
            None if table.table == "audit" => Text::plain("for ever"),
            None => Text::plain(""),
            Some(history) => Text::plain(match retention.map(|retention| retention.days(history.history)) {
                None => String::new(),
                Some(None) => "for ever".to_owned(),
                Some(Some(days)) => counted(days.into(), "day", "days"),
            }),
        };
        let time = |at: Option<UnixMillis>| Text::plain(at.map_or_else(String::new, moment));
        grid.row([
            Text::plain(table.table),
            Text::plain(table.rows.to_string()),
            Text::plain(table.bytes.map_or_else(String::new, binary)),
            time(history.and_then(|it| it.oldest)),
            kept,
            time(history.and_then(|it| it.pruned)),
            Text::plain(history.and_then(|it| it.removed).map_or_else(String::new, |it| it.to_string())),
        ]);
    }
    grid
}

/// `rollcall db prune`.
pub(super) fn pruned(database: &str, pruning: &Pruning, retention: &Retention, look: &Look) -> String {
    let mut grid = Grid::new(vec![
        Column::fixed("TABLE"),
        Column::number("REMOVED"),
        Column::fixed("KEPT"),
        Column::fixed("BEFORE"),
    ]);
    for one in pruning.done() {
        let days =
            retention.days(one.history).map_or_else(|| "for ever".to_owned(), |it| counted(it.into(), "day", "days"));
        grid.row([
            Text::plain(one.history.table()),
            Text::plain(one.removed.to_string()),
            Text::plain(days),
            Text::plain(moment(one.before)),
        ]);
    }
    format!("{}{} removed from {}\n", grid.render(look), rows(pruning.removed()), clean(database))
}

/// `rollcall db backup`.
pub(super) fn backup(made: &Backup) -> String {
    let zone = made.zone.as_ref().map_or_else(String::new, |zone| format!("zone {}, ", clean(&zone.name)));
    let version = made.schema_version.map_or_else(|| "no schema".to_owned(), |it| format!("schema version {it}"));
    format!(
        "backed up {} into {} ({zone}{version}, {})\n",
        clean(&made.database),
        made.path.display(),
        binary(made.bytes)
    )
}

/// `rollcall db restore`.
pub(super) fn restored(done: &Restored) -> String {
    let mut text = format!("restored {} from {}\n", clean(&done.database), done.from.display());
    if let Some(aside) = &done.replaced {
        text += &format!("  what was there is now {}\n", aside.display());
    }
    text += &format!(
        "  generations, sessions and epochs go on {} later, so that none is given out twice\n  \
         what was decided since the backup is lost: `rollcall revoke`, `rollcall user add|remove` repeat it\n  \
         join tokens that were not used yet let nobody in: make new ones\n\
         next: start the zone controller, then `rollcall audit verify`\n",
        done.moved_on_by
    );
    text
}

/// `rollcall db move`.
pub(super) fn moved(done: &Transfer, look: &Look) -> String {
    let mut grid = Grid::new(vec![
        Column::fixed("TABLE"),
        Column::number("SOURCE"),
        Column::number("TARGET"),
        Column::fixed("CHECKSUM"),
        Column::fixed(""),
    ]);
    let mut all = 0;
    for table in &done.tables {
        all += table.source_rows;
        let sum = |sum: &str| sum.get(..16).unwrap_or(sum).to_owned();
        let (sums, word) = match table.is_equal() {
            true => (sum(&table.source_sum), Text::toned("equal", Tone::Good)),
            false => {
                let both = format!("{} ≠ {}", sum(&table.source_sum), sum(&table.target_sum));
                (both, Text::toned("DIFFERS", Tone::Bad))
            }
        };
        grid.row([
            Text::plain(table.table),
            Text::plain(table.source_rows.to_string()),
            Text::plain(table.target_rows.to_string()),
            Text::plain(sums),
            word,
        ]);
    }
    let grid = grid.render(look);
    if !done.is_equal {
        return grid;
    }
    format!(
        "{grid}moved {} from {} to {}\nnext: set `database` in the zone controller's configuration, and start it; the \
         source is as it was\n",
        rows(all),
        clean(&done.source),
        clean(&done.target)
    )
}

#[cfg(test)]
mod tests {
    use rollcall_store::History;
    use rollcall_store::upkeep::{Compared, TableStatus, ZoneStatus};

    use super::*;

    fn look() -> Look {
        Look { width: None, colour: false, now: "2026-11-20T12:00:00Z".parse().unwrap() }
    }

    fn at(text: &str) -> Option<UnixMillis> {
        let at: Timestamp = text.parse().unwrap();
        Some(UnixMillis(u64::try_from(at.as_millisecond()).unwrap()))
    }

    fn found() -> DatabaseStatus {
        let history = HistoryStatus {
            history: History::Events,
            oldest: at("2026-09-01T00:00:00Z"),
            pruned: at("2026-11-20T11:30:00Z"),
            before: at("2026-08-22T11:30:00Z"),
            removed: Some(12),
            next: at("2026-11-20T12:30:00Z"),
        };
        let table = |table, rows, history| TableStatus { table, rows, bytes: Some(4_096), history };
        DatabaseStatus {
            database: "/var/lib/zone.db".into(),
            kind: "sqlite",
            schema_version: Some(7),
            newest_version: 7,
            in_use_by: Some("process 7".into()),
            zone: Some(ZoneStatus { zone_id: "0a".into(), name: "hall-1".into(), generation: 3 }),
            bytes: 8_192,
            free_bytes: Some(0),
            dead_rows: None,
            tables: vec![table("nodes", 5, None), table("events", 1_234, Some(history)), table("audit", 2, None)],
        }
    }

    #[test]
    fn a_look_tells_what_there_is_and_what_goes_when() {
        let expected = "\
database  /var/lib/zone.db
zone      hall-1 0a, generation 3
schema    version 7, the newest
in use    by process 7
size      8 KiB, 0 B of it free
pruning   next 2026-11-20 12:30 UTC (in 30 min)

TABLE   ROWS   SIZE  OLDEST            KEPT      PRUNED            REMOVED
nodes      5  4 KiB
events  1234  4 KiB  2026-09-01 00:00  90 days   2026-11-20 11:30       12
audit      2  4 KiB                    for ever
";
        let shown = status(&found(), Some(&Retention::default()), &look());
        let shown: String = shown.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        assert_eq!(shown, expected);
        let idle = DatabaseStatus { in_use_by: None, schema_version: Some(5), zone: None, ..found() };
        let shown = status(&idle, None, &look());
        for says in ["by nobody", "version 5; 7 is the newest", "none was started", "`rollcall db prune`"] {
            assert!(shown.contains(says), "{shown}");
        }
    }

    #[test]
    fn a_move_says_of_every_table_whether_it_is_the_same() {
        let table = |table, target_rows, target: &str| Compared {
            table,
            source_rows: 3,
            target_rows,
            source_sum: "ab".repeat(32),
            target_sum: target.repeat(32),
        };
        let done = Transfer {
            source: "a.db".into(),
            target: "postgres://u@h/d".into(),
            is_equal: true,
            tables: vec![table("nodes", 3, "ab")],
        };
        let shown = moved(&done, &look());
        assert!(shown.contains("nodes       3       3  abababababababab  equal"), "{shown}");
        assert!(shown.contains("moved 3 rows from a.db to postgres://u@h/d"), "{shown}");
        let done = Transfer { is_equal: false, tables: vec![table("events", 2, "cd")], ..done };
        let shown = moved(&done, &look());
        assert!(shown.contains("abababababababab ≠ cdcdcdcdcdcdcdcd  DIFFERS") && !shown.contains("moved"), "{shown}");
    }
}
