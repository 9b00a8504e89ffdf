//! `compare OLD.json NEW.json [PERCENT]`: what got worse between two files of figures; exit code 1 when something did.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use rollcall_bench::compare::{Finding, TOLERANCE, compare, read};

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (old, new, tolerance) = match arguments.as_slice() {
        [old, new] => (old, new, TOLERANCE),
        [old, new, percent] => (old, new, percent.parse()?),
        _ => bail!("usage: compare OLD.json NEW.json [PERCENT]"),
    };
    let findings = compare(&read(Path::new(old))?, &read(Path::new(new))?, tolerance);
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{}", finding.line())?;
    }
    let bad = findings.iter().filter(|finding| finding.is_bad()).count();
    writeln!(out, "{bad} figures are worse by more than {tolerance} %, or are not measured any more")?;
    Ok(if findings.iter().any(Finding::is_bad) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
