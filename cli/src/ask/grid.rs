//! Tables for people: aligned columns two spaces apart, no borders, never wider than the terminal if it can be helped.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets};

use super::look::{Look, Tone, clean};

/// Narrowest width at which a column of words can still be read.
const READABLE: usize = 10;
/// Spaces between columns.
const GAP: u16 = 2;

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    head: String,
    wraps: bool,
    right: bool,
    wide: bool,
}

impl Column {
    /// Of words or ids that stay on one line.
    pub fn fixed(head: impl Into<String>) -> Self {
        Self { head: head.into(), wraps: false, right: false, wide: false }
    }

    /// Of text that may go on in the next line.
    pub fn text(head: impl Into<String>) -> Self {
        Self { wraps: true, ..Self::fixed(head) }
    }

    /// Of numbers.
    pub fn number(head: impl Into<String>) -> Self {
        Self { right: true, ..Self::fixed(head) }
    }

    /// Left out on narrow terminals.
    #[must_use]
    pub fn only_wide(self) -> Self {
        Self { wide: true, ..self }
    }
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    text: String,
    tone: Tone,
}

impl Text {
    /// Without colour.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::toned(text, Tone::Plain)
    }

    /// With colour.
    pub fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: clean(text.as_ref()), tone }
    }

    /// Of several lines; everything else that is no text is cleaned away.
    pub fn lines(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(|line| clean(&line.replace('\t', "    "))).collect();
        Self { text: lines.join("\n"), tone: Tone::Plain }
    }

    /// A node state in its colour.
    pub fn state(state: &str) -> Self {
        Self::toned(state, Tone::of_state(state))
    }

    /// `-` where there is nothing.
    pub fn or_dash(text: Option<impl AsRef<str>>) -> Self {
        match text {
            Some(text) if !text.as_ref().is_empty() => Self::plain(text),
            _ => Self::toned("-", Tone::Faint),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl From<i64> for Text {
    fn from(number: i64) -> Self {
        Self::plain(number.to_string())
    }
}

/// A table in the making.
#[derive(Clone, Debug)]
pub struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<Text>>,
}

impl Grid {
    /// A table of these columns.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row: one text per column.
    pub fn row(&mut self, texts: impl IntoIterator<Item = Text>) {
        self.rows.push(texts.into_iter().collect());
    }

    /// The table as text, each line ended.
    #[must_use]
    pub fn render(&self, look: &Look) -> String {
        let shown: Vec<usize> =
            (0..self.columns.len()).filter(|at| look.is_wide() || !self.columns[*at].wide).collect();
        let mut table = Table::new();
        table.load_style(presets::NOTHING).force_no_tty();
        if look.colour {
            table.enforce_styling();
        }
        table.set_header(shown.iter().map(|at| head(&self.columns[*at])).collect::<Vec<Cell>>());
        for row in &self.rows {
            table.add_row(shown.iter().filter_map(|at| row.get(*at)).map(cell).collect::<Vec<Cell>>());
        }
        self.arrange(&mut table, &shown, look);
        let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
        lines.collect()
    }

    fn arrange(&self, table: &mut Table, shown: &[usize], look: &Look) {
        let contents = table.column_max_content_widths();
        let keep = look.width.is_some_and(|width| fits(&contents, shown, &self.columns, width));
        for (place, at) in shown.iter().enumerate() {
            let Some(column) = table.column_mut(place) else { continue };
            column.set_padding((0, if place + 1 == shown.len() { 0 } else { GAP }));
            if self.columns[*at].right {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if keep && !self.columns[*at].wraps {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        if let Some(width) = look.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
    }
}

/// Whether columns that should not wrap can be spared it.
fn fits(contents: &[u16], shown: &[usize], columns: &[Column], width: u16) -> bool {
    let needs = shown.iter().zip(contents).map(|(at, content)| {
        let content = usize::from(*content);
        usize::from(GAP) + if columns[*at].wraps { content.min(READABLE) } else { content }
    });
    needs.sum::<usize>() <= usize::from(width) + usize::from(GAP)
}

fn head(column: &Column) -> Cell {
    Cell::new(clean(&column.head)).add_attribute(Attribute::Bold)
}

fn cell(text: &Text) -> Cell {
    let cell = Cell::new(&text.text);
    match text.tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Warning => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Title => cell.add_attribute(Attribute::Bold),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn look(width: Option<u16>, colour: bool) -> Look {
        Look { width, colour, now: Timestamp::UNIX_EPOCH }
    }

    fn grid() -> Grid {
        let mut grid = Grid::new(vec![
            Column::fixed("NODE"),
            Column::number("BITS"),
            Column::text("WHY"),
            Column::fixed("KEY").only_wide(),
        ]);
        grid.row(["0a1b2c3d".into(), 5.into(), "the link that was up is down".into(), "k".into()]);
        grid.row(["ffffffff".into(), 12.into(), "".into(), "l".into()]);
        grid
    }

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let expected = "\
NODE      BITS  WHY                           KEY
0a1b2c3d     5  the link that was up is down  k
ffffffff    12                                l
";
        assert_eq!(grid().render(&look(None, false)), expected);
    }

    #[test]
    fn on_a_narrow_terminal_text_wraps_and_ids_do_not() {
        let expected = "\
NODE      BITS  WHY
0a1b2c3d     5  the link that
                was up is down
ffffffff    12
";
        assert_eq!(grid().render(&look(Some(31), false)), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 20..100 {
            let text = grid().render(&look(Some(width), false));
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= usize::from(width), "{width}: {text}");
        }
    }
}
