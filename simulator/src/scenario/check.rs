//! What cannot work, and what would.

use super::place::Step;
use super::{MOST_NODES, MOST_RACKS, Scenario};
use crate::{Behaviour, Generation, Span};

/// Something that cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where it stands.
    pub key: Vec<Step>,
    /// What is wrong with it, to be read after the key.
    pub why: String,
    /// What would do.
    pub remedy: String,
}

fn complain(key: &[&'static str], why: String, remedy: impl Into<String>) -> Option<Complaint> {
    Some(Complaint { key: key.iter().map(|name| Step::Key(name)).collect(), why, remedy: remedy.into() })
}

/// A number that lies outside of its bounds, or is none.
fn outside(key: &[&'static str], value: f64, least: f64, most: f64) -> Option<Complaint> {
    if (least..=most).contains(&value) {
        return None;
    }
    complain(key, format!("is {value}"), format!("it has to lie between {least} and {most}"))
}

fn span_outside(key: &[&'static str], value: Span, least: Span, most: Span) -> Option<Complaint> {
    if (least..=most).contains(&value) {
        return None;
    }
    complain(key, format!("is {value}"), format!("it has to lie between {least} and {most}"))
}

const DAY: Span = Span::seconds(86_400);

impl Scenario {
    /// The first thing that cannot work.
    #[must_use]
    pub fn complaint(&self) -> Option<Complaint> {
        self.sizes().or_else(|| self.times()).or_else(|| self.generations_fit()).or_else(|| {
            self.behaviour.iter().enumerate().find_map(|(number, behaviour)| {
                let mut complaint = self.misbehaves(behaviour)?;
                complaint.key.splice(0..0, [Step::Key("behaviour"), Step::Number(number)]);
                Some(complaint)
            })
        })
    }

    fn sizes(&self) -> Option<Complaint> {
        let Self { nodes, racks, .. } = self;
        if *nodes == 0 {
            return complain(&["nodes"], "is 0: there is nothing to simulate".into(), "give at least 1");
        }
        if *racks == 0 {
            return complain(&["racks"], "is 0: nodes stand in racks".into(), "give at least 1");
        }
        if racks > nodes {
            let why = format!("is {racks}, but there are only {nodes} nodes: some racks would be empty");
            return complain(&["racks"], why, format!("give at most {nodes}, or more nodes"));
        }
        outside(&["nodes"], f64::from(*nodes), 1.0, f64::from(MOST_NODES))
            .or_else(|| outside(&["racks"], f64::from(*racks), 1.0, f64::from(MOST_RACKS)))
    }

    fn times(&self) -> Option<Complaint> {
        let Self { arrival, churn, .. } = self;
        span_outside(&["lasting"], self.lasting, Span::seconds(1), DAY)
            .or_else(|| span_outside(&["keep_alive"], self.keep_alive, Span(200), Span::seconds(60)))
            .or_else(|| span_outside(&["sample_period"], self.sample_period, Span(200), Span::seconds(60)))
            .or_else(|| span_outside(&["arrival", "over"], arrival.over, Span(0), DAY))
            .or_else(|| outside(&["arrival", "waves"], f64::from(arrival.waves), 1.0, 1_000.0))
            .or_else(|| outside(&["churn", "leave_per_hour"], churn.leave_per_hour, 0.0, 60.0))
            .or_else(|| outside(&["churn", "die_per_hour"], churn.die_per_hour, 0.0, 60.0))
            .or_else(|| span_outside(&["churn", "back_after"], churn.back_after, Span::seconds(1), DAY))
    }

    fn generations_fit(&self) -> Option<Complaint> {
        let of = |(number, one): (usize, &Generation)| {
            let mut complaint = misfits(one, self.generation[..number].iter())?;
            complaint.key.splice(0..0, [Step::Key("generation"), Step::Number(number)]);
            Some(complaint)
        };
        if !self.generation.is_empty() && self.generation.iter().all(|one| one.share == 0) {
            let why = "has shares of 0 only: no node would be made of anything";
            return complain(&["generation"], why.into(), "give one of them a share of at least 1");
        }
        self.generation.iter().enumerate().find_map(of)
    }

    fn misbehaves(&self, behaviour: &Behaviour) -> Option<Complaint> {
        let rack = |key: &'static str, rack: u32| match rack {
            0 => complain(&[key], "is 0".into(), "racks are counted from 1"),
            rack if rack > self.racks => {
                let remedy = format!("give one from 1 to {}, or more racks", self.racks);
                complain(&[key], format!("is {rack}, but there are {} racks", self.racks), remedy)
            }
            _ => None,
        };
        let some = |nodes: u32| {
            if nodes > self.nodes {
                let why = format!("is {nodes}, but there are {} nodes", self.nodes);
                return complain(&["nodes"], why, format!("give at most {}", self.nodes));
            }
            (nodes == 0).then(|| complain(&["nodes"], "is 0: it would befall nobody".into(), "give at least 1"))?
        };
        match behaviour {
            Behaviour::RandomFaults { per_node_and_hour } => {
                outside(&["per_node_and_hour"], *per_node_and_hour, 0.0, 60.0)
            }
            Behaviour::OverheatingRack { rack: number, at, lasting, .. } => {
                rack("rack", *number).or_else(|| self.late(*at)).or_else(|| lasts(*lasting))
            }
            Behaviour::BadFirmware { generation, share, at, lasting, down, .. } => self
                .unknown(generation.as_deref())
                .or_else(|| outside(&["share"], *share, 0.0, 1.0))
                .or_else(|| self.late(*at))
                .or_else(|| lasts(*lasting))
                .or_else(|| span_outside(&["down"], *down, Span::seconds(1), DAY)),
            Behaviour::Flapping { nodes, every, at, lasting } => some(*nodes)
                .or_else(|| span_outside(&["every"], *every, Span::seconds(1), DAY))
                .or_else(|| self.late(*at))
                .or_else(|| lasts(*lasting)),
            Behaviour::MassRestart { racks, at, down, .. } => racks
                .iter()
                .find_map(|number| rack("racks", *number))
                .or_else(|| self.late(*at))
                .or_else(|| span_outside(&["down"], *down, Span::seconds(1), DAY)),
            Behaviour::Deaths { nodes, at, back_after, .. } => {
                let back = back_after.and_then(|back| span_outside(&["back_after"], back, Span::seconds(1), DAY));
                some(*nodes).or_else(|| self.late(*at)).or(back)
            }
            Behaviour::DiurnalLoad { day, swing } => span_outside(&["day"], *day, Span::seconds(10), Span(DAY.0 * 7))
                .or_else(|| outside(&["swing"], *swing, 0.0, 1.0)),
        }
    }

    /// What would begin after the end.
    fn late(&self, at: Span) -> Option<Complaint> {
        let whole = self.whole();
        if at < whole {
            return None;
        }
        let why = format!("is {at}, but all is over after {whole} (arrival.over and lasting)");
        complain(&["at"], why, "let it begin earlier, or let all last longer")
    }

    fn unknown(&self, generation: Option<&str>) -> Option<Complaint> {
        let (wanted, known) = (generation?, self.generations());
        if known.iter().any(|one| one.name == wanted) {
            return None;
        }
        let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
        complain(
            &["generation"],
            format!("is {wanted:?}, which there is not"),
            format!("there are {}", names.join(", ")),
        )
    }
}

fn lasts(lasting: Span) -> Option<Complaint> {
    span_outside(&["lasting"], lasting, Span::seconds(1), DAY)
}

fn misfits<'a>(one: &Generation, mut before: impl Iterator<Item = &'a Generation>) -> Option<Complaint> {
    if one.name.is_empty() {
        return complain(&["name"], "is empty".into(), "give it one, e.g. \"2023-genoa\"");
    }
    if before.any(|other| other.name == one.name) {
        return complain(&["name"], format!("is {:?} twice", one.name), "give each a name of its own");
    }
    if !["GenuineIntel", "AuthenticAMD", "ARM"].contains(&one.vendor.as_str()) {
        let why = format!("is {:?}", one.vendor);
        return complain(&["vendor"], why, "there are \"GenuineIntel\", \"AuthenticAMD\" and \"ARM\"");
    }
    let numbers: [(&'static str, u32, f64, f64); 6] = [
        ("sockets", one.sockets, 1.0, 8.0),
        ("cores", one.cores, 1.0, 1_024.0),
        ("threads", one.threads, 1.0, 8.0),
        ("memory_gib", one.memory_gib, f64::from(one.sockets), 16_384.0),
        ("drives", one.drives, 0.0, 100.0),
        ("accelerators", one.accelerators, 0.0, 14.0),
    ];
    numbers.into_iter().find_map(|(key, value, least, most)| outside(&[key], f64::from(value), least, most))
}
