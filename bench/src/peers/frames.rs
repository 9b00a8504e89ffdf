//! Which bytes a published message is made of: AMQP 0-9-1 (its section 4.2), a TLS 1.3 record (RFC 8446, section 5.2), TCP and IP.

use super::sockets::HEADERS;

/// Type, channel, length, and the byte that ends a frame.
const FRAME: usize = 1 + 2 + 4 + 1;
/// Class and method.
const METHOD: usize = 2 + 2;
/// Class, weight, length of the body, which properties follow.
const CONTENT: usize = 2 + 2 + 8 + 2;
/// Header of a record, its real type, and the tag that seals it.
pub const RECORD: usize = 5 + 1 + 16;

/// A message as it is published.
pub struct Message<'a> {
    /// Exchange.
    pub exchange: &'a str,
    /// Routing key.
    pub key: &'a str,
    /// The property `type`.
    pub kind: &'a str,
    /// The property `user-id`.
    pub user: &'a str,
    /// Bytes of its body.
    pub body: usize,
}

/// Some bytes of it and what they are.
pub type Part = (String, usize);

const fn short_string(text: &str) -> usize {
    1 + text.len()
}

impl Message<'_> {
    /// What AMQP makes of it.
    pub fn amqp(&self) -> Vec<Part> {
        let Self { exchange, key, kind, user, body } = self;
        vec![
            // The method has a reserved number and a byte of flags beside its names.
            ("basic.publish: frame, method, flags".into(), FRAME + METHOD + 2 + 1),
            (format!("exchange `{exchange}`"), short_string(exchange)),
            ("routing key `<group id>.health.<node id>`".into(), short_string(key)),
            ("content header: frame, length, flags".into(), FRAME + CONTENT),
            (format!("property type `{kind}`"), short_string(kind)),
            ("property user-id `node.<node id>@<zone>`".into(), short_string(user)),
            ("body: frame".into(), FRAME),
            ("body: the status packet".into(), *body),
        ]
    }

    /// All of it in one TLS record and one segment.
    pub fn on_the_wire(&self) -> Vec<Part> {
        let mut parts = self.amqp();
        parts.push(("TLS 1.3: header of a record, type, tag".into(), RECORD));
        parts.push(("IPv4, TCP with timestamps".into(), HEADERS as usize));
        parts
    }
}

/// Bytes of all parts.
pub fn sum(parts: &[Part]) -> usize {
    parts.iter().map(|(_, bytes)| bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_without_names_and_body_is_its_framing() {
        let empty = Message { exchange: "", key: "", kind: "", user: "", body: 0 };
        // basic.publish 8 + 4 + 2 + 1 + 1 + 1, content header 8 + 14 and two empty properties, an empty body's frame.
        assert_eq!(sum(&empty.amqp()), 17 + 24 + 8);
        assert_eq!(sum(&empty.on_the_wire()), 17 + 24 + 8 + 22 + 52);
        let named = Message { exchange: "e", key: "kk", kind: "ttt", user: "uuuu", body: 5 };
        assert_eq!(sum(&named.amqp()) - sum(&empty.amqp()), 1 + 2 + 3 + 4 + 5);
    }
}
