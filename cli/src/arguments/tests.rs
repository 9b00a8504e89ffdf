use super::*;

fn parse(line: &str) -> Result<CommandLine, clap::Error> {
    CommandLine::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definitions_do_not_contradict_each_other() {
    CommandLine::command().debug_assert();
}

#[test]
fn global_options_are_taken_before_and_after_the_command() {
    for line in ["rollcall --json --api http://x:1 nodes", "rollcall nodes --api http://x:1 --json"] {
        let taken = parse(line).unwrap();
        assert_eq!((taken.global.api.as_deref(), taken.global.json), (Some("http://x:1"), true), "{line}");
    }
}

#[test]
fn a_misspelt_state_or_indicator_is_refused_with_the_right_one() {
    let state = parse("rollcall nodes --state dwon").unwrap_err();
    assert_eq!(state.exit_code(), 2);
    assert!(state.to_string().contains("'down'"), "{state}");
    let bit = parse("rollcall nodes --bit disk_spaces").unwrap_err();
    assert!(bit.to_string().contains("'disk_space'"), "{bit}");
}

#[test]
fn what_people_type_is_understood() {
    for line in [
        "rollcall policy get",
        "rollcall policy get 3",
        "rollcall policy set p.toml --comment quieter --no-wait",
        "rollcall policy rollback 2 --patience 5s",
        "rollcall group create hot --rule health.cpu_temperature --kind health --enter 5s --leave 1m",
        "rollcall alerts --all --group rack-a",
        "rollcall alerts ack 3 4 --comment seen",
        "rollcall action web-3 identify --seconds 30 --wait",
        "rollcall action --wait web-3 restart nginx.service",
        "rollcall actions --node web-3 --state failed",
        "rollcall channel read security --follow",
        "rollcall channel send security door-open --subject hall-1",
        "rollcall analytics --group rack-a --indicator disk_space -n 5",
        "rollcall combinations",
        "rollcall ca init --dir site --zone east --zone-dir zone",
        "rollcall ca rotate --zone-dir a --zone-dir b --switch",
        "rollcall ca broker --zone-dir z --ip ::1 --out tls",
        "rollcall token create --for node --name web-3 --ttl 5m",
        "rollcall token create --for group --place rack-a --name rack-a",
        "rollcall token revoke 3f9a0c11d2e4",
        "rollcall join deny 1f0e --reason unknown",
        "rollcall revoke web-3 --reason stolen",
        "rollcall certificates --state revoked --of web-3",
        "rollcall user add ada --role operator --certificate ./ada",
        "rollcall audit --follow",
        "rollcall db status --database sqlite:z.db",
        "rollcall db prune --config z.toml --keep events=30 --keep analytics=0",
        "rollcall db backup z.bak --json",
        "rollcall db restore z.bak --replace",
        "rollcall db move --from sqlite:z.db --to postgres://h/z",
        "rollcall audit verify",
        "rollcall nodes -o csv --fields name,state --sort state,-since --limit 5",
        "rollcall top --filter rack-a",
        "rollcall watch --node web-3 --group rack-a --only nodes,alerts -o json",
        "rollcall wait --for node=web-3,state=healthy --for alert=3,state=cleared --timeout 2m",
        "rollcall explain web-3 -o yaml",
        "rollcall list hardware --node web-3 --where current=true --sort -since",
        "rollcall show alert 12",
        "rollcall history rack-a --at 03:12 --around 1h",
        "rollcall readings web-3",
        "rollcall target",
        "rollcall target --for power --group rack-a --size 0.25 -n 3 --choices 4 --explain",
        "rollcall target --size large --capability v1;cpu=x --min-units 8 --rule node.name!='x'",
        "rollcall availability --kind balance --group rack-a --limit 5 -o csv",
        "rollcall availability web-3 -o yaml",
        "rollcall context add east --api https://x:1 --identity ./ada --use",
        "rollcall --context east status",
        "rollcall completions fish",
        "rollcall man --dir m",
        "rollcall api get /v1/whoami --include -H If-Match:3",
        "rollcall whoami --identity ./ada",
        "rollcall combinations approve v1;cpu=x --name new",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
    for line in [
        "rollcall action web-3 explode",
        "rollcall nodes -o xml",
        "rollcall nodes --limit 0",
        "rollcall list everything",
        "rollcall show node x",
        "rollcall wait --timeout 5s",
        "rollcall api TRACE /",
        "rollcall token create --for node",
        "rollcall token create --for user --name ada",
        "rollcall user add ada --role root",
        "rollcall alerts ack",
        "rollcall ca init --zone east",
        "rollcall ca rotate --switch --finish",
        "rollcall ca broker --zone-dir z --out tls",
        "rollcall policy rollback last",
        "rollcall db prune --keep event=30",
        "rollcall db backup",
        "rollcall db move --from sqlite:z.db",
        "rollcall group create hot",
        "rollcall group create hot --rule true --enter soon",
        "rollcall analytics --indicator disk_spaces",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn every_command_that_changes_something_teaches_by_examples() {
    for path in [
        &["policy", "set"][..],
        &["group", "create"],
        &["action"],
        &["alerts"],
        &["channel", "send"],
        &["ca", "init"],
        &["ca", "rotate"],
        &["db", "restore"],
        &["db", "move"],
        &["token", "create"],
        &["user", "add"],
        &["revoke"],
        &["wait"],
        &["watch"],
        &["top"],
        &["explain"],
        &["history"],
        &["context", "add"],
        &["api"],
        &["list"],
        &["show"],
    ] {
        let mut command = CommandLine::command();
        let found = path.iter().fold(&mut command, |at, name| at.find_subcommand_mut(name).unwrap());
        let help = found.render_long_help().to_string();
        assert!(help.contains("Examples:\n  rollcall "), "{path:?}: {help}");
    }
}

#[test]
fn the_help_teaches_by_examples() {
    let help = CommandLine::command().render_help().to_string();
    assert!(help.contains("rollcall events --follow") && help.contains("Exit codes"), "{help}");
    let sql = CommandLine::command().find_subcommand_mut("sql").unwrap().render_help().to_string();
    assert!(sql.contains("rollcall sql --csv") && sql.contains("v_node_health_bits"), "{sql}");
}

/// A line as a shell splits it, up to what ends a command.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut is_word = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some('"'), '\\') => word.extend(letters.next()),
            (Some(_), _) => word.push(letter),
            (None, '\'' | '"') => (quote, is_word) = (Some(letter), true),
            (None, '|' | ';' | '&' | '>' | '<' | '#') => break,
            (None, ' ') => {
                if std::mem::take(&mut is_word) || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(letter),
        }
    }
    if is_word || !word.is_empty() {
        words.push(word);
    }
    words
}

#[test]
fn every_command_in_the_guide_is_understood() {
    let guide = include_str!("../../../docs/cli.md");
    let mut seen = 0;
    let mut fence = None;
    for line in guide.lines() {
        if let Some(info) = line.strip_prefix("```") {
            fence = if fence.is_none() { Some(info) } else { None };
            continue;
        }
        let is_code = fence == Some("");
        for part in
            line.split("&& ").flat_map(|part| part.split("; ")).filter(|part| is_code && part.starts_with("rollcall "))
        {
            let words = words(part);
            let parsed = CommandLine::try_parse_from(&words);
            assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen > 30, "the examples were found: {seen}");
}
