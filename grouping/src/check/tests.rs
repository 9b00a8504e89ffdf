//! What is taken and what is refused, with the words it is refused with.

use crate::{LONGEST_RULE, Rule};

#[test]
fn rules_of_every_kind_are_taken() {
    for text in [
        "true",
        "cpu.cores >= 32",
        "cpu.cores >= 32 && \"avx2\" in cpu.flags && !health.disk_space",
        "memory.ecc == true || memory.technology == 'DDR5'",
        "memory.ecc",
        "memory.ecc != null && memory.bytes / 1024 > 5",
        "metrics.cpu_temperature > 80 && has(metrics.fan)",
        "double(cpu.cores) * 1.5 < 100.0",
        "-cpu.cores < -3 && cpu.cores % 2 == 0",
        "nics.exists(n, n.speed_mbps >= 25000 && n.driver == \"mlx5_core\")",
        "nics.all(n, n.name != 'eth0') && nics.exists_one(n, n.mac == null)",
        "size(nics.filter(n, n.speed_mbps >= 25000)) >= 2 && nics.size() > 1",
        "25000 in nics.map(n, n.speed_mbps) || 1 in nics.map(n, n.best_mbps > 1, n.speed_mbps)",
        "cpu.flags.exists(f, f.startsWith(\"avx512\"))",
        "storage[0].size_bytes > 1000 && storage.filter(s, s.rotational)[0].name == 'sda'",
        "node.place in ['rack-a', 'rack-b'] ? cpu.cores > 8 : node.name.endsWith('-x')",
        "node.state == 'healthy' && node.state in ['down', 'left'] && capability.contains('mlx5')",
        "policy < 3u && size(kernel) > 2 && int(metrics.fan) == 0",
        "measured.fan && // a remark\n health.fan",
    ] {
        assert!(Rule::compile(text).is_ok(), "{text}: {}", Rule::compile(text).unwrap_err());
    }
}

#[test]
fn a_rule_knows_the_facts_it_asks_for() {
    let rule =
        Rule::compile("nics.exists(n, n.driver == kernel) && has(metrics.fan) || cpu.cores > cpu.cores").unwrap();
    assert_eq!(rule.facts().collect::<Vec<_>>(), ["cpu.cores", "kernel", "metrics.fan", "nics"]);
}

#[test]
fn what_is_no_rule_is_refused_with_the_place_and_a_way_out() {
    for (text, told) in [
        ("", "the rule: it is empty; write a condition, e.g. cpu.cores >= 32"),
        (" \n ", "the rule: it is empty; write a condition"),
        // Not CEL.
        (
            "cpu.cores >",
            "the rule, column 12: it cannot be read as CEL from here on (mismatched input '<EOF>'); see docs",
        ),
        ("true && (false", "the rule, column 15: it cannot be read as CEL from here on"),
        ("true true", "the rule, column 6, \"true\": it cannot be read as CEL"),
        ("node.name == 'ä' === 1", "the rule, column 20, \"= 1\": it cannot be read as CEL"),
        ("true ||\n  'a", "the rule, line 2, column 3, \"'a\": it cannot be read as CEL"),
        ("cpu.?cores == 1", "it cannot be read as CEL"),
        ("for == 1", "(reserved identifier: for)"),
        // Names.
        ("cpu.coers >= 4", "the rule, column 1, \"cpu.coers\": there is no fact cpu.coers; did you mean cpu.cores?"),
        (
            "true && health.disk_spaces",
            "column 9, \"health.disk_spaces\": there is no fact health.disk_spaces; did you mean health.disk_space?",
        ),
        ("disk_space", "did you mean health.disk_space or measured.disk_space or metrics.disk_space?"),
        ("cpu.zzz == 1", "there is no fact cpu.zzz; there are cpu.cores, cpu.family, cpu.flags"),
        ("zzzzzz == 1", "there is no fact zzzzzz; docs/rules.md lists the facts"),
        (".cpu.cores == 1", "there is no fact .cpu.cores; did you mean cpu.cores?"),
        ("cpu == 1", "cpu is not a fact, but has facts; write one of them, e.g. cpu.cores"),
        ("kernel.version == 'x'", "there is no fact kernel.version"),
        (
            "nics.exists(n, n.sped_mbps > 1)",
            "column 16, \"n.sped_mbps\": these entries have no sped_mbps; did you mean speed_mbps?",
        ),
        ("nics.exists(n, n.zz > 1)", "these entries have no zz; they have name, mac, driver"),
        ("nics[0].name.x == 'a'", "text has no fields; leave out .x"),
        ("(nics).driver == 'a'", "there is no fact nics.driver"),
        // Types.
        (
            "cpu.cores == \"x\"",
            "column 1, \"cpu.cores == \\\"x\\\"\": cpu.cores is an int and \"x\" is text: they are never equal",
        ),
        ("memory.ecc > 3", "column 1, \"memory.ecc\": this is true or false and has no order"),
        (
            "cpu.cores",
            "column 1, \"cpu.cores\": this is an int, but a rule is a question with the answer true or false",
        ),
        ("cpu.flags", "this is a list, but a rule is a question"),
        ("null", "this is null, but a rule is a question"),
        ("cpu.vendor < 3", "cpu.vendor is text and 3 is an int: they have no order"),
        ("cpu.flags > 3", "this is a list and has no order"),
        ("cpu.cores && true", "column 1, \"cpu.cores\": this is an int, but what stands here must be true or false"),
        ("!cpu.vendor", "column 2, \"cpu.vendor\": this is text, but what stands here must be true or false"),
        ("-kernel == kernel", "cannot be negative"),
        ("metrics.fan + 1 > 2.0", "write double(…) around the int"),
        ("kernel + 'x' == 'y'", "column 1, \"kernel\": this is text; rules count with numbers only"),
        ("metrics.fan % 2.0 == 0.0", "a double leaves no remainder"),
        ("metrics.fan == null", "a reading is absent, not null; write has(metrics.fan) or !has(metrics.fan)"),
        ("health.fan == null", "this is never null"),
        ("1 == null", "only a fact can be null"),
        ("null == null", "this is always the same"),
        ("nics == nics", "lists and their entries cannot be compared as a whole"),
        ("node.state == 'dwon'", "column 15, \"'dwon'\": there is no such state; there are joining, healthy"),
        ("node.state in ['healthy', 'ok']", "there is no such state"),
        ("true ? 1 : 'a'", "one answer is an int, the other text"),
        // Lists.
        ("'a' in kernel", "for text within text write text.contains"),
        ("'a' in 3", "in asks a list"),
        ("3 in cpu.flags", "3 is an int, and the list is of text: it is never in it"),
        ("'mlx5_core' in nics", "ask them with exists()"),
        ("kernel in []", "nothing is in an empty list"),
        ("kernel in ['a', 1]", "this is an int, but the list begins with text"),
        ("kernel in [['a']]", "a list that is written out has numbers or texts"),
        ("[1, 2].exists(x, x == cpu.cores)", "goes over lists of the node"),
        ("kernel.exists(x, true)", "this is text; exists() goes over a list"),
        ("nics.exists(1, true)", "first takes a name for the entry"),
        ("nics.exists(cpu, true)", "cpu names something else already"),
        ("nics.exists(n, n.name)", "this is text, but what stands here must be true or false"),
        ("size(nics.map(n, n)) > 1", "map() makes an entry of a list of each entry"),
        ("nics['a'].name == 'x'", "entries of a list are numbered by an int"),
        ("cpu['cores'] == 1", "cpu is not a fact, but has facts"),
        ("kernel[0] == 'a'", "only lists have [ ]"),
        ("nics.filter(n, true).driver == 'a'", "this asks a whole list; ask its entries"),
        // Functions.
        ("kernel.matches('^6')", "rules have no patterns; write startsWith"),
        ("sise(nics) > 1", "column 1, \"sise(nics)\": there is no function sise; did you mean size?"),
        ("foo(1)", "there is no function foo; there are has, size"),
        ("contains(kernel, 'a')", "contains is not called like this"),
        ("has(kernel)", "for others compare with null, e.g. kernel != null"),
        ("has(metrics.fann)", "did you mean metrics.fan?"),
        ("nics.exists(n, has(n.driver))", "has() takes a fact with a dot"),
        ("size(3) == 1", "size() takes a list or text"),
        ("int(kernel) == 1", "int() takes a number"),
        ("kernel.startsWith(6)", "ask a text for a text"),
        ("type(kernel) == string", "there is no function type"),
        // What CEL has and rules have not.
        ("{'a': 1}['a'] == 1", "rules have no maps"),
        ("Foo{a: 1} == 1", "rules have no maps and no structures"),
        ("b'x' == b'x'", "no fact is made of bytes"),
        // Cost.
        ("nics.all(a, nics.all(b, a.name == b.name))", "do not nest exists() and its like"),
        ("nics.all(a, a.name in cpu.flags)", "at most 100000 are allowed"),
    ] {
        let error = Rule::compile(text).unwrap_err().to_string();
        assert!(error.starts_with("the rule"), "{text}: {error}");
        assert!(error.contains(told), "{text}\n   says: {error}\n   not:  {told}");
    }
}

#[test]
fn long_and_deep_texts_are_refused_before_they_cost_anything() {
    let deep = |open: &str, close: &str, times: usize| format!("{}true{}", open.repeat(times), close.repeat(times));
    for (text, told) in [
        (format!("{}true", " ".repeat(LONGEST_RULE)), "it has 2004 characters, at most 2000 are taken"),
        (deep("(", ")", 900), "nested too deeply"),
        (deep("!(", ")", 300), "nested too deeply"),
        (deep("true ? true : (", ")", 120), "nested too deeply"),
        (format!("cpu{}", ".a".repeat(900)), "there is no fact cpu.a.a.a"),
        (format!("nics{} == 1", "[0]".repeat(600)), "nested too deeply"),
        (format!("1{} == 1", "+1".repeat(900)), "nested too deeply"),
        ("nics.all(a, ".repeat(15) + "true" + &")".repeat(15), "names something else already"),
        (vec!["nics.all(a, a.name == 'x')"; 60].join(" && "), "at most 100000 are allowed"),
    ] {
        let error = Rule::compile(&text).unwrap_err().to_string();
        assert!(error.contains(told), "{}…: {error}", &text[..40]);
    }
    assert!(Rule::compile(&vec!["cpu.cores != 3"; 110].join(" && ")).is_ok(), "many conditions are no depth");
}
