//! `rollcall top`: racks, nodes, bits, rates and alerts, live on a terminal.
//!
//! What is shown and what a key does are decided in pure code: [`state`] takes events and gives effects, [`view`] draws a
//! state into a buffer. [`driver`] alone waits, asks the zone and writes to the terminal.

mod driver;
mod fleet;
mod input;
mod layout;
mod palette;
mod rates;
mod state;
mod terminal;
mod view;

use std::io::{self, IsTerminal};

use rollcall_startup::Failure;

use self::palette::Palette;
use self::state::State;
use crate::arguments::Top;
use crate::ask::client::Client;
use crate::ask::output::colours_refused;
use crate::settings::Settings;

/// Shows the zone until somebody quits.
///
/// # Errors
/// Exit code 2 where there is no terminal, 3 where the zone cannot be reached at the beginning, 1 where it refuses.
pub async fn run(client: Client, asked: Top, settings: &Settings) -> Result<(), Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::usage("rollcall top wants a terminal")
            .hint("`rollcall watch` prints a line for each change, `rollcall status` the zone at a glance"));
    }
    // A zone that cannot be asked is told as ever, on a terminal that is as it was.
    // What happens while it is loaded is told again afterwards.
    let newest = driver::newest(&client).await?;
    let first = driver::load(&client).await?;
    let colour = !settings.no_color && !colours_refused(|name| std::env::var(name).ok());
    let mut state = State::new(&asked.filter);
    state.take(first);
    driver::run(client, newest, state, (Palette::new(colour), !asked.no_mouse)).await
}

#[cfg(test)]
mod tests;
