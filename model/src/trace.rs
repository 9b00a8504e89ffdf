//! The context of a trace as it travels with messages and requests (W3C Trace Context, level 1).
//!
//! ```text
//! traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//! ```

use std::fmt;
use std::str::FromStr;

/// Name of the header, of messages and of HTTP requests.
pub const TRACEPARENT: &str = "traceparent";

/// Which step of which trace something belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace; never all zeros.
    trace: [u8; 16],
    /// The step that caused this; never all zeros.
    span: [u8; 8],
    /// Whether the trace is recorded.
    sampled: bool,
}

/// Whether a message of one kind is what a message of another kind leads to, so that it carries its trace on. Whatever else
/// a daemon says at that moment was due anyway.
#[must_use]
pub fn leads_to(kind: &str, next: &str) -> bool {
    let led: &[&str] = match kind {
        "ack" => &["zone_subscriber", "roster"],
        "node_subscription" => &["join_request", "assignment"],
        "join_request" => &["join_decision"],
        "join_decision" => &["assignment"],
        "presence" => &["arrival", "membership"],
        "arrival" => &["arrival_decision"],
        "arrival_decision" => &["membership", "node_policy"],
        "status" => &["alerts"],
        _ => &[],
    };
    led.contains(&next)
}

/// A text that is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no traceparent: expected 00-<32 hexadecimal digits>-<16 hexadecimal digits>-<2 hexadecimal digits>")]
pub struct NoTraceContext;

impl TraceContext {
    /// A context of these ids; `None` where one of them is all zeros, which stands for none.
    #[must_use]
    pub fn new(trace: [u8; 16], span: [u8; 8], sampled: bool) -> Option<Self> {
        (trace != [0; 16] && span != [0; 8]).then_some(Self { trace, span, sampled })
    }

    /// The trace's id.
    #[must_use]
    pub const fn trace(&self) -> [u8; 16] {
        self.trace
    }

    /// The id of the step within it.
    #[must_use]
    pub const fn span(&self) -> [u8; 8] {
        self.span
    }

    /// Whether the trace is recorded.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }
}

/// Ids as lower-case hexadecimal digits, as collectors and logs have them.
#[must_use]
pub fn hexadecimal(id: &[u8]) -> String {
    use fmt::Write;
    id.iter().fold(String::with_capacity(2 * id.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (hexadecimal(&self.trace), hexadecimal(&self.span));
        write!(f, "00-{trace}-{span}-{:02x}", u8::from(self.sampled))
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for TraceContext {
    type Err = NoTraceContext;

    /// A later version is read as far as it is known, as the standard asks; version `ff` is none.
    fn from_str(text: &str) -> Result<Self, NoTraceContext> {
        let mut parts = text.trim().splitn(5, '-');
        let mut part = |digits: usize| parts.next().filter(|part| part.len() == digits).ok_or(NoTraceContext);
        let (version, trace, span, flags) = (bytes::<1>(part(2)?)?, part(32)?, part(16)?, bytes::<1>(part(2)?)?);
        let is_longer = parts.next().is_some();
        if version == [0xff] || (version == [0] && is_longer) {
            return Err(NoTraceContext);
        }
        Self::new(bytes(trace)?, bytes(span)?, flags[0] & 1 == 1).ok_or(NoTraceContext)
    }
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], NoTraceContext> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(NoTraceContext),
    };
    let mut made = [0; N];
    for (byte, pair) in made.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_standards_example_is_read_and_written_the_same() {
        let context: TraceContext = EXAMPLE.parse().unwrap();
        assert!(context.is_sampled());
        assert_eq!(context.to_string(), EXAMPLE);
        assert_eq!(hexadecimal(&context.span()), "00f067aa0ba902b7");
        let quiet: TraceContext = EXAMPLE.replace("-01", "-00").parse().unwrap();
        assert!(!quiet.is_sampled() && quiet.trace() == context.trace());
    }

    #[test]
    fn strangers_texts_are_refused_and_a_later_version_is_read_as_far_as_it_is_known() {
        for (text, is_one) in [
            ("", false),
            ("00", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e47é-00f067aa0ba902b7-01", false),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true),
            (EXAMPLE, true),
        ] {
            assert_eq!(text.parse::<TraceContext>().is_ok(), is_one, "{text}");
        }
    }
}
