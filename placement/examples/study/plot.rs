//! Line charts as SVG: small, and the same bytes for the same numbers.

use std::fmt::Write as _;

pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    /// Drawn broken: what no strategy can have, or a second percentile.
    pub broken: bool,
}

pub struct Chart {
    pub title: &'static str,
    pub x: &'static str,
    pub y: &'static str,
    /// Each factor of ten is as wide as the next.
    pub logarithmic: bool,
    /// The ticks of x.
    pub ticks: Vec<f64>,
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 470.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 330.0;
const COLOURS: [&str; 10] =
    ["#1b6ca8", "#d1495b", "#2e933c", "#edae49", "#7b4ea3", "#00798c", "#8d5524", "#555555", "#e07be0", "#111111"];

impl Chart {
    pub fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{}</text>\n",
            self.title
        );
        let highest = self.lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y).fold(0.0, f64::max);
        let step = nice(highest / 5.0);
        let top = (highest / step).ceil() * step;
        self.axes(&mut svg, step, top);
        for (index, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let dashes = if line.broken { " stroke-dasharray=\"6 4\"" } else { "" };
            let points: Vec<String> =
                line.points.iter().map(|(x, y)| format!("{:.1},{:.1}", self.across(*x), down(*y, top))).collect();
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes} points=\"{}\"/>",
                points.join(" ")
            );
            let y = TOP + 14.0 + index as f64 * 20.0;
            let _ = writeln!(
                svg,
                "<line x1=\"{x}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>\
                 <text x=\"{}\" y=\"{}\">{}</text>",
                RIGHT + 38.0,
                RIGHT + 44.0,
                y + 4.0,
                line.name,
                x = RIGHT + 14.0,
            );
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn axes(&self, svg: &mut String, step: f64, top: f64) {
        let mut y = 0.0;
        while y <= top + step / 2.0 {
            let at = down(y, top);
            let label = if step < 0.1 { format!("{y:.2}") } else { format!("{y:.1}") };
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                at + 4.0
            );
            y += step;
        }
        for x in &self.ticks {
            let at = self.across(*x);
            let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{x}</text>", BOTTOM + 18.0);
        }
        let middle = (LEFT + RIGHT) / 2.0;
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\" stroke=\"black\"/>\n\
             <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
             <text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            BOTTOM + 38.0,
            self.x,
            (TOP + BOTTOM) / 2.0,
            self.y
        );
    }

    fn across(&self, x: f64) -> f64 {
        let place = |x: f64| if self.logarithmic { x.ln() } else { x };
        let (first, last) = (place(self.ticks[0]), place(self.ticks[self.ticks.len() - 1]));
        LEFT + (place(x) - first) / (last - first) * (RIGHT - LEFT)
    }
}

fn down(y: f64, top: f64) -> f64 {
    BOTTOM - y / top * (BOTTOM - TOP)
}

/// 1, 2 or 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|nice| *nice >= step).unwrap_or(step)
}
