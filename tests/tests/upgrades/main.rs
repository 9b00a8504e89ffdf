//! Upgrades: the daemons of the previous version and those of this one, together under load, forth and back. `make upgrades` builds the
//! previous version first (`scripts/previous`). Needs 8.6, case 20 of the threats.
#![allow(clippy::print_stdout, reason = "what was measured is a test's output")]

mod load;
mod roll_back;
mod rolling;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use rollcall_tests::stage::{Brokers, previous};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They measure times, and share a broker.
    arguments.test_threads = Some(1);
    if !arguments.list {
        let _ = previous("rollcall-zone-controller");
    }
    let world = Arc::new((Runtime::new().expect("a runtime"), Brokers::default()));
    macro_rules! cases {
        ($($file:ident :: $case:ident),* $(,)?) => {
            vec![$({
                let world = Arc::clone(&world);
                Trial::test(concat!(stringify!($file), "::", stringify!($case)), move || {
                    world.0.block_on($file::$case(&world.1));
                    Ok(())
                })
            }),*]
        };
    }
    let trials = cases![
        rolling::a_zone_is_upgraded_under_load_one_daemon_after_the_other,
        roll_back::racks_and_agents_go_back_to_the_previous_version_under_load,
        roll_back::a_zone_goes_back_to_the_backup_of_before,
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The brokers end with their last holder.
    drop(world);
    conclusion.exit_code()
}
