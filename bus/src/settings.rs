//! Settings of a connection to RabbitMQ.

use std::time::Duration;

use serde::Deserialize;

use crate::rabbit::hide_password;

/// How to reach RabbitMQ and how patient to be with it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RabbitSettings {
    /// `amqps://host:port/vhost` where a certificate logs in, else `amqp://user:password@host:port/vhost`; the vhost
    /// percent-encoded. The host has to be one that the broker's certificate names.
    pub url: String,
    /// Largest AMQP frame, bytes; 8192 (RabbitMQ 4 takes no less) to 131072. Larger bodies are split, so small is fine: the client
    /// reserves 64 frames for each connection.
    pub frame_max: u32,
    /// Heartbeat asked for, seconds; 1 to 60. Finds dead links that carry nothing.
    pub heartbeat_s: u16,
    /// Time for each step of an attempt to connect (TCP, TLS, login, channels, declaring, consuming), milliseconds; at least
    /// 500.
    pub connect_timeout_ms: u64,
    /// Time for the broker to confirm a message, milliseconds; at least 100.
    pub confirm_deadline_ms: u64,
    /// Shortest upper bound of the pause before the next attempt, milliseconds; at least 10.
    pub reconnect_min_ms: u64,
    /// Longest upper bound of that pause, milliseconds. The pause is drawn evenly from 0 to the bound, which
    /// doubles from the shortest to the longest.
    pub reconnect_max_ms: u64,
    /// Pause between two echoes through the inbox, milliseconds; at least 100.
    pub echo_period_ms: u64,
    /// Time for an echo to come back before the connection is dropped, milliseconds; at least 100. A stopped
    /// broker is noticed after at most period + deadline; one that is slow, but heard, has three times as long.
    pub echo_deadline_ms: u64,
}

impl Default for RabbitSettings {
    fn default() -> Self {
        Self {
            url: "amqp://127.0.0.1:5672/rollcall".into(),
            frame_max: 8192,
            heartbeat_s: 10,
            connect_timeout_ms: 10_000,
            confirm_deadline_ms: 5_000,
            reconnect_min_ms: 500,
            reconnect_max_ms: 15_000,
            echo_period_ms: 10_000,
            echo_deadline_ms: 10_000,
        }
    }
}

impl std::fmt::Debug for RabbitSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitSettings").field("url", &hide_password(&self.url)).finish_non_exhaustive()
    }
}

impl RabbitSettings {
    /// Host, port and virtual host of the URL, as announced to others; never the credentials.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn endpoint(&self) -> Result<rollcall_model::wire::txt::BrokerEndpoint, crate::ConnectError> {
        crate::rabbit::Address::new(self, None).map(|address| address.endpoint())
    }

    /// How long one proof of the way to the broker and back stands: until the next echo would have come back.
    #[must_use]
    pub const fn proof_stands(&self) -> Duration {
        Duration::from_millis(self.echo_period_ms + self.echo_deadline_ms + 1_000)
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// What is wrong and what would be right, for people. The URL is checked when attaching.
    pub fn validate(&self) -> Result<(), String> {
        let within = |name: &str, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(format!("{name} is {value}; {low} to {high} can work"))
            }
        };
        within("frame_max", self.frame_max.into(), 8192, 131_072)?;
        within("heartbeat_s", self.heartbeat_s.into(), 1, 60)?;
        within("connect_timeout_ms", self.connect_timeout_ms, 500, 600_000)?;
        within("confirm_deadline_ms", self.confirm_deadline_ms, 100, 600_000)?;
        within("reconnect_min_ms", self.reconnect_min_ms, 10, 600_000)?;
        within("reconnect_max_ms", self.reconnect_max_ms, 10, 3_600_000)?;
        within("echo_period_ms", self.echo_period_ms, 100, 600_000)?;
        within("echo_deadline_ms", self.echo_deadline_ms, 100, 600_000)?;
        if self.reconnect_max_ms < self.reconnect_min_ms {
            let (min, max) = (self.reconnect_min_ms, self.reconnect_max_ms);
            return Err(format!("reconnect_max_ms ({max}) has to be at least reconnect_min_ms ({min})"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_work_and_notice_a_stopped_broker_within_25_seconds() {
        let settings = RabbitSettings::default();
        assert_eq!(settings.validate(), Ok(()));
        assert!(settings.echo_period_ms + settings.echo_deadline_ms <= 25_000);
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let settings = RabbitSettings { frame_max: 100, ..RabbitSettings::default() };
        assert!(settings.validate().expect_err("too small").contains("frame_max"));
        let settings = RabbitSettings { reconnect_min_ms: 500, reconnect_max_ms: 100, ..RabbitSettings::default() };
        assert!(settings.validate().expect_err("contradiction").contains("reconnect_min_ms"));
    }

    #[test]
    fn a_password_is_not_shown() {
        let settings = RabbitSettings { url: "amqp://me:s3cret@h/v".into(), ..RabbitSettings::default() };
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}
