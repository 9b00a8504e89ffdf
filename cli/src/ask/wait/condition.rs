//! What can be waited for: read from `node=web-3,state=healthy`, judged by what the zone says.

use std::str::FromStr;

use rollcall_model::NodeState;
use rollcall_model::indicator::by_name;
use serde_json::Value;

use crate::ask::look::clean;

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A node, by name or id.
    Node,
    /// A group, by name or id.
    Group,
    /// An alert by its number, or all of a kind.
    Alert,
    /// A version of the policy.
    Policy,
    /// An order, by its id.
    Action,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// What it is about.
    pub what: What,
    /// Which one.
    pub name: String,
    /// As it was written.
    pub text: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    State(String),
    Bit { bit: u32, name: String, set: bool },
    Obeys(u64),
    Count { of: String, operator: Operator, number: i64 },
    Obeyed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    AtLeast,
    AtMost,
    Equal,
    Unequal,
}

/// How a condition stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// It holds.
    pub met: bool,
    /// It never will.
    pub never: bool,
    /// How it is, for people.
    pub stands: String,
}

impl Standing {
    /// It does not hold, which may change.
    pub fn not_yet(stands: String) -> Self {
        Self { stands, ..Self::default() }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (subject, test) = text.split_once(',').ok_or("expected e.g. node=web-3,state=healthy")?;
        let (what, name) = subject.split_once('=').ok_or("it begins with node=, group=, alert=, policy= or action=")?;
        let what = match what.trim() {
            "node" => What::Node,
            "group" => What::Group,
            "alert" => What::Alert,
            "policy" => What::Policy,
            "action" => What::Action,
            other => {
                return Err(format!("{other:?} is nothing to wait for: node, group, alert, policy and action are"));
            }
        };
        let name = name.trim().to_owned();
        if name.is_empty() || name == "." || name == ".." {
            return Err("which one? a name or an id is missing".into());
        }
        if what == What::Policy && name.parse::<u64>().is_err() {
            return Err(format!("{name:?} is no version of a policy; `rollcall policy history` lists them"));
        }
        Ok(Self { test: test_of(what, test.trim())?, what, name, text: text.to_owned() })
    }
}

fn test_of(what: What, text: &str) -> Result<Test, String> {
    if what == What::Policy {
        return if text == "obeyed" { Ok(Test::Obeyed) } else { Err("expected policy=VERSION,obeyed".into()) };
    }
    let operators =
        [(">=", Operator::AtLeast), ("<=", Operator::AtMost), ("!=", Operator::Unequal), ("=", Operator::Equal)];
    let split = operators
        .iter()
        .find_map(|(sign, operator)| text.split_once(sign).map(|(key, value)| (key.trim(), *operator, value.trim())));
    let (key, operator, value) = split.ok_or_else(|| format!("{text:?} says nothing: expected e.g. state=healthy"))?;
    match (what, key, operator) {
        (What::Group, of, _) => count(of, operator, value),
        (What::Node, "bit", Operator::Equal | Operator::Unequal) => {
            let bit = by_name(value)
                .ok_or_else(|| format!("there is no indicator {value:?}; `rollcall indicators` lists them"))?;
            let number = u32::try_from(bit.bit).unwrap_or(u32::MAX);
            Ok(Test::Bit { bit: number, name: value.to_owned(), set: operator == Operator::Equal })
        }
        (What::Node, "policy", Operator::Equal | Operator::AtLeast) => {
            value.parse().map(Test::Obeys).map_err(|_| format!("{value:?} is no version of a policy"))
        }
        (_, "state", Operator::Equal) => state(what, value),
        _ => Err(format!("{key:?} of it cannot be waited for with this sign")),
    }
}

fn state(what: What, value: &str) -> Result<Test, String> {
    let known: Vec<&str> = match what {
        What::Node => NodeState::ALL.map(NodeState::as_str).to_vec(),
        What::Alert => vec!["acknowledged", "cleared"],
        _ => vec!["running", "done", "failed", "refused", "expired"],
    };
    match known.contains(&value) {
        true => Ok(Test::State(value.to_owned())),
        false => Err(format!("{value:?} is no state of it: {} are", known.join(", "))),
    }
}

fn count(of: &str, operator: Operator, value: &str) -> Result<Test, String> {
    let is_state = NodeState::ALL.iter().any(|state| state.as_str() == of);
    if !is_state && of != "members" {
        return Err(format!("{of:?} of a group cannot be counted: members and the states of nodes can"));
    }
    let number = value.parse().map_err(|_| format!("{value:?} is no number"))?;
    Ok(Test::Count { of: of.to_owned(), operator, number })
}

impl Condition {
    /// How it stands by what the zone says; `None` where there is no such thing.
    pub fn judge(&self, facts: Option<&Value>) -> Standing {
        let name = clean(&self.name);
        let Some(facts) = facts else {
            let what = format!("{:?}", self.what).to_lowercase();
            let stands = format!("there is no {what} {name}");
            return match self.what {
                // A version gets its number when it is set: whoever waits for a later one means another, or erred.
                What::Policy => Standing {
                    never: true,
                    stands: format!("{stands}; `rollcall policy history` lists them"),
                    met: false,
                },
                _ => Standing::not_yet(stands),
            };
        };
        match (&self.test, self.what) {
            (Test::State(wanted), What::Alert) => alert(&name, wanted, facts),
            (Test::State(wanted), What::Action) => action(&name, wanted, facts),
            (Test::State(wanted), _) => {
                let is = clean(facts["state"].as_str().unwrap_or("unknown"));
                Standing { met: is == *wanted, never: false, stands: format!("{name} is {is}") }
            }
            (Test::Bit { bit, name: indicator, set }, _) => bit_of(&name, (*bit, indicator, *set), facts),
            (Test::Obeys(version), _) => {
                let obeys = facts["policy_version"].as_u64().unwrap_or_default();
                let problem = facts["policy_problem"].as_str().map(|why| format!(", and cannot: {}", clean(why)));
                let stands = format!("{name} obeys policy {obeys}{}", problem.unwrap_or_default());
                Standing { met: obeys >= *version, never: false, stands }
            }
            (Test::Count { of, operator, number }, _) => {
                let column = if of == "left" { "left_nodes" } else { of };
                let is = facts[column].as_i64().unwrap_or_default();
                let met = match operator {
                    Operator::AtLeast => is >= *number,
                    Operator::AtMost => is <= *number,
                    Operator::Equal => is == *number,
                    Operator::Unequal => is != *number,
                };
                let members = facts["members"].as_i64().unwrap_or_default();
                let stands = match of.as_str() {
                    "members" => format!("{name} has {is} members"),
                    of => format!("{is} of {members} members of {name} are {of}"),
                };
                Standing { met, never: false, stands }
            }
            (Test::Obeyed, _) => {
                let number = |key: &str| facts[key].as_i64().unwrap_or_default();
                let (live, obeying) = (number("live"), number("obeying"));
                let stands = match live {
                    0 => format!("no live node is there to obey policy {name}"),
                    _ => format!("{obeying} of {live} live nodes obey policy {name}"),
                };
                Standing { met: live > 0 && obeying >= live, never: false, stands }
            }
        }
    }
}

fn bit_of(name: &str, (bit, indicator, set): (u32, &str, bool), facts: &Value) -> Standing {
    let word = |key: &str| facts[key].as_u64().unwrap_or_default() >> bit & 1 == 1;
    let (is_set, is_unknown) = (word("health_bits"), word("unmeasurable"));
    let stands = match (is_unknown, is_set) {
        (true, _) => format!("{indicator} of {name} cannot be measured"),
        (false, true) => format!("{indicator} of {name} is set"),
        (false, false) => format!("{indicator} of {name} is clear"),
    };
    // What is not measured is neither set nor clear.
    Standing { met: !is_unknown && is_set == set, never: false, stands }
}

fn alert(name: &str, wanted: &str, facts: &Value) -> Standing {
    let states: Vec<&str> = facts.as_array().into_iter().flatten().filter_map(|it| it["state"].as_str()).collect();
    let fits = |state: &&str| *state == wanted || (*state == "cleared" && wanted == "acknowledged");
    let met = states.iter().all(fits);
    let stands = match (name.parse::<i64>(), states.as_slice()) {
        (Ok(_), [state]) => format!("alert {name} is {}", clean(state)),
        (_, []) => format!("no alert {name} is open"),
        (_, open) => format!(
            "{} of {} open alerts {name} are not {wanted}",
            open.iter().filter(|it| !fits(it)).count(),
            open.len()
        ),
    };
    Standing { met, never: false, stands }
}

fn action(name: &str, wanted: &str, facts: &Value) -> Standing {
    let is = clean(facts["state"].as_str().unwrap_or("unknown"));
    let has_ended = matches!(is.as_str(), "done" | "failed" | "refused" | "expired");
    let message = facts["message"].as_str().filter(|text| !text.is_empty()).map(|text| format!(": {}", clean(text)));
    let stands = format!("action {name} is {is}{}", message.unwrap_or_default());
    Standing { met: is == wanted, never: has_ended && is != wanted, stands }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(text: &str, facts: &Value) -> (bool, String) {
        let standing = text.parse::<Condition>().unwrap().judge(Some(facts));
        (standing.met, standing.stands)
    }

    #[test]
    fn what_people_wait_for_is_understood_and_told_how_it_stands() {
        let node = json!({ "state": "degraded", "health_bits": 512, "unmeasurable": 131_072, "policy_version": 3 });
        let group = json!({ "members": 20, "healthy": 18, "left_nodes": 1 });
        for (text, facts, met, stands) in [
            ("node=web-3,state=degraded", &node, true, "web-3 is degraded"),
            ("node=web-3,state=healthy", &node, false, "web-3 is degraded"),
            ("node=web-3,bit=disk_space", &node, true, "disk_space of web-3 is set"),
            ("node=web-3,bit!=disk_space", &node, false, "disk_space of web-3 is set"),
            ("node=web-3,bit!=fan", &node, false, "fan of web-3 cannot be measured"),
            ("node=web-3,policy=4", &node, false, "web-3 obeys policy 3"),
            ("group=rack-a,healthy>=18", &group, true, "18 of 20 members of rack-a are healthy"),
            ("group=rack-a,healthy>=20", &group, false, "18 of 20 members of rack-a are healthy"),
            ("group=rack-a,left=1", &group, true, "1 of 20 members of rack-a are left"),
            ("group=rack-a,members<=19", &group, false, "rack-a has 20 members"),
            ("alert=3,state=cleared", &json!([{ "state": "raised" }]), false, "alert 3 is raised"),
            ("alert=fan,state=cleared", &json!([]), true, "no alert fan is open"),
            (
                "alert=fan,state=acknowledged",
                &json!([{ "state": "raised" }, { "state": "acknowledged" }]),
                false,
                "1 of 2 open alerts fan are not acknowledged",
            ),
            ("policy=7,obeyed", &json!({ "live": 3, "obeying": 3 }), true, "3 of 3 live nodes obey policy 7"),
            ("policy=7,obeyed", &json!({ "live": 3, "obeying": 2 }), false, "2 of 3 live nodes obey policy 7"),
            ("policy=7,obeyed", &json!({ "live": 0, "obeying": 0 }), false, "no live node is there to obey policy 7"),
            ("action=x,state=done", &json!({ "state": "running" }), false, "action x is running"),
        ] {
            assert_eq!(judged(text, facts), (met, stands.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_order_that_ended_otherwise_never_comes_true() {
        let condition: Condition = "action=x,state=done".parse().unwrap();
        assert!(condition.judge(Some(&json!({ "state": "failed" }))).never);
        assert_eq!(condition.judge(None), Standing::not_yet("there is no action x".into()));
    }

    #[test]
    fn a_version_that_was_never_set_is_not_waited_for() {
        let standing = "policy=9,obeyed".parse::<Condition>().unwrap().judge(None);
        assert!(standing.never && standing.stands.starts_with("there is no policy 9; "), "{standing:?}");
    }

    #[test]
    fn what_cannot_be_waited_for_is_refused_with_what_can() {
        for (text, word) in [
            ("web-3", "expected e.g."),
            ("rack=a,state=healthy", "nothing to wait for"),
            ("node=,state=healthy", "is missing"),
            ("node=web-3,state=well", "healthy"),
            ("node=web-3,bit=disc", "no indicator"),
            ("node=web-3,state>=healthy", "with this sign"),
            ("group=a,well>=3", "cannot be counted"),
            ("group=a,healthy>=many", "no number"),
            ("policy=last,obeyed", "no version"),
            ("policy=3,state=set", "obeyed"),
            ("alert=3,state=raised", "cleared"),
        ] {
            let told = text.parse::<Condition>().unwrap_err();
            assert!(told.contains(word), "{text}: {told}");
        }
    }
}
