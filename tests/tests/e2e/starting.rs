//! Starts that cannot succeed, judged as the person who reads the last line of the log.

use std::cell::Cell;

use rollcall_tests::stage::{Brokers, Daemon, PATIENCE, Stage, until};

/// What an ended daemon left: its exit code and what it said.
async fn end_of(mut daemon: Daemon) -> (Option<i32>, String) {
    daemon.start();
    let status = daemon.ended().await;
    (status.code(), daemon.log())
}

/// Nothing of this needs a broker; whoever tried to reach it would not end.
async fn alone(brokers: &Brokers) -> Stage {
    Stage::without_broker(brokers).await
}

pub async fn a_wrong_configuration_ends_every_daemon_with_2_and_says_where(brokers: &Brokers) {
    let stage = alone(brokers).await;
    let toml = stage.zone_config("zone-1");
    let made = Cell::new(0);
    let zone = |from: &str, to: &str| {
        made.set(made.get() + 1);
        let name = format!("zone-{}", made.get());
        Daemon::new(stage.directory(), &name, "rollcall-zone-controller", &toml.replacen(from, to, 1))
    };
    let rack = || stage.rack("rack-a").without_token();
    let agent = || stage.agent(0, "rack-a").without_token();
    for (daemon, words) in [
        // A key nobody reads: which, on which line, and which was probably meant.
        (zone("database", "databse"), ["unknown key `databse`", ".toml:4", "did you mean `database`"]),
        (zone("listen", "lisen"), ["unknown key `api.lisen`", ".toml:7", "did you mean"]),
        (zone("name = \"zone-1\"\n", ""), ["missing key `name`", ".toml", "ROLLCALL_NAME"]),
        (zone("\"zone-1\"", "17"), ["`name`", ".toml:1", "wrong"]),
        (zone("[api]", "[api"), [".toml:6", "not TOML", ""]),
        (zone("rack-*\"]", "rack *\"]"), ["admission.groups", "rack *", "expected"]),
        (zone("", "").with("ROLLCALL_KEEP_ALIVE_MS", "5"), ["keep_alive_ms is 5", "200", "60000"]),
        (
            zone("", "").with("ROLLCALL_BROKER__HARTBEAT_S", "5"),
            ["ROLLCALL_BROKER__HARTBEAT_S", "did you mean", "HEARTBEAT_S"],
        ),
        (zone("amqps://", "http://"), ["broker.url", "amqps://host:port/vhost", "cannot be used"]),
        // Values that contradict each other.
        (
            stage.checkin().without_token().with("ROLLCALL_RANGES", "['10.1.2.3/8']"),
            ["10.1.2.3/8", "did you mean", "10.0.0.0/8"],
        ),
        (
            rack().with("ROLLCALL_ZONES", "['a', 'b']").with("ROLLCALL_DISCOVERY__MDNS", "false"),
            ["zones", "discovery.mdns", "one group controller per zone"],
        ),
        (agent().with("ROLLCALL_DISCOVERY__MDNS", "false"), ["discovery.mdns", "needs checkin", ""]),
        (
            agent().with("ROLLCALL_PROBES__DEADLINE_MS", "900"),
            ["probes.deadline_ms is 900", "half of sample_period_ms", "1000"],
        ),
        (
            agent().with("ROLLCALL_BROKER__RECONNECT_MIN_MS", "5000"),
            ["reconnect_max_ms (1000)", "at least", "reconnect_min_ms (5000)"],
        ),
        (
            agent().with("ROLLCALL_SIMULATE__FAULTS_PER_MINUTE", "7.0"),
            ["simulate.faults_per_minute is 7", "0 to 1", ""],
        ),
    ] {
        let name = daemon.name().to_owned();
        let (code, said) = end_of(daemon).await;
        let last = said.lines().last().unwrap_or_default();
        assert_eq!(code, Some(2), "{name}: {said}");
        assert!(last.starts_with("error: ") || said.contains("error: "), "{name}: {said}");
        for word in words {
            assert!(said.contains(word), "{name} does not say {word:?}: {said}");
        }
        // The next one has the same log.
        std::fs::remove_file(stage.directory().join(format!("{name}.log"))).expect("its log");
    }
    let mut nowhere = stage.zone();
    std::fs::remove_file(stage.directory().join("zone.toml")).expect("its configuration");
    nowhere.start();
    assert_eq!(nowhere.ended().await.code(), Some(2));
    assert!(nowhere.log().contains("cannot read the configuration file") && nowhere.log().contains("zone.toml"));
}

pub async fn what_cannot_be_had_ends_the_zone_with_3_and_is_named(brokers: &Brokers) {
    let stage = alone(brokers).await;
    let taken = std::net::TcpListener::bind(stage.api().address()).expect("the port");
    let (code, said) = end_of(stage.zone()).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(&format!("cannot listen on {} for the API (api.listen)", stage.api().address())), "{said}");
    drop(taken);
    let (code, said) = end_of(stage.zone().with("ROLLCALL_DISCOVERY__INTERFACES", "['eth77']")).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("no network interface \"eth77\"") && said.contains("lo (127.0.0.1"), "{said}");
    let mut first = stage.zone();
    first.start();
    first.says("not connected to the broker").await;
    let second = alone(brokers).await;
    let database = format!("sqlite:{}/zone.db", stage.directory().display());
    let (code, said) = end_of(second.zone().with("ROLLCALL_DATABASE", &database)).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("in use by another zone controller"), "{said}");
    let rack = stage.rack("rack-a").without_token().started();
    rack.says("group controller of rack-a").await;
    let (code, said) = end_of(
        stage
            .rack("rack-b")
            .without_token()
            .with("ROLLCALL_STATE_DIR", &stage.directory().join("rack-a").display().to_string()),
    )
    .await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("in use by another process; give each daemon its own"), "{said}");
}

pub async fn a_database_that_is_not_ours_is_refused_and_left_as_it_was(brokers: &Brokers) {
    let stage = alone(brokers).await;
    let file = stage.directory().join("zone.db");
    let text =
        "This is a shopping list, not a database, though it is longer than the header of one: eggs, milk, flour.";
    for (prepare, words) in [
        (Prepare::Text(text), "is not an SQLite database"),
        (Prepare::Sql("CREATE TABLE shopping(item)"), "of another program"),
        (Prepare::Future, "a newer Rollcall wrote it"),
    ] {
        prepare.carry_out(&stage, &file).await;
        let before = std::fs::read(&file).expect("the file");
        let (code, said) = end_of(stage.zone()).await;
        assert_eq!(code, Some(2), "trying again changes nothing: {said}");
        assert!(said.contains(words) && said.contains("zone.db"), "{said}");
        assert!(std::fs::read(&file).expect("the file") == before, "the file was changed: {words}");
        for name in ["zone.db", "zone.db-wal", "zone.db-shm", "zone.log"] {
            // Not all of them are there each time.
            let _ = std::fs::remove_file(stage.directory().join(name));
        }
    }
    std::fs::write(stage.directory().join("secret"), "short").expect("a secret");
    let (code, said) = end_of(stage.zone()).await;
    assert!(code == Some(2) && said.contains("at least 16 are needed"), "{code:?} {said}");
}

enum Prepare {
    Text(&'static str),
    Sql(&'static str),
    Future,
}

impl Prepare {
    async fn carry_out(&self, stage: &Stage, file: &std::path::Path) {
        let sql = match self {
            Self::Text(text) => return std::fs::write(file, text).expect("the file is written"),
            Self::Sql(sql) => sql,
            Self::Future => {
                // A database of ours, to which a later version has added something.
                let mut zone = stage.zone();
                zone.start();
                zone.says("not connected to the broker").await;
                zone.terminate().await;
                "INSERT INTO _sqlx_migrations SELECT 90000000000000, 'the future', installed_on, 1, checksum, 0 \
                 FROM _sqlx_migrations LIMIT 1; PRAGMA wal_checkpoint(TRUNCATE)"
            }
        };
        stage.in_the_database(sql);
    }
}

pub async fn a_broker_out_of_reach_is_named_and_tried_until_it_is_there(brokers: &Brokers) {
    let mut second = brokers.second().await;
    let stage = Stage::new(&second).await;
    second.kill().await;
    let zone = stage.zone().started();
    zone.says("not connected to the broker").await;
    assert!(zone.log().contains(&format!("127.0.0.1:{}", second.port())), "{}", zone.log());
    let status = until("the API to answer without a broker", PATIENCE, async || stage.api().status().await.ok()).await;
    assert!(status["broker"].as_str().is_some_and(|broker| broker.starts_with("down: ")), "{status}");
    second.restart().await;
    zone.says("zone zone-1 is up").await;
    assert!(zone.is_running());
}

pub async fn a_wrong_password_of_the_brokers_administrator_is_called_that(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    std::fs::write(stage.directory().join("broker-password"), "wr0ng").expect("a password");
    let zone = stage.zone().started();
    zone.says("as its administrator").await;
    let log = zone.log();
    assert!(log.contains("broker_admin") && !log.contains("wr0ng"), "{log}");
    // It goes on: whoever mends the user on the broker need not start the zone again.
    until("a second attempt", PATIENCE, async || {
        (zone.log().matches("as its administrator").count() > 1).then_some(())
    })
    .await;
    assert!(zone.is_running());
}

pub async fn who_hears_no_zone_says_so(brokers: &Brokers) {
    let stage = alone(brokers).await;
    for daemon in [stage.checkin(), stage.rack("rack-a"), stage.agent(0, "rack-a")] {
        let daemon = daemon.without_token().started();
        daemon.says("zone-1 has not been heard").await;
        assert!(daemon.log().contains("discovery"), "it says where to look: {}", daemon.log());
        assert_eq!(daemon.terminate().await.code(), Some(0), "it can be ended while it waits");
    }
}
