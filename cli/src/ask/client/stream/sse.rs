//! Server-sent events (WHATWG HTML, section 9.2) out of bytes that come in pieces.

/// A longer line is no event of a zone, bytes.
const LONGEST: usize = 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// What it is; empty unless said.
    pub event: String,
    /// Where to go on from, where it was said.
    pub id: Option<String>,
    /// What it says.
    pub data: String,
}

/// What has come of the next event.
#[derive(Clone, Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    message: Message,
    has_data: bool,
    after_cr: bool,
}

impl Parser {
    /// The events that are whole with these bytes. Lines end as the standard allows: LF, CR, or both.
    ///
    /// # Errors
    /// When a line, or an event, is longer than any of a zone's.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Message>, String> {
        let mut whole = Vec::new();
        for &byte in bytes {
            let follows_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if follows_cr => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    whole.extend(self.end_line(&String::from_utf8_lossy(&line)));
                }
                _ => self.line.push(byte),
            }
            if self.line.len() + self.message.data.len() > LONGEST {
                return Err("an event is longer than any of a zone's".into());
            }
        }
        Ok(whole)
    }

    fn end_line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return std::mem::take(&mut self.has_data).then_some(message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.message.data.push('\n');
                }
                self.has_data = true;
                self.message.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.message.event),
            "id" => self.message.id = Some(value.to_owned()),
            // A comment keeps the connection alive; what else there is says nothing to us.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        ": lives\n\nid: 7\nevent: node_state\ndata: {\"a\":\ndata:  1}\n\r\n\rretry: 5\ndata\r\n\r\n\nevent: x\n\n";

    #[test]
    fn events_are_read_however_they_come_in_pieces() {
        let message = |event: &str, id: Option<&str>, data: &str| Message {
            event: event.into(),
            id: id.map(str::to_owned),
            data: data.into(),
        };
        let expected = vec![message("node_state", Some("7"), "{\"a\":\n 1}"), message("", None, "")];
        for size in 1..TEXT.len() {
            let mut parser = Parser::default();
            let found: Vec<Message> =
                TEXT.as_bytes().chunks(size).flat_map(|piece| parser.feed(piece).unwrap()).collect();
            assert_eq!(found, expected, "{size}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        let mut parser = Parser::default();
        assert!(parser.feed(&vec![b'x'; LONGEST]).is_ok());
        assert!(parser.feed(b"x").is_err());
    }
}
