//! The channels beyond alerts, policies and analytics (Z6, Z9): what arrives is kept; what the zone itself has to say
//! about security goes the same way, so that others can listen, too.

use rollcall_model::indicator::Severity;
use rollcall_model::packet::{ChannelMessage, CheckinReport, Packet};
use rollcall_model::{Millis, Now, Purpose, name, route};
use rollcall_store::Change;
use serde_json::{Value, json};

use super::{Effect, Rejection, Zone};

/// Longest text of a message, characters.
const LONGEST_MESSAGE: usize = 2_000;
/// Longest word and subject, characters.
const LONGEST_WORD: usize = 64;
/// Largest detail that is kept, bytes of JSON.
const LARGEST_DETAIL: usize = 16 * 1024;
/// At most one word about the refusals of one check-in service in this time.
const REFUSAL_PERIOD: Millis = Millis(10_000);

impl Zone {
    /// Whether a channel is one of those made by configuration.
    fn is_extra(&self, channel: &Purpose) -> bool {
        !Purpose::standard().contains(channel) && self.settings.channels.contains(channel)
    }

    /// Somebody says something on a channel. The zone hears it like anybody else, and keeps it then.
    ///
    /// # Errors
    /// When there is no such channel, or the text is empty or too long. Nothing is sent.
    pub(super) fn send_on_channel(
        &mut self,
        now: Now,
        channel: Purpose,
        (what, subject, message): (String, String, String),
        by: &str,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        if Purpose::standard().contains(&channel) {
            let message = format!("the channel {} is for the daemons alone", channel.as_str());
            return Err(Rejection::invalid(message));
        }
        if !self.is_extra(&channel) {
            let there: Vec<&str> =
                self.settings.channels.iter().filter(|it| self.is_extra(it)).map(Purpose::as_str).collect();
            return Err(Rejection::missing(format!(
                "there is no channel {:?}; channels.extra of the zone's configuration has [{}]",
                channel.as_str(),
                there.join(", ")
            )));
        }
        check("what", &what, LONGEST_WORD)?;
        check("message", &message, LONGEST_MESSAGE)?;
        if subject.chars().count() > LONGEST_WORD {
            return Err(Rejection::invalid(format!("subject has more than {LONGEST_WORD} characters")).at("subject"));
        }
        let answer = json!({ "channel": channel.as_str(), "at": now.wall });
        let detail = json!({ "by": by });
        let message =
            ChannelMessage { channel, what, subject, severity: Severity::Warning, message, detail, at: now.wall };
        self.publish(now, message, effects);
        Ok(answer)
    }

    /// Something arrived on a channel; `from` is the inbox of who sent it.
    pub(super) fn on_channel_message(&mut self, message: ChannelMessage, from: &str, effects: &mut Vec<Effect>) {
        if message.channel.as_str() == name::ALERTS {
            return self.on_warning(&message, from, effects);
        }
        if !self.is_extra(&message.channel) {
            self.count("channel", "unknown_channel");
            let why = format!("this zone has no channel {:?}", message.channel.as_str());
            return effects.push(Effect::Park(why));
        }
        let size = serde_json::to_vec(&message.detail).map_or(usize::MAX, |bytes| bytes.len());
        let detail = match size {
            ..=LARGEST_DETAIL => message.detail,
            _ => json!({ "dropped": format!("{size} bytes are more than {LARGEST_DETAIL}") }),
        };
        let kept = ChannelMessage {
            what: cut(&message.what, LONGEST_WORD),
            subject: cut(&message.subject, LONGEST_WORD),
            message: cut(&message.message, LONGEST_MESSAGE),
            detail,
            ..message
        };
        effects.push(Effect::Save(Change::ChannelMessage { message: kept, from: cut(from, 255) }));
    }

    /// Says something on the security channel, where there is one. Whoever calls this keeps floods away from it.
    pub(super) fn security(&mut self, now: Now, what: &str, subject: &str, message: &str, effects: &mut Vec<Effect>) {
        self.security_of(now, what, (subject, Value::Null), message, effects);
    }

    /// The same with what programs need to know of the subject.
    pub(super) fn security_of(
        &mut self,
        now: Now,
        what: &str,
        (subject, detail): (&str, Value),
        message: &str,
        effects: &mut Vec<Effect>,
    ) {
        let Some(channel) = self.settings.channels.iter().find(|it| it.as_str() == name::SECURITY).cloned() else {
            return;
        };
        let severity = match what {
            "identity_clash" | "rival_controller" | "token_used" | "revoked" | "key_in_use" | "principal_in_use" => {
                Severity::Critical
            }
            _ => Severity::Warning,
        };
        let message = ChannelMessage {
            channel,
            what: cut(what, LONGEST_WORD),
            subject: cut(subject, LONGEST_WORD),
            severity,
            message: cut(message, LONGEST_MESSAGE),
            detail,
            at: now.wall,
        };
        self.publish(now, message, effects);
    }

    fn publish(&mut self, now: Now, message: ChannelMessage, effects: &mut Vec<Effect>) {
        let key = format!("{}.{}", message.channel.as_str(), self.settings.zone);
        effects.push(Effect::Publish(self.sender.confirmed(now, route::ZONE, key, Packet::ChannelMessage(message))));
    }

    /// What a check-in service refused: a new last refusal is a matter of security.
    pub(super) fn on_checkin_report(&mut self, now: Now, report: CheckinReport, effects: &mut Vec<Effect>) {
        let checkin = report.checkin;
        let before = self.overview.checkins.get(&checkin).and_then(|known| known.last_refusal.clone());
        let told = self.refusals_told.get(&checkin).is_some_and(|at| now.tick < *at + REFUSAL_PERIOD);
        if let Some(refusal) = &report.last_refusal
            && before.as_ref() != Some(refusal)
            && !told
        {
            let name = self.checkins.get(&checkin).map_or_else(|| checkin.to_string(), |known| known.name.to_string());
            self.security(now, "checkin_refused", &name, refusal, effects);
            self.refusals_told.insert(checkin, now.tick);
        }
        self.overview.checkins.insert(checkin, report);
    }
}

fn check(what: &str, text: &str, longest: usize) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::invalid(format!("{what} is empty")).at(what));
    }
    if text.chars().count() > longest {
        return Err(Rejection::invalid(format!("{what} has more than {longest} characters")).at(what));
    }
    Ok(())
}

fn cut(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}
