//! Serial numbers of certificates: 16 bytes by chance, so that two servers never meet and nobody guesses the next.

use rollcall_model::Serial;

use crate::KeyError;

/// Draws a new one.
///
/// # Errors
/// When the system gives no randomness.
pub fn draw() -> Result<Serial, KeyError> {
    let mut bytes: [u8; 16] = crate::random()?;
    // Positive and never shortened in DER (RFC 5280 §4.1.2.2): first bit 0, second 1.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    of_certificate(&bytes).ok_or(KeyError::Library)
}

pub(crate) fn bytes(serial: &Serial) -> Vec<u8> {
    // A serial number is whole bytes in hexadecimal.
    hex::decode(serial.as_str()).unwrap_or_default()
}

/// From the number in a certificate; a longer one than the standard allows is none.
pub(crate) fn of_certificate(raw: &[u8]) -> Option<Serial> {
    hex::encode(raw).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_drawn_by_chance_and_positive() {
        let (one, other) = (draw().unwrap(), draw().unwrap());
        assert_ne!(one, other);
        assert_eq!(bytes(&one)[0] & 0xc0, 0x40);
        assert_eq!(of_certificate(&bytes(&one)), Some(one));
        assert_eq!(of_certificate(&[1; 21]), None);
    }
}
