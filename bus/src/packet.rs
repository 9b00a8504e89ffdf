//! From deliveries to packets: the counterpart of [`crate::Sender`]. Decodes, and holds the packet against the user the
//! broker says it is from. Pure.

use rollcall_model::authority::{self, AuthorityError};
use rollcall_model::wire::v1::{DecodeError, Envelope};

use crate::Delivery;

/// Why a delivery holds no packet that may be handled.
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// It is no control packet.
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
    /// Its sender may not send it.
    #[error(transparent)]
    Unentitled(#[from] AuthorityError),
}

impl PacketError {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Undecodable(error) => error.reason(),
            Self::Unentitled(error) => error.reason(),
        }
    }
}

/// The packet in a delivery. `checks_users` says whether the user ids on this bus are principals; where they are not,
/// nobody is asked for one.
///
/// # Errors
/// [`PacketError`]; the delivery is to be put aside.
pub fn packet_of(delivery: &Delivery, checks_users: bool) -> Result<Envelope, PacketError> {
    let envelope = Envelope::decode(&delivery.body)?;
    if checks_users {
        authority::check(&envelope, delivery.user_id.as_deref())?;
    }
    Ok(envelope)
}
