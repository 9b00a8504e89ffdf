//! From a command to what carries it out.

use rollcall_model::Now;
use rollcall_store::{Change, GroupRule};
use serde_json::{Value, json};

use super::super::{Effect, Zone};
use super::{Command, Rejection};

impl Zone {
    /// Takes a command from the API and says what follows; the last effect answers it, unless it waits for a node.
    pub fn command(&mut self, now: Now, request: u64, command: Command) -> Vec<Effect> {
        let mut effects = Vec::new();
        let result = match command {
            Command::If(expected, command) => match self.is_as(&expected) {
                Ok(()) => return self.command(now, request, *command),
                Err(rejection) => Err(rejection),
            },
            Command::Readings { node } => match self.ask_readings(now, request, &node, &mut effects) {
                Ok(()) => return effects,
                Err(rejection) => Err(rejection),
            },
            // What a refusal tells of is saved and said as well.
            Command::Trust(trust) => self.trust(now, *trust, &mut effects),
            command => {
                let draft = self.draft(&command);
                let result = self.obey_command(now, command, &mut effects);
                match (&result, draft) {
                    (Err(_), _) => effects.clear(),
                    // What changed nothing because it was so already is not told again.
                    (Ok(answer), Some(draft)) if !effects.is_empty() => {
                        let sent = effects.iter().position(|effect| matches!(effect, Effect::Publish(_)));
                        effects.insert(sent.unwrap_or(effects.len()), draft.line(now, answer));
                    }
                    (Ok(_), _) => {}
                }
                result
            }
        };
        self.tell_table(now, &mut effects);
        effects.push(Effect::Answer { request, result });
        effects
    }

    fn obey_command(&mut self, now: Now, command: Command, effects: &mut Vec<Effect>) -> Result<Value, Rejection> {
        match command {
            Command::SetPolicy { document, comment, by, dry_run } => {
                self.set_policy(now, document, (by.who, comment), dry_run, effects)
            }
            Command::RollbackPolicy { version, document, by } => {
                let comment = format!("rollback to version {version}");
                self.set_policy(now, document, (by.who, comment), false, effects)
            }
            Command::SetRuleGroup { name, kind, rule, enter_dwell, leave_dwell, by } => {
                let rule = GroupRule { rule, enter_dwell, leave_dwell };
                self.set_rule_group(now, name, kind, rule, by.who, effects)
            }
            Command::DissolveGroup { group, by } => self.dissolve_group(now, &group, by.who, effects),
            Command::TestRule { rule } => self.test_rule(&rule),
            Command::JudgeCandidates { nodes, demands } => self.judge_candidates(&nodes, &demands),
            Command::AcknowledgeAlert { alert, comment, by } => {
                effects.push(Effect::Save(Change::AlertAcknowledged { alert, by: by.who, comment, at: now.wall }));
                Ok(json!({ "alert": alert }))
            }
            Command::OrderAction { node, action, deadline, by } => {
                self.order_action(now, &node, action, deadline, by.who, effects)
            }
            Command::Send { channel, what, subject, message, by } => {
                self.send_on_channel(now, channel, (what, subject, message), &by.who, effects)
            }
            Command::DecideCombination { capability, approve, name, by } => {
                self.decide_combination(now, &capability, approve, name, by.who, effects)
            }
            // Gone through before: their answers or their refusals are not like the others'.
            Command::Readings { .. } | Command::Trust(_) | Command::If(..) => Ok(Value::Null),
        }
    }
}
