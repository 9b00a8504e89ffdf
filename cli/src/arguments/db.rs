//! `rollcall db`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const STATUS_EXAMPLES: &str = "\
Does not disturb a zone controller that goes on. Counts every row.

Examples:
  rollcall db status                                      the zone of this machine
  rollcall db status --database sqlite:/srv/copy/zone.db
  rollcall db status --json | jq '.tables[] | select(.rows > 1000000)'";

const MIGRATE_EXAMPLES: &str = "\
A zone controller does the same at its start; this is for who wants to see it
done before. The zone controller must be stopped. Back up first.

Examples:
  rollcall db migrate
  rollcall db migrate --create --database postgres://rollcall@db.example/rollcall";

const PRUNE_EXAMPLES: &str = "\
A zone controller prunes by itself, in small steps ([retention] in its
configuration); this is for one that is stopped. Without a configuration the
defaults hold. The present and the audit log are never pruned.

Examples:
  rollcall db prune
  rollcall db prune --keep analytics=7 --keep events=365";

const BACKUP_EXAMPLES: &str = "\
Of an SQLite file the backup is another, whole and checked; of PostgreSQL it is
what pg_dump writes in its custom format. The zone controller may go on.

Examples:
  rollcall db backup /var/backups/rollcall/zone-$(date +%F).db
  rollcall db backup zone.dump --database postgres://rollcall@db.example/rollcall";

const RESTORE_EXAMPLES: &str = "\
The zone controller must be stopped. Generations, sessions and epochs are moved
on, so that none that was given out since the backup is given out again.

Examples:
  rollcall db restore /var/backups/rollcall/zone-2026-11-20.db --replace
  rollcall db restore zone.dump --database postgres://rollcall@db.example/new";

const MOVE_EXAMPLES: &str = "\
The zone controller must be stopped. Everything is copied in one transaction,
and both sides are compared; where a table differs nothing is kept. The source
stays as it is. Then name the target in `database` of the configuration.
A password belongs into PGPASSFILE: others on the machine see arguments.

Examples:
  rollcall db move --from sqlite:/var/lib/rollcall/zone-controller/zone.db \\
                   --to postgres://rollcall@db.example/rollcall";

/// What can be done with a zone's database. No zone is asked.
#[derive(Clone, Debug, Subcommand)]
pub enum DbCommand {
    /// How large it is, how old its history, what was pruned, which version, who has it open
    #[command(after_help = STATUS_EXAMPLES)]
    Status {
        /// Which
        #[command(flatten)]
        at: DatabaseAt,
    },
    /// Bring its schema to this program's version
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate {
        /// Which
        #[command(flatten)]
        at: DatabaseAt,
        /// Make it where there is none
        #[arg(long)]
        create: bool,
    },
    /// Remove history that was kept long enough, in small steps
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune {
        /// Which
        #[command(flatten)]
        at: DatabaseAt,
        /// Keep a kind of history for so many days, whatever is configured; 0 is for ever
        #[arg(long, value_name = "KIND=DAYS", value_parser = kept)]
        keep: Vec<Kept>,
    },
    /// Copy it into a new file that only its owner may read
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup {
        /// The file, which must not be there yet
        #[arg(value_name = "FILE")]
        to: PathBuf,
        /// Which
        #[command(flatten)]
        at: DatabaseAt,
    },
    /// Put a backup in its place
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore {
        /// The backup
        #[arg(value_name = "FILE")]
        from: PathBuf,
        /// Where to
        #[command(flatten)]
        at: DatabaseAt,
        /// Put a file that is there aside, under another name
        #[arg(long)]
        replace: bool,
    },
    /// Move it to another, empty database, and compare both
    #[command(after_help = MOVE_EXAMPLES)]
    Move {
        /// From where, e.g. sqlite:/path/to/zone.db
        #[arg(long, value_name = "URL")]
        from: String,
        /// To where, e.g. postgres://user@host/database
        #[arg(long, value_name = "URL")]
        to: String,
    },
}

/// Where a zone's database is.
#[derive(Clone, Debug, Args)]
pub struct DatabaseAt {
    /// The database; without it the one in the zone controller's configuration
    #[arg(long, value_name = "URL", env = "ROLLCALL_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// The zone controller's configuration, which says where the database is and how long history is kept
    #[arg(long, value_name = "FILE", env = "ROLLCALL_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
}

/// A kind of history, and for how many days it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The beginning of its key in `[retention]`.
    pub kind: String,
    /// Days; 0 is for ever.
    pub days: u32,
}

/// What can stand before the `=`.
pub const KINDS: [&str; 8] =
    ["health_history", "events", "alerts", "memberships", "actions", "channel_messages", "analytics", "credentials"];

fn kept(text: &str) -> Result<Kept, String> {
    let (kind, days) = text.split_once('=').ok_or("expected KIND=DAYS, e.g. analytics=7")?;
    if !KINDS.contains(&kind) {
        return Err(format!("there is no history {kind:?}; there are {}", KINDS.join(", ")));
    }
    let days = days.parse().map_err(|_| format!("{days:?} is no number of days"))?;
    Ok(Kept { kind: kind.to_owned(), days })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_kind_and_days() {
        assert_eq!(kept("events=0"), Ok(Kept { kind: "events".into(), days: 0 }));
        for (wrong, says) in
            [("events", "KIND=DAYS"), ("event=3", "there are health_history"), ("events=ten", "\"ten\"")]
        {
            assert!(kept(wrong).unwrap_err().contains(says), "{wrong}");
        }
    }
}
