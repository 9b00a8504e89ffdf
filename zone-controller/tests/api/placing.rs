//! Where to place something: targets and availability, with nodes that speak and without.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use rollcall_bus::{Assurance, Bus, Outgoing};
use rollcall_model::availability::AvailabilityKind;
use rollcall_model::packet::{AvailabilitySent, KindSent};
use rollcall_model::wire::availability::{KIND, RaMessage};
use rollcall_model::{AvailabilityKinds, GroupId, NodeIdentifier, NodeState, Principal, SessionEpoch, route};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::stage::Stage;

const POLICY: &str = "[settings.availability]\nkinds = \"balance\"\nmessages_per_second = 100.0\nnodes_per_group = 4\n";

/// Nodes that speak as if they were so free.
struct Speaking {
    stage: Stage,
    nodes: BTreeMap<&'static str, NodeIdentifier>,
    voices: Vec<JoinHandle<()>>,
}

impl Speaking {
    async fn up(free: &[(&'static str, f64)]) -> Self {
        let mut stage = Stage::up().await;
        let mut nodes = BTreeMap::new();
        for (number, (name, _)) in (1..).zip(free) {
            let node = stage.node(name).await;
            stage.state(&node, number, NodeState::Healthy).await;
            nodes.insert(*name, node);
        }
        assert_eq!(stage.ask(Method::PUT, "/v1/policy", Some(POLICY)).await.0, 200);
        let first = format!("/v1/nodes/{}/availability", free[0].0);
        let fastest = stage.until(&first, |told| told["kinds"][0]["fastest"].as_f64().map(Value::from)).await;
        let mut voices = Vec::new();
        for (name, part) in free {
            let node = &nodes[name];
            let bus = stage.attach(Principal::Node(node.node), route::node_inbox(node.node)).await;
            let sent = AvailabilitySent {
                storage: 0.25,
                processing: 1.0 - part,
                communications: None,
                share: 1.0,
                kinds: vec![KindSent {
                    kind: AvailabilityKind::Balance,
                    availability: *part,
                    messages_per_second: 1.0,
                }],
            };
            stage.answer_readings_on(&bus, node, Some(sent)).await;
            let period = Duration::from_secs_f64(1.0 / (fastest.as_f64().unwrap() * part));
            voices.push(tokio::spawn(speak(bus, node.clone(), period)));
        }
        let speaking = Self { stage, nodes, voices };
        // The list is empty for a moment after the policy came.
        let all = |rows: &Value| {
            let rows = rows.as_array()?;
            (rows.len() == free.len() && rows.iter().all(is_known)).then_some(Value::Null)
        };
        speaking.stage.until("/v1/availability", all).await;
        speaking
    }

    async fn target(&self, query: &str) -> Value {
        let (code, answer) = self.stage.get(&format!("/v1/targets?{query}")).await;
        assert_eq!(code, 200, "{query}: {answer}");
        answer
    }

    async fn refused(&self, query: &str) -> (u16, Value) {
        let (code, problem) = self.stage.get(&format!("/v1/targets?{query}")).await;
        assert!(code >= 400, "{query}: {problem}");
        (code, problem)
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.voices.iter().for_each(JoinHandle::abort);
    }
}

fn is_known(row: &Value) -> bool {
    row["availability"].is_number()
}

async fn speak(bus: Bus, node: NodeIdentifier, period: Duration) {
    let kinds = AvailabilityKinds::EMPTY.with(AvailabilityKind::Balance);
    let message = RaMessage { node: node.node, epoch: SessionEpoch(1), kinds };
    let mut beat = tokio::time::interval(period);
    loop {
        beat.tick().await;
        let key = route::group_key(GroupId::derived_from("rack-a"), route::AVAILABILITY, node.node);
        let word = Outgoing {
            exchange: route::GROUP.into(),
            routing_key: key,
            body: message.encode().to_vec(),
            kind: KIND,
            message_id: None,
            assurance: Assurance::Lossy,
            trace: None,
        };
        bus.publish(word).await.expect("a broker");
    }
}

fn names(answer: &Value) -> Vec<&str> {
    answer["targets"].as_array().unwrap().iter().map(|target| target["node"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn targets_are_found_among_those_that_speak_and_it_is_said_why_not_the_others() {
    let speaking = Speaking::up(&[("n1", 0.8), ("n2", 0.2)]).await;
    let answer = speaking.target("count=2&explain=true").await;
    let mut found = names(&answer);
    found.sort_unstable();
    assert_eq!((found, &answer["placed"], &answer["missing"]), (vec!["n1", "n2"], &json!(false), &Value::Null));
    assert_eq!(answer["targets"][0]["rack"], "rack-a");
    assert!(answer["considered"].as_array().unwrap().iter().any(|look| look["outcome"] == "chosen"), "{answer}");
    let answer = speaking.target("for=balance&group=rack-a&count=5").await;
    let missing = answer["missing"].as_str().unwrap();
    assert!(names(&answer).len() == 2 && missing.starts_with("only 2 targets for balance in group rack-a"), "{answer}");

    let (code, problem) = speaking.refused("for=power").await;
    assert_eq!(
        (code, &problem["reason"], &problem["errors"][0]["field"]),
        (409, &json!("kind_not_sent"), &json!("for"))
    );
    assert_eq!(speaking.refused("group=nowhere").await.0, 404);
    let (code, problem) = speaking.refused("rule=node.name%20%3D%3D").await;
    assert_eq!((code, &problem["errors"][0]["field"]), (422, &json!("rule")), "{problem}");
    let (_, problem) = speaking.refused("rule=node.name%20%3D%3D%20%27n9%27").await;
    let detail = problem["detail"].as_str().unwrap();
    assert!(problem["reason"] == "no_target" && detail.contains("does not fulfil the rule: node.name = "), "{detail}");
    let (_, problem) = speaking.refused("min_units=4").await;
    assert!(problem["detail"].as_str().unwrap().contains("how large it is is not known"), "{problem}");
    let answer = speaking.target("rule=node.name%20%3D%3D%20%27n2%27&count=1").await;
    assert_eq!(names(&answer), ["n2"]);
    let capability = speaking.stage.get("/v1/nodes/n1").await.1["node"]["capability"].as_str().unwrap().to_owned();
    assert!(!names(&speaking.target(&format!("capability={}", capability.replace(';', "%3B"))).await).is_empty());
    assert_eq!(speaking.refused("capability=v1%3Bcpu%3Dx").await.1["reason"], "no_target");
}

#[tokio::test]
async fn a_node_that_is_down_is_no_target_and_how_free_all_are_is_listed() {
    let mut speaking = Speaking::up(&[("n1", 0.8), ("n2", 0.2)]).await;
    let node = speaking.nodes["n1"].clone();
    speaking.stage.state(&node, 9, NodeState::Down).await;
    let barred =
        |rows: &Value| rows.as_array()?.iter().find(|row| !row["barred"].as_array().unwrap().is_empty()).cloned();
    let row = speaking.stage.until("/v1/availability", barred).await;
    assert_eq!((&row["node"], &row["barred"]), (&json!("n1"), &json!(["not healthy or degraded"])));
    assert_eq!(names(&speaking.target("").await), ["n2"]);
    let answer = speaking.target("count=2&explain=true").await;
    let missing = answer["missing"].as_str().unwrap();
    assert!(missing.contains("1 barred (1 not healthy or degraded)"), "{missing}");

    let (_, rows) = speaking.stage.get("/v1/availability?limit=1&kind=balance&group=rack-a").await;
    assert_eq!(rows.as_array().unwrap().len(), 1);
    let page = speaking.stage.send(Method::GET, "/v1/availability?limit=1", &[], None).await;
    let next = page.header("link").expect("another page");
    let next = next.trim_start_matches('<').split('>').next().unwrap().to_owned();
    let (_, second) = speaking.stage.get(&next).await;
    assert_ne!((&second[0]["node"], second.as_array().unwrap().len()), (&page.json[0]["node"], 0));
    assert_eq!(speaking.stage.get("/v1/availability?kind=power").await, (200, json!([])));
    assert_eq!(speaking.stage.get("/v1/availability?group=nowhere").await.0, 404);

    let (code, one) = speaking.stage.get("/v1/nodes/n2/availability").await;
    assert_eq!((code, &one["sent"]["processing"], &one["problem"]), (200, &json!(0.8), &Value::Null), "{one}");
    assert_eq!(one["heard"][0]["kind"], "balance");
    let (_, _, page) = speaking.stage.page("/ui/place?count=2").await;
    assert!(page.contains("Would be taken now") && page.contains("only 1 target for balance"), "{page}");
    let (_, _, page) = speaking.stage.page("/ui/nodes/n2/availability").await;
    assert!(page.contains("processing 80 %, communications not measured"), "{page}");
    assert!(speaking.stage.page("/ui/groups/rack-a").await.2.contains("Free for balance"));
    let (code, _, page) = speaking.stage.page("/ui/place?size=huge").await;
    assert!(code == 200 && page.contains("neither large nor median"), "{page}");
}

#[tokio::test]
async fn what_is_taken_counts_there_until_the_node_has_spoken_again() {
    let speaking = Speaking::up(&[("n1", 0.8)]).await;
    for _ in 0..3 {
        assert_eq!(names(&speaking.target("size=0.5&explain=true").await), ["n1"]);
    }
    speaking.voices[0].abort();
    assert_eq!(speaking.target("size=0.5").await["placed"], true);
    let (code, problem) = speaking.refused("size=0.5").await;
    assert_eq!((code, &problem["reason"]), (409, &json!("no_target")), "{problem}");
}

#[tokio::test]
async fn without_a_policy_that_has_nodes_speak_it_is_said_how_to_set_one() {
    let mut stage = Stage::up().await;
    stage.node("n1").await;
    for path in ["/v1/targets", "/v1/targets?explain=true", "/v1/availability", "/v1/nodes/n1/availability"] {
        let (code, problem) = stage.get(path).await;
        assert_eq!((code, &problem["reason"]), (409, &json!("no_policy")), "{path}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("[settings.availability]") && detail.contains("rollcall policy set"), "{detail}");
    }
    let (code, _, page) = stage.page("/ui/place").await;
    assert!(code == 200 && page.contains("No policy has nodes tell how free they are"), "{page}");
    let (_, _, page) = stage.page("/ui/nodes/n1").await;
    assert!(!page.contains("id=\"free\""), "nothing is said of what is not known");
}

#[tokio::test]
async fn a_question_that_cannot_be_understood_is_refused_with_what_is_wrong_in_it() {
    let stage = Stage::up().await;
    for (query, field) in [
        ("size=huge", "size"),
        ("size=1.5", "size"),
        ("size=NaN", "size"),
        ("count=0", "count"),
        ("count=33", "count"),
        ("choices=9", "choices"),
        ("min_units=-1", "min_units"),
        ("min_units=many", "min_units"),
        ("rule=a%0Ab", "rule"),
        ("explain=perhaps", "explain"),
        ("fro=power", "fro"),
    ] {
        let (code, problem) = stage.get(&format!("/v1/targets?{query}")).await;
        assert!(code == 400 || code == 422, "{query}: {code} {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
    }
    for (query, field) in [("kind=loud", "kind"), ("limit=0", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor")] {
        let (code, problem) = stage.get(&format!("/v1/availability?{query}")).await;
        assert_eq!((code, &problem["errors"][0]["field"]), (400, &json!(field)), "{query}: {problem}");
    }
    assert_eq!(stage.get("/v1/nodes/nobody/availability").await.0, 404);
}
