//! The web page in a real browser, served by a real zone: what an operator does in a night, how every page looks and whether
//! everybody can use it, and a map of 5,000 nodes.

mod looks;
mod map;
mod night;
mod zone;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use rollcall_tests::stage::{Brokers, program};
use tokio::runtime::Runtime;

struct World {
    runtime: Runtime,
    brokers: Brokers,
}

/// One line for each case: its file and the sentence that holds.
macro_rules! cases {
    ($world:ident: $($file:ident :: $case:ident),* $(,)?) => {
        vec![$({
            let world = Arc::clone(&$world);
            Trial::test(concat!(stringify!($file), "::", stringify!($case)), move || {
                world.runtime.block_on($file::$case(&world.brokers));
                Ok(())
            })
        }),*]
    };
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let runtime = Runtime::new().expect("a runtime");
    let world = Arc::new(World { runtime, brokers: Brokers::default() });
    let trials = cases![world:
        night::an_operator_finds_a_node_sees_its_fault_says_so_and_sees_it_end,
        night::a_page_outlives_a_restart_of_the_zone,
        looks::every_page_can_be_used_by_everybody_and_fits_every_screen,
        map::five_thousand_nodes_are_drawn_and_changed_in_time,
    ];
    if !arguments.list {
        // Built before the first case begins to measure.
        let _ = program("rollcall-zone-controller");
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The brokers end with their last holder.
    drop(world);
    conclusion.exit_code()
}
