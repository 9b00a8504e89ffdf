//! A timeline as one SVG, in the colours of whoever looks at it: light or dark.

use std::fmt::Write;

use super::{Mark, Row, Timeline};

const LEFT: i64 = 96;
const WIDE: i64 = 1_040;
const RIGHT: i64 = 24;
const TOP: i64 = 92;
const ROW: i64 = 32;
const BAR: i64 = 14;
/// Marks stand so far below the middle of their row, and bars above it.
const MARKS_BELOW: i64 = 9;
const BARS_ABOVE: i64 = 5;
/// Width of a letter of a bar's text, roughly.
const LETTER: i64 = 6;

const STYLE: &str = "\
:root { --paper:#fff; --ink:#1c2024; --faint:#d9dde2; --dim:#5c6670; --cable:#e0a126; --kill:#c9383a; --pause:#4f7fd0; --alarm:#8c5cc4; --clock:#2f9c95; --disk:#66761f;
  --down:#c9383a; --unknown:#8c5cc4; --suspect:#d07a10; --well:#2e8b57; --on-bar:#fff; --on-cable:#1c2024 }
@media (prefers-color-scheme: dark) { :root { --paper:#15191e; --ink:#e8ebee; --faint:#323a43; --dim:#9aa5b0; --cable:#d9a437; --kill:#e0585a;
  --pause:#6f9be6; --alarm:#ac83dd; --clock:#5cc7bf; --disk:#b8c95c; --down:#ff7d7f; --unknown:#c3a1f0; --suspect:#f0a040; --well:#5fc98d; --on-bar:#101418; --on-cable:#101418 } }
.paper { fill:var(--paper) } text { font:11px system-ui,sans-serif; fill:var(--ink) } .title { font-size:15px; font-weight:600 }
.dim { fill:var(--dim) } .grid { stroke:var(--faint); stroke-width:1 } .healed { stroke:var(--well); stroke-width:1.5; stroke-dasharray:4 3 }
.cable { fill:var(--cable) } .kill { fill:var(--kill) } .pause { fill:var(--pause) } .alarm { fill:var(--alarm) } .clock { fill:var(--clock) } .disk { fill:var(--disk) }
.on { fill:var(--on-bar); font-size:10px } .on-cable { fill:var(--on-cable); font-size:10px } .finding { fill:var(--kill) }
.m { stroke:var(--paper); stroke-width:1 } .m-down { fill:var(--down) } .m-unknown, .m-alarm { fill:var(--unknown) } .m-suspect { fill:var(--suspect) } .m-well { fill:var(--well) }";

/// Bars and marks, as the legend names them.
const BARS: [(&str, &str); 6] = [
    ("cable", "cable"),
    ("kill", "killed"),
    ("pause", "paused"),
    ("alarm", "alarm"),
    ("clock", "clock"),
    ("disk", "disk full"),
];
const MARKS: [(&str, &str); 5] = [
    ("down", "down"),
    ("unknown", "unknown"),
    ("suspect", "suspect"),
    ("healthy", "heard again"),
    ("alarm", "alarm of a group"),
];

pub(super) fn of(timeline: &Timeline) -> String {
    let rows = i64::try_from(timeline.rows.len()).unwrap_or(i64::MAX);
    let bottom = TOP + rows * ROW;
    let findings = i64::try_from(timeline.findings.len().min(20)).unwrap_or(0);
    let (width, height) = (LEFT + WIDE + RIGHT, bottom + 34 + findings * 16);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\
         <title>{title}</title><style>{STYLE}</style><rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\
         <text class=\"title\" x=\"12\" y=\"26\">{title}</text>\n",
        title = escaped(&timeline.title)
    );
    legend(&mut out);
    axis(&mut out, timeline, bottom);
    for (number, row) in timeline.rows.iter().enumerate() {
        draw(&mut out, timeline, row, TOP + i64::try_from(number).unwrap_or(0) * ROW);
    }
    let verdict = match timeline.findings.len() {
        0 => "nothing lost, doubled, reordered or stale; no false verdict".to_owned(),
        count => format!("{count} findings"),
    };
    // A string takes everything.
    let _ = writeln!(out, "<text class=\"dim\" x=\"12\" y=\"{}\">{verdict}</text>", bottom + 24);
    for (number, finding) in timeline.findings.iter().take(20).enumerate() {
        let y = bottom + 40 + i64::try_from(number).unwrap_or(0) * 16;
        let _ = writeln!(out, "<text class=\"finding\" x=\"12\" y=\"{y}\">{}</text>", escaped(finding));
    }
    out + "</svg>\n"
}

fn legend(out: &mut String) {
    let mut x = LEFT;
    for (kind, name) in BARS {
        let _ = write!(out, "<rect class=\"{kind}\" x=\"{x}\" y=\"42\" width=\"22\" height=\"10\" rx=\"2\"/>");
        let _ = writeln!(out, "<text class=\"dim\" x=\"{}\" y=\"51\">{name}</text>", x + 28);
        x += 46 + LETTER * i64::try_from(name.len()).unwrap_or(0);
    }
    x += 16;
    for (kind, name) in MARKS {
        let _ = write!(out, "{}", shape(kind, x, 47, ""));
        let _ = writeln!(out, "<text class=\"dim\" x=\"{}\" y=\"51\">{name}</text>", x + 10);
        x += 34 + LETTER * i64::try_from(name.len()).unwrap_or(0);
    }
}

fn axis(out: &mut String, timeline: &Timeline, bottom: i64) {
    let step = [5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000]
        .into_iter()
        .find(|step| timeline.ends / step <= 14)
        .unwrap_or(1_800_000);
    let mut at = 0;
    while at <= timeline.ends {
        let x = place(timeline, at);
        let _ = write!(out, "<line class=\"grid\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{bottom}\"/>", TOP - 8);
        let _ = writeln!(
            out,
            "<text class=\"dim\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{} s</text>",
            TOP - 12,
            at / 1_000
        );
        at += step;
    }
    let x = place(timeline, timeline.healed);
    let _ = writeln!(
        out,
        "<line class=\"healed\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{bottom}\"><title>healed</title></line>",
        TOP - 8
    );
}

fn place(timeline: &Timeline, at: i64) -> i64 {
    LEFT + at.clamp(0, timeline.ends) * WIDE / timeline.ends.max(1)
}

fn draw(out: &mut String, timeline: &Timeline, row: &Row, top: i64) {
    let middle = top + ROW / 2;
    let _ = write!(out, "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{middle}\" x2=\"{}\" y2=\"{middle}\"/>", LEFT + WIDE);
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
        LEFT - 10,
        middle + 4,
        escaped(&row.name)
    );
    for bar in &row.bars {
        let (from, to) = (place(timeline, bar.from), place(timeline, bar.to));
        let (width, text) = ((to - from).max(3), escaped(&bar.text));
        let _ = write!(
            out,
            "<rect class=\"{}\" x=\"{from}\" y=\"{}\" width=\"{width}\" height=\"{BAR}\" rx=\"2\"><title>{text}, {} s</title></rect>",
            bar.kind,
            middle - BARS_ABOVE - BAR / 2,
            (bar.to - bar.from) / 1_000
        );
        let room = usize::try_from((width - 8) / LETTER).unwrap_or(0);
        if bar.text.chars().count() <= room {
            let class = if bar.kind == "cable" { "on-cable" } else { "on" };
            let _ = write!(
                out,
                "<text class=\"{class}\" x=\"{}\" y=\"{}\">{text}</text>",
                from + 5,
                middle - BARS_ABOVE + 4
            );
        }
    }
    for Mark { at, kind, text } in &row.marks {
        out.push_str(&shape(kind, place(timeline, *at), middle + MARKS_BELOW, text));
    }
    out.push('\n');
}

/// Each state has a shape of its own as well as a colour.
fn shape(kind: &str, x: i64, y: i64, text: &str) -> String {
    let title = format!("<title>{}</title>", escaped(text));
    let polygon = |class: &str, points: [(i64, i64); 4]| {
        let points: Vec<String> = points.iter().map(|(dx, dy)| format!("{},{}", x + dx, y + dy)).collect();
        format!("<polygon class=\"m m-{class}\" points=\"{}\">{title}</polygon>", points.join(" "))
    };
    match kind {
        "down" => polygon("down", [(-6, -5), (6, -5), (0, 7), (0, 7)]),
        "unknown" => polygon("unknown", [(-5, -5), (5, -5), (5, 5), (-5, 5)]),
        "alarm" => polygon("alarm", [(0, -7), (7, 0), (0, 7), (-7, 0)]),
        "suspect" => format!("<circle class=\"m m-suspect\" cx=\"{x}\" cy=\"{y}\" r=\"4\">{title}</circle>"),
        _ => polygon("well", [(-5, 5), (5, 5), (0, -6), (0, -6)]),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
