use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use serde::Deserialize;

use super::{Environment, load_with, parse};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    name: String,
    broker: Broker,
    #[serde(default)]
    interfaces: Vec<String>,
    #[serde(default)]
    racks: Vec<Rack>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Broker {
    url: String,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    tls: Option<Tls>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    ca_file: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rack {
    place: String,
}

const GOOD: &str = "name = 'z'\n\n[broker]\nurl = 'amqp://a'\n";

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter().map(|(name, value)| (OsString::from(*name), OsString::from(*value)));
    Environment::of("ROLLCALL", &["ROLLCALL_TOKEN"], variables)
}

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let path = Path::new("zone.toml");
    parse(Some(path), text, &environment(variables)).map_err(|error| error.to_string())
}

fn complaint(text: &str, variables: &[(&str, &str)]) -> String {
    read(text, variables).unwrap_err()
}

#[test]
fn variables_lie_over_the_file() {
    let config = read(
        GOOD,
        &[
            ("ROLLCALL_BROKER__URL", "amqp://b"),
            ("ROLLCALL_BROKER__PORT", "5673"),
            ("ROLLCALL_BROKER__TLS__CA_FILE", "/ca"),
            ("ROLLCALL_INTERFACES", r#"["lo", "eth0"]"#),
            ("ROLLCALL_RACKS", r#"[{ place = "r1" }]"#),
            ("ROLLCALL_LOG", "debug"),
            ("ROLLCALL_TOKEN", "reserved by the caller"),
            ("ROLLCALLER", "of someone else"),
        ],
    )
    .unwrap();
    assert_eq!(config.name, "z");
    assert_eq!(config.broker.url, "amqp://b");
    assert_eq!(config.broker.port, 5673);
    assert_eq!(config.broker.tls, Some(Tls { ca_file: "/ca".into() }));
    assert_eq!(config.interfaces, ["lo", "eth0"]);
    assert_eq!(config.racks, [Rack { place: "r1".into() }]);
}

#[test]
fn a_variable_that_looks_like_a_number_is_taken_as_text_where_text_is_wanted() {
    for value in ["7", "true", "1e3", "2026-01-01", "inf", "'quoted'"] {
        let config = read(GOOD, &[("ROLLCALL_NAME", value)]).unwrap();
        assert_eq!(config.name, value.trim_matches('\''), "{value}");
    }
}

#[test]
fn variables_alone_are_enough_and_a_table_comes_before_its_keys() {
    let config = load_with::<Config>(
        None,
        &environment(&[
            ("ROLLCALL_NAME", "z"),
            ("ROLLCALL_BROKER__PORT", "2"),
            ("ROLLCALL_BROKER", "{ url = 'u', port = 1 }"),
        ]),
    )
    .unwrap();
    assert_eq!((config.broker.url.as_str(), config.broker.port), ("u", 2));
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_line_and_likely_meaning() {
    let table = [
        ("name = 'z'\n\n[brokr]\nurl = 'u'\n", "unknown key `brokr` at zone.toml:3; did you mean `broker`?"),
        (
            "name = 'z'\n[broker]\nurl = 'u'\nprot = 1\n",
            "unknown key `broker.prot` at zone.toml:4; did you mean `port`?",
        ),
        (
            "colour = 1\nname = 'z'\n",
            "unknown key `colour` at zone.toml:1; known here: name, broker, interfaces, racks",
        ),
        (
            "name = 'z'\nbroker = { url = 'u', tls = { ca = 'x' } }\n",
            "unknown key `broker.tls.ca` at zone.toml:2; did you mean `ca_file`?",
        ),
        (
            "name = 'z'\n[broker]\nurl = 'u'\nport = 'many'\n",
            "`broker.port` at zone.toml:4 is wrong: invalid type: string \"many\", expected u16",
        ),
        (
            "name = 'z'\n[broker]\nurl = 'u'\nport = 70000\n",
            "`broker.port` at zone.toml:4 is wrong: invalid value: integer `70000`, expected u16",
        ),
        (
            "name = 'z'\ninterfaces = ['a', 1]\n[broker]\nurl = 'u'\n",
            "`interfaces` at zone.toml:2 is wrong: invalid type: integer `1`, expected a string",
        ),
        (
            "name = 'z'\n[broker]\nport = 1\n",
            "missing key `broker.url` at zone.toml:2; the environment variable ROLLCALL_BROKER__URL can give it too",
        ),
        (
            "[broker]\nurl = 'u'\n",
            "missing key `name` in zone.toml; the environment variable ROLLCALL_NAME can give it too",
        ),
        (
            "name = 'z'\n[broker]\nurl = 'u'\n[[racks]]\nplace = 'a'\n[[racks]]\nplce = 'b'\n",
            "unknown key `racks.plce` at zone.toml:7; did you mean `place`?",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(complaint(text, &[]), expected, "{text}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_told_with_line_and_column() {
    let said = complaint("name = 'z'\nbroker = [1\n", &[]);
    assert!(said.starts_with("zone.toml:"), "{said}");
    assert!(said.contains("is not TOML"), "{said}");
    assert!(complaint("name = 'z'\nname = 'y'\n", &[]).starts_with("zone.toml:2:1 is not TOML: duplicate key"));
}

#[test]
fn what_is_wrong_in_a_variable_is_told_by_its_name() {
    let table = [
        (
            ("ROLLCALL_BROKR__URL", "x"),
            "unknown key `brokr` in the environment variable ROLLCALL_BROKR__URL; did you mean `ROLLCALL_BROKER__URL`?",
        ),
        (
            ("ROLLCALL_BROKER__PROT", "1"),
            "unknown key `broker.prot` in the environment variable ROLLCALL_BROKER__PROT; \
             did you mean `ROLLCALL_BROKER__PORT`?",
        ),
        (
            ("ROLLCALL_BROKER__PORT", "many"),
            "`broker.port` in the environment variable ROLLCALL_BROKER__PORT is wrong: \
             invalid type: string \"many\", expected u16",
        ),
        (
            ("ROLLCALL_BROKER__PORT", "true"),
            "`broker.port` in the environment variable ROLLCALL_BROKER__PORT is wrong: \
             invalid type: boolean `true`, expected u16",
        ),
        (
            ("ROLLCALL_NAME__X", "1"),
            "the environment variable ROLLCALL_NAME__X cannot be used: `name` is not a table; set it as a whole",
        ),
        (
            ("ROLLCALL_BROKER__", "1"),
            "the environment variable ROLLCALL_BROKER__ cannot be used: \
             its name has an empty part; write PREFIX_TABLE__KEY",
        ),
        (
            ("ROLLCALL_BROKER__TLS", "{}"),
            "missing key `broker.tls.ca_file` in the environment variable ROLLCALL_BROKER__TLS; \
             the environment variable ROLLCALL_BROKER__TLS__CA_FILE can give it too",
        ),
    ];
    for (variable, expected) in table {
        assert_eq!(complaint(GOOD, &[variable]), expected);
    }
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_by_its_name() {
    let variables = [(OsString::from("ROLLCALL_NAME"), OsString::from_vec(vec![0xff]))];
    let environment = Environment::of("ROLLCALL", &[], variables);
    let error = load_with::<Config>(None, &environment).unwrap_err();
    assert_eq!(error.to_string(), "the environment variable ROLLCALL_NAME cannot be used: its value is not UTF-8");
}

#[test]
fn an_unreadable_file_is_told_by_its_path() {
    let error = load_with::<Config>(Some(Path::new("/nowhere/zone.toml")), &environment(&[])).unwrap_err();
    assert!(error.to_string().starts_with("cannot read the configuration file /nowhere/zone.toml: "), "{error}");
}
