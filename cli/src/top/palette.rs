//! Colours and letters. A colour never says anything alone: every state is a letter, every severity a word, and without
//! colours the same stands there in bold, dim and reversed.

use ratatui::style::{Color, Modifier, Style};

use crate::ask::look::Tone;

/// What styles are made by.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    colour: bool,
}

impl Palette {
    /// With colours, or without.
    #[must_use]
    pub const fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// The style of what a colour of tables says. The 16 colours of the terminal are used, so that its own choice of them,
    /// light or dark, holds here too.
    #[must_use]
    pub fn tone(self, tone: Tone) -> Style {
        let plain = Style::new();
        let (colour, modifier) = match tone {
            Tone::Plain => return plain,
            Tone::Good => (Color::Green, Modifier::empty()),
            Tone::Warning => (Color::Yellow, Modifier::BOLD),
            Tone::Bad => (Color::Red, Modifier::BOLD),
            Tone::Faint => return plain.add_modifier(Modifier::DIM),
            Tone::Title => return plain.add_modifier(Modifier::BOLD),
        };
        if self.colour { plain.fg(colour).add_modifier(modifier) } else { plain.add_modifier(modifier) }
    }

    /// Of a node's state.
    #[must_use]
    pub fn state(self, state: &str) -> Style {
        match state {
            // The blue-yellow axis tells it from degraded, for those who do not tell red from green.
            "suspect" if self.colour => Style::new().fg(Color::Magenta).add_modifier(Modifier::BOLD),
            "unknown" if self.colour => Style::new().fg(Color::Cyan),
            "down" => self.tone(Tone::Bad).add_modifier(Modifier::REVERSED),
            other => self.tone(Tone::of_state(other)),
        }
    }

    /// What is chosen.
    #[must_use]
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// A bar at the edge of the screen.
    #[must_use]
    pub fn bar(self) -> Style {
        if self.colour {
            Style::new().fg(Color::Black).bg(Color::Gray)
        } else {
            Style::new().add_modifier(Modifier::REVERSED)
        }
    }
}

/// The letter of a state.
#[must_use]
pub fn letter(state: &str) -> char {
    match state {
        "healthy" => '.',
        "degraded" => 'd',
        "suspect" => 's',
        "down" => 'X',
        "joining" => 'j',
        "left" => 'l',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rollcall_model::NodeState;

    use super::*;

    #[test]
    fn every_state_has_a_letter_of_its_own_and_no_colours_means_none() {
        let letters: BTreeSet<char> = NodeState::ALL.iter().map(|state| letter(state.as_str())).collect();
        assert_eq!(letters.len(), NodeState::ALL.len());
        for state in NodeState::ALL {
            let style = Palette::new(false).state(state.as_str());
            assert_eq!((style.fg, style.bg), (None, None), "{state}");
        }
    }
}
