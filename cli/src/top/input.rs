//! What hands do, apart from how a terminal tells it.

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// One up.
    Up,
    /// One down.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
    /// In.
    Enter,
    /// Out, or a prompt away.
    Escape,
    /// To the other pane.
    Tab,
    /// A letter.
    Char(char),
    /// A letter less.
    Backspace,
    /// A click, at column and row.
    Click(u16, u16),
    /// The wheel turned, up or down.
    Wheel(bool),
    /// An end at once.
    Interrupt,
}

/// What a terminal's event is; nothing where it means nothing here.
#[must_use]
pub fn read(event: &Event) -> Option<Input> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            Some(match key.code {
                KeyCode::Char('c' | 'd') if control => Input::Interrupt,
                KeyCode::Char('p') if control => Input::Up,
                KeyCode::Char('n') if control => Input::Down,
                KeyCode::Char('u' | 'b') if control => Input::PageUp,
                KeyCode::Char('f') if control => Input::PageDown,
                KeyCode::Char(_) if control => return None,
                KeyCode::Char(letter) => Input::Char(letter),
                KeyCode::Up => Input::Up,
                KeyCode::Down => Input::Down,
                KeyCode::PageUp => Input::PageUp,
                KeyCode::PageDown => Input::PageDown,
                KeyCode::Home => Input::Home,
                KeyCode::End => Input::End,
                KeyCode::Enter | KeyCode::Right => Input::Enter,
                KeyCode::Esc | KeyCode::Left => Input::Escape,
                KeyCode::Tab | KeyCode::BackTab => Input::Tab,
                KeyCode::Backspace => Input::Backspace,
                _ => return None,
            })
        }
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => Some(Input::Click(mouse.column, mouse.row)),
            MouseEventKind::Down(MouseButton::Right) => Some(Input::Escape),
            MouseEventKind::ScrollUp => Some(Input::Wheel(true)),
            MouseEventKind::ScrollDown => Some(Input::Wheel(false)),
            _ => None,
        },
        _ => None,
    }
}
