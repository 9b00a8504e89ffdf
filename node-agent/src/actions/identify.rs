//! Finding a machine in its rack: its identify LED, through the kernel or through the management controller.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rollcall_model::Millis;

use super::run::{Ended, run};

const LEDS: &str = "sys/class/leds";
const IPMITOOL: [&str; 2] = ["usr/bin/ipmitool", "usr/sbin/ipmitool"];
/// The longest a management controller lets its LED blink at once, seconds.
const LONGEST_BY_IPMI: u32 = 255;

/// An LED that is lit; dropped, it is as it was before.
#[derive(Debug)]
pub(super) struct Lit {
    brightness: PathBuf,
    before: String,
}

impl Drop for Lit {
    fn drop(&mut self) {
        if let Err(error) = std::fs::write(&self.brightness, &self.before) {
            tracing::warn!("{} cannot be set back to {}: {error}", self.brightness.display(), self.before.trim());
        }
    }
}

/// What was done to find the machine by.
#[derive(Debug)]
pub(super) enum Found {
    /// An LED of this name is lit, until it is dropped.
    Led(String, Lit),
    /// The management controller lets its LED blink for so many seconds.
    Controller(u32),
}

/// Lights the LED of the machine below `root` for some seconds. Blocks for a moment.
///
/// # Errors
/// Why it cannot be lit, for people.
pub(super) fn light(root: &Path, seconds: u32, limit: Millis, stop: &AtomicBool) -> Result<Found, String> {
    match led(root) {
        Some((name, brightness)) => {
            let lit = switch_on(brightness).map_err(|error| format!("the LED {name} cannot be lit: {error}"))?;
            Ok(Found::Led(name, lit))
        }
        None => by_controller(root, seconds, limit, stop),
    }
}

/// The identify LED: the first by name whose name says so.
fn led(root: &Path) -> Option<(String, PathBuf)> {
    let names = std::fs::read_dir(root.join(LEDS)).ok()?.flatten().map(|entry| entry.file_name());
    let mut found: Vec<String> = names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| {
            let lower = name.to_lowercase();
            lower.contains("identify") || lower.contains("locate")
        })
        .collect();
    found.sort();
    let name = found.into_iter().next()?;
    let brightness = root.join(LEDS).join(&name).join("brightness");
    Some((name, brightness))
}

fn switch_on(brightness: PathBuf) -> io::Result<Lit> {
    let before = std::fs::read_to_string(&brightness)?;
    let brightest = std::fs::read_to_string(brightness.with_file_name("max_brightness")).unwrap_or_else(|_| "1".into());
    let lit = Lit { brightness, before };
    std::fs::write(&lit.brightness, brightest.trim())?;
    Ok(lit)
}

fn by_controller(root: &Path, seconds: u32, limit: Millis, stop: &AtomicBool) -> Result<Found, String> {
    let ipmitool = IPMITOOL.iter().map(|below| root.join(below)).find(|path| path.exists());
    let Some(ipmitool) = ipmitool else {
        return Err(
            "no identify LED: none in /sys/class/leds is named identify or locate, and ipmitool is not installed"
                .into(),
        );
    };
    let seconds = seconds.min(LONGEST_BY_IPMI);
    let command = [ipmitool.display().to_string(), "chassis".into(), "identify".into(), seconds.to_string()];
    match run(&command, limit, stop) {
        Ok(Ended::ByItself { well: true, .. }) => Ok(Found::Controller(seconds)),
        Ok(Ended::ByItself { how, words, .. }) => Err(format!("no identify LED: ipmitool ended with {how}: {words}")),
        Ok(Ended::Late { .. }) => Err(format!("no identify LED: ipmitool had no answer within {} ms", limit.0)),
        Ok(Ended::Stopped) => Err("the agent was stopped".into()),
        Err(error) => Err(format!("no identify LED: ipmitool cannot be run: {error}")),
    }
}
