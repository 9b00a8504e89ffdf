//! Writing lines into a buffer: never beyond their width, and never what would command a terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::ask::look::clean;

/// A line that is being written.
pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    at: u16,
    /// From here on something stands at the right.
    end: u16,
}

impl<'a> Pen<'a> {
    /// The line of an area, counted from its top. Beyond its end nothing is written.
    pub fn line(buffer: &'a mut Buffer, area: Rect, line: u16) -> Self {
        let height = u16::from(line < area.height);
        let area = Rect { y: area.y.saturating_add(line), height, ..area }.intersection(buffer.area);
        Self { buffer, at: area.x, end: area.x.saturating_add(area.width), area }
    }

    /// How many columns are left.
    pub fn room(&self) -> usize {
        if self.area.height == 0 { 0 } else { usize::from(self.end.saturating_sub(self.at)) }
    }

    /// The whole line in this style.
    pub fn fill(&mut self, style: Style) {
        self.buffer.set_style(self.area, style);
    }

    /// Text, as far as there is room; what is cut off shows.
    pub fn say(&mut self, text: &str, style: Style) {
        let room = self.room();
        if room == 0 {
            return;
        }
        let (x, _) = self.buffer.set_stringn(self.at, self.area.y, cut(&clean(text), room), room, style);
        self.at = x;
    }

    /// Text in a column of this width, and a space after it.
    pub fn cell(&mut self, text: &str, width: usize, style: Style) {
        let room = self.room().min(width);
        let begins = self.at;
        if room > 0 {
            self.buffer.set_stringn(begins, self.area.y, cut(&clean(text), room), room, style);
        }
        self.go(begins, width + 1);
    }

    /// A number in a column of this width, at its right, and a space after it.
    pub fn number(&mut self, text: &str, width: usize, style: Style) {
        let length = text.chars().count().min(width);
        let begins = self.at;
        self.go(begins, width - length);
        self.say(text, style);
        self.go(begins, width + 1);
    }

    /// Text at the right end. What was written already stays.
    pub fn right(&mut self, text: &str, style: Style) {
        let text = clean(text);
        let length = text.chars().count();
        if self.area.height == 0 || length + 1 > self.room() {
            return;
        }
        let x = self.end.saturating_sub(u16::try_from(length).unwrap_or(u16::MAX));
        self.buffer.set_stringn(x, self.area.y, text, length, style);
        self.end = x;
    }

    fn go(&mut self, from: u16, by: usize) {
        self.at = from.saturating_add(u16::try_from(by).unwrap_or(u16::MAX)).min(self.end);
    }
}

/// A text of at most so many characters; an ellipsis stands for what is missing.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}
