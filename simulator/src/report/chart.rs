//! Charts as SVG inside of HTML: lines stretch with the page, words do not, so that they can be read on a narrow screen.

use std::fmt::Write as _;

/// A chart has room for no more points; of several the largest is drawn.
const POINTS: usize = 360;
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 200.0;

/// A line of a chart.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it shows.
    pub name: String,
    /// Its values, each at its place; `None` leaves a gap.
    pub values: Vec<Option<f64>>,
}

/// A chart of lines over the same seconds.
#[must_use]
pub fn chart(title: &str, unit: &str, seconds: f64, lines: &[Line]) -> String {
    let all = lines.iter().flat_map(|line| &line.values).flatten().copied();
    let top = round_up(all.fold(0.0, f64::max));
    let mut html =
        format!("<figure><figcaption>{} <span class=unit>{}</span></figcaption>", escape(title), escape(unit));
    if lines.iter().all(|line| line.values.iter().all(Option::is_none)) {
        return html + "<p class=none>not measured</p></figure>";
    }
    let said = lines.iter().map(summary).collect::<Vec<_>>().join("; ");
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        html,
        "<div class=plot><span class=top>{}</span><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=none role=img \
         aria-label=\"{}: {}\"><path class=grid d=\"M0 .5H{WIDTH}M0 {}H{WIDTH}M0 {}H{WIDTH}\"/>",
        number(top),
        escape(title),
        escape(&said),
        HEIGHT / 2.0,
        HEIGHT - 0.5
    );
    for (place, line) in lines.iter().enumerate() {
        let _ = write!(html, "<path class=\"line l{}\" d=\"{}\"/>", place % 8, path(&line.values, top));
    }
    let _ = write!(html, "</svg><span class=from>0 s</span><span class=to>{} s</span></div>", number(seconds));
    if lines.len() > 1 {
        html.push_str("<ul class=legend>");
        for (place, line) in lines.iter().enumerate() {
            let _ = write!(
                html,
                "<li><svg viewBox=\"0 0 24 6\" aria-hidden=true><path class=\"line l{}\" d=\"M0 3H24\"/></svg>{}</li>",
                place % 8,
                escape(&line.name)
            );
        }
        html.push_str("</ul>");
    }
    html + "</figure>"
}

fn summary(line: &Line) -> String {
    let known: Vec<f64> = line.values.iter().flatten().copied().collect();
    let last = known.last().copied().unwrap_or_default();
    format!("{} at most {}, at the end {}", line.name, number(crate::statistics::largest(&known)), number(last))
}

/// A path through the values.
fn path(values: &[Option<f64>], top: f64) -> String {
    let bin = values.len().div_ceil(POINTS).max(1);
    let most = |chunk: &[Option<f64>]| chunk.iter().flatten().copied().reduce(f64::max);
    let points: Vec<Option<f64>> = values.chunks(bin).map(most).collect();
    let step = WIDTH / (points.len().saturating_sub(1).max(1)) as f64;
    let (mut path, mut pen_is_down) = (String::new(), false);
    for (place, value) in points.iter().enumerate() {
        let Some(value) = value else {
            pen_is_down = false;
            continue;
        };
        let (x, y) = (step * place as f64, HEIGHT - value / top * (HEIGHT - 2.0) - 1.0);
        let _ = write!(path, "{}{x:.1} {y:.1}", if pen_is_down { 'L' } else { 'M' });
        pen_is_down = true;
    }
    path
}

/// The next of 1, 2, 5, 10, 20 …; 1 for nothing.
fn round_up(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let magnitude = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|step| step * magnitude).into_iter().find(|step| *step >= value).unwrap_or(value)
}

/// A number as people write it: no more digits than say something, thousands apart.
#[must_use]
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let digits = match value.abs() {
        size if size == 0.0 || size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), ""), |(whole, rest)| (whole, rest));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("−", whole));
    let mut apart = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { format!("{sign}{apart}") } else { format!("{sign}{apart}.{rest}") }
}

/// A text that stands in HTML for itself.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
