//! What the figures were measured on: without it they mean nothing.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// A machine and what runs on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// How many of them the system may use at once.
    pub cores: usize,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Kernel.
    pub kernel: String,
    /// Version of the RabbitMQ package.
    pub rabbitmq: String,
}

impl Machine {
    /// This one. What cannot be found out is "unknown" or 0.
    #[must_use]
    pub fn this() -> Self {
        let cpu = line_of("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
        let memory = line_of("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        Self {
            cpu,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: memory.unwrap_or(0) / 1024,
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            rabbitmq: package_version("rabbitmq-server").unwrap_or_else(unknown),
        }
    }

    /// Whether times taken on the two can be compared.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.cpu, self.cores) == (&other.cpu, other.cores)
    }

    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { cpu, cores, memory_mib, kernel, rabbitmq } = self;
        format!("{cpu}, {cores} cores, {} GiB, Linux {kernel}, RabbitMQ {rabbitmq}", memory_mib / 1024)
    }
}

/// How many tasks wanted to run, averaged over the last minute: what else the machine was doing.
#[must_use]
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}

fn unknown() -> String {
    "unknown".into()
}

/// What follows a key and a colon in a file of such lines.
fn line_of(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn package_version(package: &str) -> Option<String> {
    let asked = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output().ok()?;
    let version = String::from_utf8(asked.stdout).ok()?;
    (asked.status.success() && !version.is_empty()).then_some(version)
}
