//! What somebody asks for who wants a target, checked and understood.

use std::sync::Arc;

use rollcall_model::GroupId;
use rollcall_placement::{Kind, Want};
use rollcall_store::Bind;
use serde::Deserialize;
use serde_json::{Value, json};

use super::MOST_TARGETS;
use crate::api::Shared;
use crate::api::asking::rows;
use crate::api::availability::{kind_named, plan};
use crate::api::errors::Problem;
use crate::api::receiving::one_line;
use crate::availability::Plan;
use crate::core::Demands;

/// Longest text of a combination or a rule, characters.
const LONGEST: usize = 2_000;

/// A query, as it is written. An empty value is none: forms send those.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Asking {
    /// `balance`, `power` or `mixed`.
    #[serde(rename = "for")]
    pub kind: String,
    /// A group of any kind, by name or id.
    pub group: String,
    /// `large`, `median`, or how large what is to be placed is beside the largest node, 0 to 1.
    pub size: String,
    /// How many different nodes.
    pub count: String,
    /// How many candidates are compared for each.
    pub choices: String,
    /// A combination of hardware.
    pub capability: String,
    /// How large a node is at least, in units of a thread with 4 GiB.
    pub min_units: String,
    /// A rule (CEL) that a node fulfils now.
    pub rule: String,
    /// Tell why, and place nothing.
    pub explain: bool,
}

/// A group that targets are looked for in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Among {
    pub id: GroupId,
    pub name: String,
}

/// What is to be placed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Size {
    /// Nobody said.
    Unknown,
    /// So much of the largest node.
    Of(f64),
    /// A node of this word and rank in the sorted list (A6).
    Rank(&'static str, f64),
}

impl Size {
    /// As it was asked for.
    pub(crate) fn as_json(self) -> Value {
        match self {
            Self::Unknown => Value::Null,
            Self::Of(size) => json!(size),
            Self::Rank(word, _) => json!(word),
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub kind: Kind,
    pub group: Option<Among>,
    /// The group whose ring is read: the one asked for, or the one of the combination.
    pub ring: Option<Among>,
    pub size: Size,
    pub count: usize,
    pub choices: usize,
    pub demands: Demands,
    pub plan: Arc<Plan>,
}

impl Wish {
    /// Understands a query.
    ///
    /// # Errors
    /// 400 with the parameter at fault, 404 where there is no such group, 409 where no policy has nodes speak, or not of
    /// this kind.
    pub(crate) async fn read(shared: &Shared, asking: Asking) -> Result<Self, Problem> {
        let size = size(&asking.size)?;
        let count = whole("count", &asking.count, 1, MOST_TARGETS)?;
        let choices = whole("choices", &asking.choices, Want::default().choices, Want::MOST_CHOICES)?;
        let mut demands = demands(&asking)?;
        let plan = plan(shared)?;
        let kind = kind(&asking.kind, &plan)?;
        let group = match asking.group.as_str() {
            "" => None,
            wanted => Some(group(shared, wanted).await?),
        };
        let mut ring = group.clone();
        if let (None, Some(capability)) = (&group, &demands.capability) {
            ring = of_capability(shared, capability).await?;
            // Who is in that group has this combination: there is nothing to judge.
            demands.capability = demands.capability.filter(|_| ring.is_none());
        }
        Ok(Self { kind, group, ring, size, count, choices, demands, plan })
    }
}

fn demands(asking: &Asking) -> Result<Demands, Problem> {
    one_line("capability", &asking.capability, LONGEST)?;
    one_line("rule", &asking.rule, LONGEST)?;
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let min_units = match asking.min_units.as_str() {
        "" => None,
        units => Some(real(units).filter(|units| *units > 0.0).ok_or_else(|| {
            Problem::at("min_units", format!("{units:?} is no number above 0; a unit is a thread with 4 GiB"))
        })?),
    };
    Ok(Demands { capability: text(&asking.capability), min_units, rule: text(&asking.rule) })
}

fn real(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn size(text: &str) -> Result<Size, Problem> {
    match text {
        "" => Ok(Size::Unknown),
        "large" => Ok(Size::Rank("large", 0.0)),
        "median" => Ok(Size::Rank("median", 0.5)),
        number => real(number).filter(|size| (0.0..=1.0).contains(size)).map(Size::Of).ok_or_else(|| {
            Problem::at("size", format!("{number:?} is neither large nor median nor a number from 0 to 1"))
        }),
    }
}

fn whole(field: &str, text: &str, unless_said: usize, most: usize) -> Result<usize, Problem> {
    if text.is_empty() {
        return Ok(unless_said);
    }
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| Problem::at(field, format!("{text:?} is no whole number from 1 to {most}")))
}

/// The kind that is asked for; without a word the one that nodes send, balance before power.
fn kind(word: &str, plan: &Plan) -> Result<Kind, Problem> {
    let sent = plan.sending.kinds.kinds();
    if word.is_empty() {
        return Ok(sent.first().copied().unwrap_or(Kind::Balance));
    }
    let kind =
        kind_named(word).ok_or_else(|| Problem::at("for", format!("{word:?} is none of balance, power and mixed")))?;
    if sent.contains(&kind) {
        return Ok(kind);
    }
    let sent: Vec<&str> = sent.iter().map(|kind| kind.as_str()).collect();
    let sent = sent.join(" and ");
    let why = format!(
        "the policy in force has nodes send {sent} and not {word}; ask for {sent}, or set `kinds` in \
         `[settings.availability]` with `rollcall policy set`"
    );
    Err(Problem::conflict(why).because("kind_not_sent").of("for"))
}

async fn group(shared: &Shared, wanted: &str) -> Result<Among, Problem> {
    let sql = "SELECT group_id, name FROM v_groups WHERE group_id = $1 OR name = $1 ORDER BY group_id LIMIT 2";
    let found = rows(shared, sql, &[Bind::Text(wanted.to_owned())]).await?;
    match found.as_slice() {
        [row] => among(row),
        [] => Err(Problem::missing(format!("there is no group {wanted:?} in this zone")).of("group")),
        _ => Err(Problem::bad_request(format!("{wanted:?} names more than one group; give its id")).of("group")),
    }
}

/// The logical group of a combination.
async fn of_capability(shared: &Shared, capability: &str) -> Result<Option<Among>, Problem> {
    let sql = "SELECT group_id, name FROM v_groups WHERE kind = 'logical' AND capability = $1 AND rule IS NULL LIMIT 2";
    let found = rows(shared, sql, &[Bind::Text(capability.to_owned())]).await?;
    match found.as_slice() {
        [row] => among(row).map(Some),
        _ => Ok(None),
    }
}

fn among(row: &Value) -> Result<Among, Problem> {
    let text = |column: &str| row[column].as_str().unwrap_or_default().to_owned();
    let id = text("group_id").parse().map_err(|_| Problem::store("the id of a group is none"))?;
    Ok(Among { id, name: text("name") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_size_or_a_number_is_refused_with_the_parameter() {
        assert_eq!(size("").unwrap(), Size::Unknown);
        assert_eq!(size("0.25").unwrap(), Size::Of(0.25));
        assert_eq!(size("median").unwrap(), Size::Rank("median", 0.5));
        for bad in ["-0.1", "1.01", "NaN", "inf", "huge", "1,5"] {
            assert!(size(bad).unwrap_err().detail().starts_with("size: "), "{bad}");
        }
        assert_eq!(whole("count", "", 1, 32).unwrap(), 1);
        assert_eq!(whole("count", "32", 1, 32).unwrap(), 32);
        for bad in ["0", "33", "-1", "1.5", "many", "99999999999999999999"] {
            assert!(whole("count", bad, 1, 32).unwrap_err().detail().starts_with("count: "), "{bad}");
        }
    }

    #[test]
    fn demands_are_read_and_nonsense_among_them_is_refused() {
        let asking = |min_units: &str, rule: &str| Asking {
            min_units: min_units.into(),
            rule: rule.into(),
            ..Asking::default()
        };
        assert!(demands(&Asking::default()).unwrap().are_none());
        let some = demands(&asking("8", "cpu.cores > 4")).unwrap();
        assert_eq!((some.min_units, some.rule.as_deref()), (Some(8.0), Some("cpu.cores > 4")));
        for (min_units, rule) in [("0", ""), ("-1", ""), ("NaN", ""), ("", "a\nb"), ("", &"x".repeat(2_001))] {
            assert!(demands(&asking(min_units, rule)).is_err(), "{min_units} {rule}");
        }
    }
}
