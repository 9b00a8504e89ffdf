//! How long history is kept. Pure: from days and the present to what may go.
//!
//! Facts of the present are never pruned, nor is the audit log: each of its rows holds the digest of all before it, so
//! a log without its beginning could not be checked any more.

use rollcall_model::UnixMillis;
use serde::{Deserialize, Serialize};

/// A day, milliseconds.
const DAY: u64 = 24 * 3_600 * 1_000;

/// Longest span that can be said, days: a century.
const LONGEST: u32 = 36_500;

/// A table that holds history, and what makes a row of it be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// Changes of state and health, when they were; the newest of each node before the cut stays, so that what a node
    /// was like is known for every moment after it.
    HealthHistory,
    /// Events, when they were.
    Events,
    /// Alerts that are cleared, since then.
    Alerts,
    /// Places in physical groups and groups of one combination that a node left, since then.
    Assignments,
    /// Groups by rule that a node left, since then.
    Memberships,
    /// Hardware a node has no more, since then.
    NodeHardware,
    /// Actions that are over, since then.
    Actions,
    /// Messages on channels, when they were sent; the newest of each channel stays: the next one is numbered after it.
    ChannelMessages,
    /// Summaries of groups, when their period was over.
    Analytics,
    /// Tokens to join with, used, revoked or not, since they expired.
    JoinTokens,
    /// Requests to join, since they came; those nobody has decided on, thirty days later.
    JoinRequests,
    /// Certificates, revoked or not, since they expired.
    Certificates,
}

impl History {
    /// All of them, in the order they are pruned.
    pub const ALL: [Self; 12] = [
        Self::HealthHistory,
        Self::Events,
        Self::Alerts,
        Self::Assignments,
        Self::Memberships,
        Self::NodeHardware,
        Self::Actions,
        Self::ChannelMessages,
        Self::Analytics,
        Self::JoinTokens,
        Self::JoinRequests,
        Self::Certificates,
    ];

    /// The table's name.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::HealthHistory => "health_history",
            Self::Events => "events",
            Self::Alerts => "alerts",
            Self::Assignments => "assignments",
            Self::Memberships => "memberships",
            Self::NodeHardware => "node_hardware",
            Self::Actions => "actions",
            Self::ChannelMessages => "channel_messages",
            Self::Analytics => "analytics",
            Self::JoinTokens => "join_tokens",
            Self::JoinRequests => "join_requests",
            Self::Certificates => "certificates",
        }
    }
}

/// How long each kind of history is kept, and how it is pruned: the section `[retention]` of the zone controller's
/// configuration. A number of days is 0, which keeps for ever, or 1 to 36500.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Changes of state and health, days.
    pub health_history_days: u32,
    /// Events, days.
    pub events_days: u32,
    /// Alerts that are cleared, days since then.
    pub alerts_days: u32,
    /// Groups a node was in and hardware it had, days since then.
    pub memberships_days: u32,
    /// Actions that are over, days since then.
    pub actions_days: u32,
    /// Messages on channels, days. Whatever is said here, the newest 10,000 of each are all there are.
    pub channel_messages_days: u32,
    /// Summaries of groups, days.
    pub analytics_days: u32,
    /// Tokens and certificates that expired, requests to join, days since then.
    pub credentials_days: u32,
    /// How often the zone controller looks for what may go, minutes; 1 to 1440.
    pub every_minutes: u32,
    /// At most so many rows are looked at in one transaction; 10 to 10000. Larger steps are done sooner and keep changes
    /// waiting for longer.
    pub rows_per_step: u32,
    /// Pause between two steps, milliseconds; 0 to 10000.
    pub pause_ms: u32,
}

impl Retention {
    /// Nothing is ever removed.
    #[must_use]
    pub fn for_ever() -> Self {
        Self {
            health_history_days: 0,
            events_days: 0,
            alerts_days: 0,
            memberships_days: 0,
            actions_days: 0,
            channel_messages_days: 0,
            analytics_days: 0,
            credentials_days: 0,
            ..Self::default()
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            health_history_days: 90,
            events_days: 90,
            alerts_days: 90,
            memberships_days: 90,
            actions_days: 90,
            channel_messages_days: 90,
            analytics_days: 14,
            credentials_days: 30,
            every_minutes: 60,
            rows_per_step: 1_000,
            pause_ms: 50,
        }
    }
}

/// What of a history may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// Which.
    pub history: History,
    /// What was over before this.
    pub before: UnixMillis,
}

impl Retention {
    /// How long a history is kept, days; `None` is for ever.
    #[must_use]
    pub const fn days(&self, history: History) -> Option<u32> {
        let days = match history {
            History::HealthHistory => self.health_history_days,
            History::Events => self.events_days,
            History::Alerts => self.alerts_days,
            History::Assignments | History::Memberships | History::NodeHardware => self.memberships_days,
            History::Actions => self.actions_days,
            History::ChannelMessages => self.channel_messages_days,
            History::Analytics => self.analytics_days,
            History::JoinTokens | History::JoinRequests | History::Certificates => self.credentials_days,
        };
        if days == 0 { None } else { Some(days) }
    }

    /// What may go now, of every history that is not kept for ever.
    #[must_use]
    pub fn cuts(&self, now: UnixMillis) -> Vec<Cut> {
        let cut = |history: History| {
            let before = now.0.saturating_sub(u64::from(self.days(history)?) * DAY);
            Some(Cut { history, before: UnixMillis(before) })
        };
        History::ALL.into_iter().filter_map(cut).collect()
    }

    /// When histories are looked at again after `now`.
    #[must_use]
    pub fn next(&self, now: UnixMillis) -> UnixMillis {
        UnixMillis(now.0.saturating_add(u64::from(self.every_minutes) * 60_000))
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// A text that names the key, its value and what would do.
    pub fn validate(&self) -> Result<(), String> {
        let days = [
            ("health_history_days", self.health_history_days),
            ("events_days", self.events_days),
            ("alerts_days", self.alerts_days),
            ("memberships_days", self.memberships_days),
            ("actions_days", self.actions_days),
            ("channel_messages_days", self.channel_messages_days),
            ("analytics_days", self.analytics_days),
            ("credentials_days", self.credentials_days),
        ];
        if let Some((key, days)) = days.into_iter().find(|(_, days)| *days > LONGEST) {
            return Err(format!("retention.{key} is {days}; 1 to {LONGEST} can work, and 0 keeps for ever"));
        }
        let within = [
            ("every_minutes", self.every_minutes, 1, 1_440),
            ("rows_per_step", self.rows_per_step, 10, 10_000),
            ("pause_ms", self.pause_ms, 0, 10_000),
        ];
        match within.into_iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
            Some((key, value, low, high)) => Err(format!("retention.{key} is {value}; {low} to {high} can work")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_ever_is_never_cut() {
        let forever = Retention { events_days: 0, memberships_days: 0, ..Retention::default() };
        let now = UnixMillis(100 * DAY + 7);
        let cuts = forever.cuts(now);
        let of = |history| cuts.iter().find(|cut| cut.history == history).map(|cut| cut.before.0);
        assert_eq!(of(History::Events), None);
        assert_eq!((of(History::Assignments), of(History::Memberships), of(History::NodeHardware)), (None, None, None));
        assert_eq!(of(History::HealthHistory), Some(10 * DAY + 7));
        assert_eq!(of(History::Analytics), Some(86 * DAY + 7));
        assert_eq!(
            Retention::default().cuts(UnixMillis(5)).first().map(|cut| cut.before.0),
            Some(0),
            "no time before 0"
        );
    }

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        assert_eq!(Retention::default().validate(), Ok(()));
        let refused = |retention: Retention| retention.validate().unwrap_err();
        let long = refused(Retention { alerts_days: 40_000, ..Retention::default() });
        assert_eq!(long, "retention.alerts_days is 40000; 1 to 36500 can work, and 0 keeps for ever");
        let rare = refused(Retention { every_minutes: 0, ..Retention::default() });
        assert_eq!(rare, "retention.every_minutes is 0; 1 to 1440 can work");
        assert!(refused(Retention { rows_per_step: 1, ..Retention::default() }).contains("rows_per_step"));
        assert!(refused(Retention { pause_ms: 60_000, ..Retention::default() }).contains("pause_ms"));
    }

    #[test]
    fn every_history_is_named_once() {
        let mut tables = History::ALL.map(History::table);
        tables.sort_unstable();
        assert!(tables.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
