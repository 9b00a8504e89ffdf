//! Tables and plots into `docs/placement.md` and beside it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::measure::Measured;
use crate::strategy::Aim;

pub type Row = (String, Measured);

/// A table for one aim.
pub fn table(aim: Aim, rows: &[Row]) -> String {
    let first = match aim {
        Aim::Balance => "max/mean | variation | p99",
        Aim::Power => "empty nodes | p99",
    };
    let columns = first.matches('|').count() + 1;
    let mut text = format!("| strategy | {first} | wrong picks | rejected | messages/s | age |\n|---|");
    text.push_str(&"---:|".repeat(columns + 4));
    text.push('\n');
    for (name, measured) in rows {
        let first = match aim {
            Aim::Balance => format!("{:.2} | {:.3} | {:.3}", measured.peak, measured.variation, measured.p99),
            Aim::Power => format!("{:.1} % | {:.3}", measured.empty * 100.0, measured.p99),
        };
        let age = measured.staleness.map_or("–".to_owned(), |seconds| format!("{seconds:.2} s"));
        let _ = writeln!(
            text,
            "| {name} | {first} | {:.1} % | {:.1} % | {:.1} | {age} |",
            measured.wrong * 100.0,
            measured.rejected * 100.0,
            measured.messages
        );
    }
    text
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Writes a plot beside the page.
pub fn plot(name: &str, svg: &str) -> io::Result<()> {
    let directory = docs().join("placement");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join(name), svg)
}

/// Replaces what stands between `<!-- study NAME -->` and `<!-- end -->` in the page.
pub fn fill(name: &str, text: &str) -> io::Result<()> {
    let path = docs().join("placement.md");
    let page = fs::read_to_string(&path)?;
    let begin = format!("<!-- study {name} -->\n");
    let missing = || io::Error::other(format!("docs/placement.md has no place for {name:?}: {begin}"));
    let (before, rest) = page.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once("<!-- end -->").ok_or_else(missing)?;
    fs::write(&path, format!("{before}{begin}\n{text}\n<!-- end -->{after}"))
}
