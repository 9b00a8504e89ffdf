//! Scopes, resolution, and what is refused.

use super::*;
use crate::indicator::by_name;
use crate::{HealthBits, Millis};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn setting(limit: Option<f64>, clear: Option<f64>) -> IndicatorSetting {
    IndicatorSetting { limit, clear, ..IndicatorSetting::default() }
}

fn disk(limit: f64, clear: Option<f64>) -> Settings {
    let indicators = [("disk_space".to_owned(), setting(Some(limit), clear))].into();
    Settings { indicators, ..Settings::default() }
}

fn over(group: Option<&str>, node: Option<&str>, settings: Settings) -> Override {
    Override { group: group.map(Into::into), node: node.map(Into::into), settings }
}

#[test]
fn a_node_is_given_the_narrowest_setting() {
    let document = PolicyDocument {
        settings: Settings { keep_alive_ms: Some(2_000), ..disk(95.0, None) },
        overrides: vec![
            over(None, Some("web-*"), disk(70.0, None)),
            over(Some("rack-*"), None, disk(80.0, None)),
            over(Some("rack-b"), None, Settings { sample_period_ms: Some(500), ..Settings::default() }),
        ],
        ..PolicyDocument::default()
    };
    // (group, node, limit, sampling)
    for (group, node, limit, sampling) in [
        ("lab", "db-1", 95.0, None),
        ("lab", "web-1", 70.0, None),
        ("rack-a", "db-1", 80.0, None),
        ("rack-b", "db-1", 80.0, Some(500)),
        ("rack-b", "web-2", 70.0, Some(500)),
    ] {
        let settings = document.for_group(&name(group)).for_node(&name(node));
        assert_eq!(settings.indicators["disk_space"].limit, Some(limit), "{group} {node}");
        assert_eq!((settings.sample_period_ms, settings.keep_alive_ms), (sampling, Some(2_000)), "{group} {node}");
    }
}

#[test]
fn a_limit_given_alone_keeps_the_distance_to_its_clear() {
    let bit = by_name("disk_space").unwrap().bit;
    let resolved = disk(70.0, None).resolve().unwrap();
    assert_eq!((resolved.thresholds[bit].limit, resolved.thresholds[bit].clear), (70.0, 68.0));
    assert_eq!(resolved.disabled, HealthBits::NONE);
    let off = IndicatorSetting { enabled: Some(false), ..IndicatorSetting::default() };
    let settings = Settings { indicators: [("fan".into(), off)].into(), ..Settings::default() };
    assert_eq!(settings.resolve().unwrap().disabled, HealthBits::NONE.with(by_name("fan").unwrap().bit, true));
    assert_eq!(settings.resolve().unwrap().metrics_period, Millis(10_000));
}

#[test]
fn what_nobody_can_obey_is_refused_with_the_key_and_the_reason() {
    let of = |name: &str, setting| Settings { indicators: [(name.into(), setting)].into(), ..Settings::default() };
    let period = |ms| Settings { sample_period_ms: Some(ms), ..Settings::default() };
    for (settings, key, part) in [
        (disk(80.0, Some(85.0)), "indicators.disk_space.clear", "must lie at or below limit"),
        (of("memory_available", setting(Some(5.0), Some(4.0))), "indicators.memory_available.clear", "at or above"),
        (of("disk_spaces", setting(None, None)), "indicators.disk_spaces", "did you mean disk_space?"),
        (of("fan", setting(Some(f64::NAN), None)), "indicators.fan.limit", "NaN"),
        (period(10), "sample_period_ms", "between 200 and 60000"),
    ] {
        let error = settings.resolve().unwrap_err();
        assert_eq!(error.key, key);
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn an_unknown_key_is_a_mistake_in_a_document_and_ignored_in_a_packet() {
    for text in [
        r#"{"settings":{"sample_perod_ms":500}}"#,
        r#"{"settings":{"indicators":{"fan":{"limits":1}}}}"#,
        r#"{"overrides":[{"node":"a","settings":{"later":1}}]}"#,
        r#"{"later":1}"#,
    ] {
        assert!(
            serde_json::from_str::<PolicyDocument>(text).unwrap_err().to_string().contains("unknown field"),
            "{text}"
        );
    }
    let taken: Settings =
        serde_json::from_str(r#"{"later":1,"indicators":{"fan":{"later":2,"enabled":false}}}"#).unwrap();
    assert_eq!(taken.indicators["fan"].enabled, Some(false));
}

#[test]
fn how_nodes_speak_is_set_for_the_whole_zone_and_for_nothing_narrower() {
    let speaking = |kinds| Settings {
        availability: Some(AvailabilitySettings { kinds, ..AvailabilitySettings::default() }),
        ..Settings::default()
    };
    let document = PolicyDocument {
        settings: speaking(SentKinds::Both),
        overrides: vec![
            over(Some("rack-a"), None, speaking(SentKinds::Power)),
            over(None, Some("node-1"), Settings::default()),
        ],
        ..PolicyDocument::default()
    };
    let known = Known { groups: &[name("rack-a")], nodes: &[name("node-1")] };
    let problems = document.problems(known);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].key, "overrides[0].settings.availability");
    assert!(problems[0].message.contains("whole zone"), "{}", problems[0]);
    let settings = document.for_group(&name("rack-a")).for_node(&name("node-1"));
    assert_eq!(settings.resolve().unwrap().availability.kinds, SentKinds::Both);
    assert_eq!(Settings::default().resolve().unwrap().availability.kinds.set(), crate::AvailabilityKinds::EMPTY);
}

#[test]
fn how_nodes_speak_has_bounds_and_every_word_is_known() {
    let of =
        |text: &str| serde_json::from_str::<PolicyDocument>(&format!(r#"{{"settings":{{"availability":{text}}}}}"#));
    for (text, key) in [
        (r#"{"messages_per_second":0}"#, "availability.messages_per_second"),
        (r#"{"nodes_per_group":0}"#, "availability.nodes_per_group"),
        (r#"{"min":0.6}"#, "availability.min"),
        (r#"{"thresholds":{"processing":0}}"#, "availability.thresholds.processing"),
        (r#"{"jitter":0}"#, "availability.jitter"),
        (r#"{"capacity_period_s":1}"#, "availability.capacity_period_s"),
        (r#"{"largest_units":-1}"#, "availability.largest_units"),
        (r#"{"schedule":[{"at":"09:00","alpha":1.5}]}"#, "availability.schedule at 09:00: alpha"),
    ] {
        let error = of(text).unwrap().settings.resolve().unwrap_err();
        assert_eq!(error.key, key, "{error}");
        assert!(error.message.contains("must lie between"), "{error}");
    }
    for (text, part) in [
        (r#"{"kind":"both"}"#, "unknown field"),
        (r#"{"kinds":"all"}"#, "unknown variant"),
        (r#"{"thresholds":{"cpu":0.9}}"#, "unknown field"),
        (r#"{"schedule":[{"at":"9:00","alpha":1}]}"#, "is no time of the day"),
        (r#"{"schedule":[{"at":"24:00","alpha":1}]}"#, "is no time of the day"),
        (r#"{"schedule":[{"at":"09:00"}]}"#, "missing field"),
    ] {
        let error = of(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let taken = of(r#"{"kinds":"mixed","schedule":[{"at":"09:00:30","alpha":1}]}"#).unwrap().settings;
    let schedule = &taken.availability.as_ref().unwrap().schedule;
    assert_eq!((schedule[0].at.second(), schedule[0].at.to_string().as_str()), (32_430, "09:00:30"));
    let packet: Settings = serde_json::from_str(&serde_json::to_string(&taken).unwrap()).unwrap();
    assert_eq!(packet, taken);
    let later: Settings = serde_json::from_str(r#"{"availability":{"kinds":"both","later":1}}"#).unwrap();
    assert_eq!(later.availability.unwrap().kinds, SentKinds::Both);
}

#[test]
fn every_problem_of_a_document_is_told() {
    let remedy = Remedy { name: name("r"), when: "true".into(), action: Action::Drain };
    let document = PolicyDocument {
        settings: disk(80.0, Some(85.0)),
        overrides: vec![
            over(Some("rack-z"), None, Settings::default()),
            over(None, None, Settings::default()),
            over(None, Some("node-*"), disk(80.0, Some(70.0))),
        ],
        actions: ActionPolicy { allowed: vec![], budget_per_rack: 0, remedies: vec![remedy.clone(), remedy] },
        ..PolicyDocument::default()
    };
    let known = Known { groups: &[name("rack-a")], nodes: &[name("node-1")] };
    let keys: Vec<String> = document.problems(known).into_iter().map(|problem| problem.key).collect();
    assert_eq!(
        keys,
        [
            "settings.indicators.disk_space.clear",
            "overrides[0].group",
            "overrides[1]",
            "actions.budget_per_rack",
            "actions.remedies[0].action",
            "actions.remedies[1].action",
            "actions.remedies[1].name",
        ]
    );
}
