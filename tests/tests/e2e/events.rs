//! What happens, for programs of other people's, over the broker.

use std::collections::BTreeMap;

use rollcall_identity::{Key, make_csr};
use rollcall_model::{Name, Principal, route};
use rollcall_tests::stage::{Brokers, Outsider, PATIENCE, Stage, until};
use serde_json::{Value, json};

const QUEUE: &str = "user.pager.0";
const NEWEST: &str = "SELECT max(event_id) FROM v_events";

/// What a program heard: by the event's id, the key and the row.
type Heard = BTreeMap<i64, (String, Value)>;

/// Takes what comes until the newest event is there.
async fn hear(stage: &Stage, program: &Outsider, heard: &mut Heard) {
    let mut last = heard.keys().last().copied().unwrap_or(0);
    until("the newest event on the broker", PATIENCE, async || {
        for (id, key, body) in program.take(QUEUE).await {
            let id = id.parse().expect("an event's id");
            assert!(id > last, "in order, none twice: {id} after {last}");
            heard.insert(id, (key, serde_json::from_slice(&body).expect("a row")));
            last = id;
        }
        (stage.api().number(NEWEST).await.ok()? == last).then_some(())
    })
    .await;
}

pub async fn a_program_of_a_user_hears_every_event_in_order_and_can_say_nothing(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(1, 1).await;
    let api = stage.api();
    let csr = make_csr(&Key::generate().expect("a key")).expect("a request");
    let asked = json!({ "name": "pager", "role": "viewer", "csr": csr });
    let (code, made) = api.command("POST", "/v1/users", asked.clone()).await;
    assert_eq!(code, 201, "{made}");
    let pager = Principal::User(Name::new("pager").expect("a name"));
    let login = stage.site().login(&stage.trust(), &pager, stage.zone_id().await);
    let program = Outsider::attach(stage.url(), &login).await;
    program.listen(QUEUE, route::EVENTS, "#").await.expect("its own queue");
    program.listen("user.pager.1", route::EVENTS, "node_joined.*").await.expect("its own queue");
    for (queue, exchange) in [
        (QUEUE, route::ZONE),
        (QUEUE, route::DIRECT),
        ("user.other.0", route::EVENTS),
        ("user.pager.all", route::EVENTS),
        ("zone.alerts", route::EVENTS),
    ] {
        assert!(program.listen(queue, exchange, "#").await.is_err(), "{queue} on {exchange}");
    }
    assert!(program.purge("zone.joins").await.is_err());

    let begin = api.number(NEWEST).await.expect("an id");
    let mut heard = Heard::new();
    fleet.agents.push(stage.agent(1, "rack-a").started());
    stage.all_in(2).await;
    hear(&stage, &program, &mut heard).await;
    fleet.zone.restart().await;
    stage.is_up().await;
    fleet.agents.push(stage.agent(2, "rack-a").started());
    stage.all_in(3).await;
    hear(&stage, &program, &mut heard).await;

    let (code, listed) = api.get(&format!("/v1/events?limit=1000&after={begin}")).await.expect("an answer");
    let listed: Vec<Value> = serde_json::from_str(&listed).expect("rows");
    assert!(code == 200 && listed.len() > 6, "{listed:?}");
    for row in &listed {
        let id = row["event_id"].as_i64().expect("an id");
        let (key, told) = heard.get(&id).unwrap_or_else(|| panic!("{row} was not heard"));
        let subject = row["subject_id"].as_str().filter(|subject| subject.len() < 200).unwrap_or("-");
        assert_eq!((key, told), (&format!("{}.{subject}", row["kind"].as_str().expect("a kind")), row));
    }
    let joins = program.take("user.pager.1").await;
    let joined = listed.iter().filter(|row| row["kind"] == "node_joined").count();
    assert_eq!(joins.len(), joined, "a queue takes what it is bound to");

    let (code, _) = api.command("DELETE", "/v1/users/pager", json!({})).await;
    assert_eq!(code, 200);
    until("a removed user to be off the broker", PATIENCE, async || {
        Outsider::connect(stage.url(), &login).await.is_err().then_some(())
    })
    .await;
    // Somebody has the name again, as another user at the broker: the former certificate opens nothing.
    let (code, again) = api.command("POST", "/v1/users", asked).await;
    assert_eq!(code, 201, "{again}");
    assert_ne!(again["user"], made["user"]);
    assert!(Outsider::connect(stage.url(), &login).await.is_err(), "it was a removed user's");
    fleet.assert_alive();
}
