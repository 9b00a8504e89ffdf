//! What the broker tells of refused operations.
//!
//! RabbitMQ has no event for a refusal; it writes a line to its log. Told to (`log.exchange = true`), it also publishes
//! each line to [`LOG_EXCHANGE`] in its default virtual host, with the level as routing key. The zone, which alone may
//! read that exchange, binds a queue to it and reads the lines with [`Refusal::of_line`].

/// The exchange of the broker's log; topic, internal.
pub const LOG_EXCHANGE: &str = "amq.rabbitmq.log";
/// Routing key of the lines that tell of refusals.
pub const LOG_ERRORS: &str = "error";

/// A refused operation, or a refused login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who was refused; the certificate's name. `None` where the broker does not say.
    pub user: Option<String>,
    /// What was tried: an AMQP method such as `queue.bind`, or `login`.
    pub operation: String,
    /// The broker's words for what was refused.
    pub what: String,
}

impl Refusal {
    /// Reads the text of one log entry; `None` if it tells of something else.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        Self::of_operation(line).or_else(|| Self::of_login(line))
    }

    /// `operation queue.bind caused a channel exception access_refused: …`, after a line that names the connection and its
    /// user.
    fn of_operation(text: &str) -> Option<Self> {
        let (operation, what) = text.split_once("operation ")?.1.split_once(" caused a ")?;
        let (kind, what) = what.split_once(": ")?;
        // Publishing under another's user id has a code that other mistakes have, too.
        if !kind.ends_with("access_refused") && !what.starts_with("user_id property") {
            return None;
        }
        let user = after_quoted(what, "refused for user '").or_else(|| after_quoted(text, "user: '"));
        Some(Self { user, operation: operation.into(), what: what.trim().into() })
    }

    /// `EXTERNAL login refused: …`.
    fn of_login(text: &str) -> Option<Self> {
        let what = text.split_once("login refused: ")?.1.trim();
        let user = after_quoted(what, "user '");
        Some(Self { user, operation: "login".into(), what: what.into() })
    }
}

/// What stands in single quotes after a phrase that ends with the opening one.
fn after_quoted(text: &str, phrase: &str) -> Option<String> {
    let (quoted, _) = text.split_once(phrase)?.1.split_once('\'')?;
    Some(quoted.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "2026-11-26 04:25:27.033304+00:00 [error] <0.1.1> Channel error on connection <0.2.1> \
                        (127.0.0.1:40184 -> 127.0.0.1:43343, vhost: 'rollcall', user: 'node.a@z'), channel 857:\n";

    #[test]
    fn refusals_name_who_tried_what_and_other_lines_are_passed_over() {
        for (line, expected) in [
            (
                "operation queue.bind caused a channel exception access_refused: access to queue 'zone.joins' in vhost \
                 'rollcall' refused for user 'node.a@z'",
                Some("queue.bind"),
            ),
            (
                "operation basic.publish caused a channel exception precondition_failed: user_id property set to 'node.b@z' \
                 but authenticated user was 'node.a@z'",
                Some("basic.publish"),
            ),
            (
                "operation queue.declare caused a channel exception precondition_failed: inequivalent arg 'durable' for queue \
                 'q' in vhost 'rollcall'",
                None,
            ),
            (
                "operation none caused a connection exception connection_forced: \"broker forced connection closure\"",
                None,
            ),
        ] {
            let found = Refusal::of_line(&format!("{HEAD}{line}"));
            assert_eq!(found.as_ref().map(|refusal| refusal.operation.as_str()), expected, "{line}");
            assert!(found.is_none_or(|refusal| refusal.user.as_deref() == Some("node.a@z")));
        }
        let login = Refusal::of_line("HTTP access denied: user 'x'");
        assert_eq!(login, None);
    }
}
