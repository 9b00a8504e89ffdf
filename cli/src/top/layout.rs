//! What stands where. Drawing and clicking look it up here, so that a click hits what is seen.

use ratatui::layout::Rect;

use super::state::Screen;

/// Lines above everything: the zone, and its nodes by state.
const HEAD: u16 = 2;
/// Lines of the alerts below the racks, with their title, at most.
const ALERTS: u16 = 8;
/// Fewer lines than this have no alerts below the racks.
const ROOM_FOR_ALERTS: u16 = 16;

/// Where the parts of a screen are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regions {
    /// The zone at a glance.
    pub head: Rect,
    /// The title of the list, and its columns' names.
    pub title: Rect,
    /// The rows of the list.
    pub rows: Rect,
    /// The alerts below it, with their title; of no height where there is no room, or no need.
    pub alerts: Rect,
    /// What the keys do.
    pub foot: Rect,
}

/// Of a screen of this size.
#[must_use]
pub fn regions(area: Rect, screen: &Screen, open_alerts: usize) -> Regions {
    let mut left = area;
    let head = take(&mut left, HEAD);
    let title = take(&mut left, 2);
    let foot = bottom(&mut left, 1);
    let wanted = match screen {
        Screen::Racks if area.height >= ROOM_FOR_ALERTS && open_alerts > 0 => {
            u16::try_from(open_alerts).unwrap_or(u16::MAX).saturating_add(1).min(ALERTS.max(area.height / 4))
        }
        _ => 0,
    };
    let alerts = bottom(&mut left, wanted);
    Regions { head, title, rows: left, alerts, foot }
}

fn take(left: &mut Rect, height: u16) -> Rect {
    let height = height.min(left.height);
    let taken = Rect { height, ..*left };
    *left = Rect { y: left.y + height, height: left.height - height, ..*left };
    taken
}

fn bottom(left: &mut Rect, height: u16) -> Rect {
    let height = height.min(left.height);
    let taken = Rect { y: left.y + left.height - height, height, ..*left };
    left.height -= height;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_size_is_too_small_and_nothing_overlaps() {
        for (width, height) in [(0, 0), (1, 1), (10, 4), (80, 24), (200, 50), (400, 200)] {
            let area = Rect::new(0, 0, width, height);
            let it = regions(area, &Screen::Racks, 100);
            let heights = [it.head, it.title, it.rows, it.alerts, it.foot].map(|part| part.height);
            assert_eq!(heights.iter().sum::<u16>(), height, "{it:?}");
            assert!(it.rows.y + it.rows.height <= it.alerts.y || it.alerts.height == 0, "{it:?}");
        }
    }
}
