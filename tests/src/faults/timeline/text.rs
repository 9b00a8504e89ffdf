//! A timeline as text.

use std::fmt::Write;

use super::Timeline;

pub(super) fn of(timeline: &Timeline) -> String {
    let mut lines = vec![(timeline.healed, "everybody".to_owned(), "healed".to_owned())];
    for row in &timeline.rows {
        for bar in &row.bars {
            let seconds = span(bar.to - bar.from);
            lines.push((bar.from, row.name.clone(), format!("── {} ({seconds} s)", bar.text)));
            lines.push((bar.to, row.name.clone(), format!("   {} is over", bar.text)));
        }
        lines.extend(row.marks.iter().map(|mark| (mark.at, row.name.clone(), format!(" ▸ {}", mark.text))));
    }
    lines.sort_by_key(|(at, ..)| *at);
    let mut text = format!("{}\n\n", timeline.title);
    for (at, name, what) in lines {
        // A string takes everything.
        let _ = writeln!(text, "{:>8} s  {name:<10}  {what}", span(at));
    }
    let _ = writeln!(text, "\n{} findings", timeline.findings.len());
    for finding in &timeline.findings {
        let _ = writeln!(text, "  {finding}");
    }
    text
}

fn span(ms: i64) -> String {
    format!("{}.{:01}", ms / 1_000, ms % 1_000 / 100)
}
