//! The report as one page.

use std::fmt::Write as _;

use super::chart::{Line, chart, escape, number};
use super::text::{heading, tables};
use super::{Moment, Report};

const STYLE: &str = include_str!("page.css");

/// One page that needs nothing beside it.
pub(super) fn page(report: &Report) -> String {
    let mut html = format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <meta name=color-scheme content=\"light dark\"><title>{}</title><style>{STYLE}</style></head><body><main><h1>{}</h1>",
        escape(&heading(report)),
        escape(&heading(report))
    );
    // Writing to a string cannot fail, here and below.
    let _ = write!(html, "<p class=command><code>{}</code></p>", escape(&report.setting.command));
    let mut tables = tables(report).into_iter();
    html.push_str("<div class=tables>");
    for (title, rows) in tables.by_ref() {
        let _ = write!(html, "<section><h2>{}</h2><table>", escape(&title));
        for (what, value) in rows {
            let _ = write!(html, "<tr><th scope=row>{}</th><td>{}</td></tr>", escape(&what), escape(&value));
        }
        html.push_str("</table></section>");
    }
    html.push_str("</div>");
    html.push_str(&charts(report));
    html.push_str("<section><h2>What is to be known of the figures</h2><ul>");
    for note in &report.notes {
        let _ = write!(html, "<li>{}</li>", escape(note));
    }
    html + "</ul></section></main></body></html>\n"
}

fn charts(report: &Report) -> String {
    let course = &report.course;
    let seconds = course.last().map_or(0.0, |last| last.at_s);
    let line = |name: &str, of: &dyn Fn(&Moment) -> Option<f64>| Line {
        name: name.to_owned(),
        values: course.iter().map(of).collect(),
    };
    let some = |of: fn(&Moment) -> f64| move |moment: &Moment| Some(of(moment));
    let each = |of: &dyn Fn(&Moment, usize) -> Option<f64>| -> Vec<Line> {
        let named = |(place, name): (usize, &String)| line(name, &|moment| of(moment, place));
        report
            .processes
            .iter()
            .map(|process| process.name.clone())
            .collect::<Vec<_>>()
            .iter()
            .enumerate()
            .map(named)
            .collect()
    };
    [
        chart(
            "Nodes",
            "",
            seconds,
            &[
                line("alive", &some(|moment| f64::from(moment.alive))),
                line("in both groups", &some(|moment| f64::from(moment.standing))),
                line("said to be down or out of reach", &some(|moment| f64::from(moment.missed))),
            ],
        ),
        chart("Joins", "per s", seconds, &[line("joins", &some(|moment| moment.joins))]),
        chart("Status packets", "per s", seconds, &[line("status packets", &some(|moment| moment.statuses))]),
        chart(
            "Messages to the zone controller",
            "per s",
            seconds,
            &[line("messages", &some(|moment| moment.zone_messages))],
        ),
        chart("Messages waiting in queues", "", seconds, &[line("messages", &|moment| moment.waiting)]),
        chart("Processor time", "% of a core", seconds, &each(&|moment, place| moment.cpu.get(place).copied())),
        chart("Memory", "MiB", seconds, &each(&|moment, place| moment.memory.get(place).copied())),
    ]
    .concat()
}

/// A figure with its unit.
pub(super) fn with_unit(value: f64, unit: &str) -> String {
    format!("{} {unit}", number(value))
}
