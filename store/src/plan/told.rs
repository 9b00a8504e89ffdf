//! What the zone is told and keeps for a while. It is no change of the topology: it makes no events, its own table
//! holds it.

use rollcall_model::packet::{ChannelMessage, Quantiles, Summary};
use rollcall_model::{Millis, UnixMillis};

use super::{Plan, Writes, counted, written};
use crate::CommitError;
use crate::row::{AnalyticsRow, ChannelCut, MessageRow, without_zeros};

/// How many messages of a channel are kept.
const KEPT_MESSAGES: u64 = 10_000;

impl Plan {
    /// One that was sent at the same moment by the same sender and says the same is a repetition.
    pub(super) fn channel_message(&mut self, message: &ChannelMessage, from: &str) {
        let end = self.stored.channel_ends.entry(message.channel.clone()).or_default();
        let row = MessageRow {
            channel: message.channel.clone(),
            number: *end + 1,
            sent_ms: written(message.at),
            sender: from.to_owned(),
            what: message.what.clone(),
            subject: message.subject.clone(),
            severity: message.severity,
            message: message.message.clone(),
            detail: without_zeros(message.detail.to_string()),
        };
        let moment = (row.channel.clone(), row.sent_ms);
        let there = self.stored.messages.entry(moment).or_default();
        if there.iter().any(|had| MessageRow { number: had.number, ..row.clone() } == *had) {
            return;
        }
        there.push(row.clone());
        *end = row.number;
        self.writes.messages.push(row);
    }

    /// The newest of a group and moment wins.
    pub(super) fn analytics(&mut self, summary: &Summary, at: UnixMillis) -> Result<(), CommitError> {
        self.group(summary.group, "a summary")?;
        let counts = |map: &std::collections::BTreeMap<String, u64>| {
            map.iter().map(|(name, number)| (name.clone(), counted(*number))).collect()
        };
        self.writes.analytics.push(AnalyticsRow {
            group_id: summary.group,
            at_ms: at,
            session: summary.session,
            period_ms: Millis(counted(summary.period_ms.0)),
            states: summary.states.clone(),
            bits: summary.bits.clone(),
            metrics: summary.metrics.iter().map(|(name, quantiles)| (name.clone(), measured(quantiles))).collect(),
            statuses: counted(summary.statuses),
            refused: counts(&summary.refused),
        });
        Ok(())
    }
}

/// What is too much once the batch is written. It follows from what is written, so that nothing need be counted or looked
/// through. What is too old is pruned on its own.
pub(super) fn age(writes: &mut Writes) {
    let mut ends = std::collections::BTreeMap::new();
    for row in &writes.messages {
        ends.insert(row.channel.clone(), row.number);
    }
    writes.channel_cuts = ends
        .into_iter()
        .filter(|(_, number)| *number > KEPT_MESSAGES)
        .map(|(channel, number)| ChannelCut { channel, number: number - KEPT_MESSAGES })
        .collect();
}

/// Readings are kept to a thousandth of their unit: percentiles are estimates anyway, and the rows are many.
fn measured(quantiles: &Quantiles) -> (u64, f64, f64, f64, f64, f64) {
    let Quantiles { count, min, p50, p90, p99, max } = *quantiles;
    let short = |reading: f64| if reading.abs() < 1e12 { (reading * 1_000.0).round() / 1_000.0 } else { reading };
    (counted(count), short(min), short(p50), short(p90), short(p99), short(max))
}
