//! The API from outside, against a whole zone: the examples of docs/api.md as they stand there, and a tester that makes up
//! requests from docs/openapi.json. Both ask the same zone of two racks, with real daemons on a real RabbitMQ.

mod examples;
mod schema;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use rollcall_tests::stage::{Brokers, Fleet, PATIENCE, Stage, until};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// A zone with something to tell of.
pub struct Scene {
    stage: Stage,
    fleet: Fleet,
}

struct World {
    runtime: Runtime,
    brokers: Brokers,
    scene: OnceCell<Scene>,
}

impl World {
    async fn scene(&self) -> &Scene {
        self.scene.get_or_init(async || scene(&self.brokers).await).await
    }
}

async fn scene(brokers: &Brokers) -> Scene {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(2, 4).await;
    let api = stage.api();
    // A limit every machine is beyond, for alerts; orders are allowed, for actions.
    let policy = "[settings.indicators.cpu_pressure]\nlimit = 90.0\n[settings.indicators.disk_space]\nlimit = 0.1\nclear = 0.05\n\
                  dwell_ms = 0\n[actions]\nallowed = [\"identify\", \"drain\"]\n";
    let (code, answer) = api.set_policy(policy).await;
    assert_eq!(code, 200, "{answer}");
    let rule = json!({ "name": "chosen", "rule": "node.name.startsWith(\"sim\")", "enter_dwell_ms": 0 });
    for (path, body) in [("/v1/groups", rule), ("/v1/tokens", json!({ "for": "node", "name": "n9" }))] {
        let (code, answer) = api.command("POST", path, body).await;
        assert!((200..300).contains(&code), "{path}: {answer}");
    }
    until("an alert", PATIENCE, async || (api.number("SELECT count(*) FROM v_alerts").await.ok()? > 0).then_some(()))
        .await;
    Scene { stage, fleet }
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let runtime = Runtime::new().expect("a runtime");
    let world = Arc::new(World { runtime, brokers: Brokers::default(), scene: OnceCell::new() });
    let examples = Arc::clone(&world);
    let schema = Arc::clone(&world);
    let trials = vec![
        Trial::test("examples::every_example_of_the_guide_does_what_it_says", move || {
            examples.runtime.block_on(async { examples::run(examples.scene().await).await });
            Ok(())
        }),
        Trial::test("schema::requests_made_up_from_the_document_find_no_error", move || {
            schema.runtime.block_on(async { schema::run(schema.scene().await).await });
            Ok(())
        }),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}
