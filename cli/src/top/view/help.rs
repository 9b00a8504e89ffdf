//! What the keys and the letters mean, over everything else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::write::Pen;
use crate::ask::look::Tone;
use crate::top::palette::Palette;

const TEXT: &str = "\x20KEYS
   ↑ ↓ j k        one up, one down         PgUp PgDn Space   a screen
   Home End g G   first, last              Enter →           go in
   Esc ←          go back                  Tab a             alerts and back
   /              filter by name, state, bit, address; Esc drops it
   s              sort: worst, name, latest, most
   r              load everything again    q Ctrl-C          quit
   Mouse: a click chooses, a second one goes in, the wheel scrolls
 NODES
   . healthy   d degraded   s suspect   X down   ? unknown   j joining   l left
 BITS, bit 0 first
   . clear     1 set        ? cannot be measured
 ALERTS
   ! critical; [seen by …] somebody acknowledged it: `rollcall alerts ack ID`

 any key goes on";

/// Over the picture.
pub(super) fn over(area: Rect, buffer: &mut Buffer, palette: Palette) {
    let lines = u16::try_from(TEXT.lines().count()).unwrap_or(u16::MAX);
    let height = (lines + 2).min(area.height);
    let width = 80.min(area.width);
    let over = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(over, buffer);
    let mut pen = Pen::line(buffer, over, 0);
    pen.fill(palette.bar());
    pen.say(" HELP", palette.bar());
    for (at, line) in (1..height).zip(TEXT.lines()) {
        let is_title = line.starts_with(' ') && !line.starts_with("  ");
        Pen::line(buffer, over, at).say(line, palette.tone(if is_title { Tone::Title } else { Tone::Plain }));
    }
    if height > 1 {
        Pen::line(buffer, over, height - 1).fill(palette.bar());
    }
}
