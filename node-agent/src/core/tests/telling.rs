//! Metrics now and then, readings when asked.

use rollcall_model::indicator::INDICATORS;
use rollcall_model::packet::ReadingsRequest;
use rollcall_model::policy;

use super::*;

fn metrics(effects: &[(u64, Effect)]) -> Vec<(u64, usize)> {
    let told = |(at, effect): &(u64, Effect)| match packets(from_ref(effect), "metrics").pop()?.1 {
        Packet::Metrics(metrics) => Some((*at, metrics.readings.len())),
        _ => None,
    };
    effects.iter().filter_map(told).collect()
}

fn statuses_at(effects: &[(u64, Effect)]) -> Vec<u64> {
    let is_status = |effect: &Effect| matches!(effect, Effect::Publish(message) if message.kind == status::KIND);
    effects.iter().filter(|(_, effect)| is_status(effect)).map(|(at, _)| *at).collect()
}

#[test]
fn metrics_begin_soon_after_joining_and_come_at_their_period() {
    let mut agent = member();
    let effects = until(&mut agent, 35_000);
    let told = metrics(&effects);
    assert!(told[0].0 <= 1_000, "{told:?}");
    let pauses: Vec<u64> = told.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!((9_000..=10_000).contains(&pauses[0]), "the second ones go out with a keep-alive: {pauses:?}");
    assert_eq!(pauses[1..], [10_000, 10_000]);
    assert!(told[1..].iter().all(|(at, _)| statuses_at(&effects).contains(at)), "{told:?}");
    assert_eq!(told[0].1, 24);
    let (key, _, receipt) =
        effects.iter().find_map(|(_, effect)| packets(from_ref(effect), "metrics").pop()).expect("metrics");
    assert_eq!(key, route::group_key(GroupId::derived_from("rack-a"), "metrics", agent.settings.identifier.node));
    assert_eq!(receipt, None, "the newest wins");
}

#[test]
fn another_period_and_what_is_switched_off_are_followed() {
    let mut agent = member();
    until(&mut agent, 2_000);
    let off = IndicatorSetting { enabled: Some(false), ..IndicatorSetting::default() };
    let settings = policy::Settings {
        metrics_period_ms: Some(1_500),
        indicators: [("fan".to_owned(), off)].into(),
        ..policy::Settings::default()
    };
    let policy = Packet::NodePolicy(NodePolicy {
        group: GroupId::derived_from("rack-a"),
        version: 1,
        settings,
        allowed_actions: vec![],
    });
    agent.step(at(2_000), delivered(policy));
    let told = metrics(&until(&mut agent, 9_000));
    assert!(told[0].0 <= 3_500, "{told:?}");
    assert!(told.windows(2).all(|pair| (1_350..=1_650).contains(&(pair[1].0 - pair[0].0))), "{told:?}");
    assert!(told.iter().all(|(_, readings)| *readings == 23), "{told:?}");
}

#[test]
fn a_node_that_was_away_does_not_make_up_for_missed_metrics() {
    let mut agent = member();
    until(&mut agent, 5_000);
    agent.step(at(5_000), Event::LinkDown);
    agent.step(at(100_000), Event::LinkUp);
    let told = metrics(&until(&mut agent, 115_000));
    assert!(told.len() <= 2, "{told:?}");
}

#[test]
fn whoever_asks_is_told_every_indicator_with_its_value_or_the_reason() {
    let mut agent = member();
    let ask = |agent: &mut Agent, at_ms| {
        let request = delivered(Packet::ReadingsRequest(ReadingsRequest { request: 42 }));
        let effects = agent.step(at(at_ms), request);
        match packets(&effects, "readings").pop() {
            Some((key, Packet::Readings(readings), _)) => (key, readings),
            other => panic!("{other:?}"),
        }
    };
    let masked = Health::new(HealthBits::NONE.with(0, true), HealthBits::NONE.with(20, true)).unwrap();
    agent.step(at(1_000), Event::Sampled(showing(masked, Tick(1_000))));
    let (key, readings) = ask(&mut agent, 1_350);
    assert_eq!(key, route::readings_key(agent.settings.identifier.node));
    assert_eq!((readings.request, readings.age_ms, readings.policy), (42, Millis(350), 0));
    assert_eq!(readings.indicators.len(), INDICATORS.len());
    for (told, indicator) in readings.indicators.iter().zip(&INDICATORS) {
        assert_eq!(told.name, indicator.name);
        assert_eq!(told.value.is_none(), told.reason.is_some(), "{}", told.name);
        assert_eq!((told.limit, told.set), (indicator.threshold.limit, indicator.bit == 0));
    }
    assert_eq!(readings.indicators[20].reason.as_deref(), Some("this simulated machine does not tell it"));

    let off = IndicatorSetting { enabled: Some(false), ..IndicatorSetting::default() };
    let warm = IndicatorSetting { limit: Some(70.0), clear: Some(60.0), dwell_ms: Some(1), enabled: None };
    let settings = policy::Settings {
        indicators: [("fan".to_owned(), off), ("cpu_temperature".to_owned(), warm)].into(),
        ..policy::Settings::default()
    };
    let group = GroupId::derived_from("rack-a");
    let policy = NodePolicy { group, version: 8, settings, allowed_actions: vec![] };
    agent.step(at(2_000), delivered(Packet::NodePolicy(policy)));
    let (_, readings) = ask(&mut agent, 2_000);
    assert_eq!(readings.policy, 8);
    assert_eq!(readings.indicators[17].reason.as_deref(), Some("switched off by policy 8"));
    let warm = &readings.indicators[0];
    assert_eq!((warm.limit, warm.clear, warm.above, warm.dwell_ms), (70.0, 60.0, true, Millis(1)));
}

#[test]
fn before_the_first_sample_that_is_the_reason() {
    let mut agent = agent();
    agent.step(at(0), Event::LinkUp);
    let request = delivered(Packet::ReadingsRequest(ReadingsRequest { request: 1 }));
    let effects = agent.step(at(10), request);
    let Some((_, Packet::Readings(readings), _)) = packets(&effects, "readings").pop() else { panic!("{effects:?}") };
    assert!(readings.indicators.iter().all(|one| one.reason.as_deref() == Some("nothing has been measured yet")));
}
