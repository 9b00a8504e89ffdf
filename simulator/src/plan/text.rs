//! A plan as words and numbers.

use super::{Line, Plan};
use crate::report::chart::number;

impl Plan {
    /// For people at a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let wish = &self.wish;
        let mut text = format!(
            "rollcall plan: {} nodes, keep-alive {} s, readings every {} s, {} nodes in a rack\n\n",
            number(f64::from(wish.nodes)),
            number(wish.period_ms as f64 / 1e3),
            number(wish.metrics_ms as f64 / 1e3),
            wish.nodes_per_rack
        );
        let values: Vec<String> = self.lines.iter().map(value).collect();
        let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let first = width(&mut self.lines.iter().map(|line| line.what.chars().count()));
        let second = width(&mut values.iter().map(|value| value.chars().count()));
        for (line, value) in self.lines.iter().zip(&values) {
            text += &format!("  {:first$}  {value:>second$}  {}: {}\n", line.what, line.basis.word(), line.how);
        }
        text += "\nmeasured\n";
        for one in &self.measured {
            let what = serde_json::to_value(one.what).unwrap_or_default();
            let (what, value, nodes) =
                (what.as_str().unwrap_or_default().to_owned(), number(one.value), number(one.nodes));
            text += &format!("  {what} = {value} at {nodes} nodes\n      {} ({})\n", one.command, one.setting);
        }
        text += "\nto be known\n";
        for note in &self.notes {
            text += &format!("  - {note}\n");
        }
        text
    }
}

fn value(line: &Line) -> String {
    match line.value {
        Some(value) => format!("{} {}", number(value), line.unit).trim_end().to_owned(),
        None => "not known".into(),
    }
}
