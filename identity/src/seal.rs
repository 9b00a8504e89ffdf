//! The sealed capability tag of a status packet (N3): the first 12 bytes of the capability digest, sealed with the key
//! that the rack's group controller drew for this session. A copied disk has no such key, and a changed board has
//! another digest.
//!
//! ChaCha20-Poly1305 (RFC 8439). The nonce is epoch (4), sequence (4), zeros (4): a key serves one session, in which a
//! sequence number comes once. What is sealed is bound to node id (16), health bits (3), mask (3), flags (1), epoch (4)
//! and sequence (4), as they stand in the packet.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rollcall_model::wire::status::{NodeStatus, SealedTag};
use rollcall_model::{CapabilityDigest, SealKey};

use crate::KeyError;

/// A tag that does not open: another key, another session, or a changed packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the capability tag does not open with this session's key")]
pub struct SealError;

/// Draws the key of a session.
///
/// # Errors
/// When the system gives no randomness.
pub fn draw_key() -> Result<SealKey, KeyError> {
    crate::random().map(SealKey::from_bytes)
}

/// The tag for a status packet; the packet's own tag, if any, is not looked at.
///
/// # Errors
/// When the cryptographic library fails.
pub fn seal(key: &SealKey, status: &NodeStatus, digest: CapabilityDigest) -> Result<SealedTag, KeyError> {
    let (nonce, bound) = bound(status);
    let mut sealed = digest.0;
    let tag = cipher(key)
        .and_then(|cipher| cipher.seal_in_place_separate_tag(nonce, Aad::from(bound), &mut sealed).ok())
        .ok_or(KeyError::Library)?;
    let mut bytes = [0; 28];
    bytes[..12].copy_from_slice(&sealed);
    bytes[12..].copy_from_slice(tag.as_ref());
    Ok(bytes)
}

/// The digest in a status packet's tag.
///
/// # Errors
/// When there is no tag, or it does not open: nothing is known of who sealed it.
pub fn open(key: &SealKey, status: &NodeStatus) -> Result<CapabilityDigest, SealError> {
    let mut bytes = status.tag.ok_or(SealError)?;
    let (nonce, bound) = bound(status);
    let opened = cipher(key).ok_or(SealError)?.open_in_place(nonce, Aad::from(bound), &mut bytes);
    opened.ok().and_then(|digest| (*digest).try_into().ok()).map(CapabilityDigest).ok_or(SealError)
}

fn cipher(key: &SealKey) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key.as_bytes()).ok().map(LessSafeKey::new)
}

/// The nonce, and what the tag is bound to.
fn bound(status: &NodeStatus) -> (Nonce, [u8; 31]) {
    // As on the wire, with the flag that says there is a tag; the tag itself is left out.
    let packet = NodeStatus { tag: Some([0; 28]), ..*status }.encode();
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&packet[28..36]);
    let mut bound = [0; 31];
    bound[..16].copy_from_slice(&packet[12..28]);
    bound[16..19].copy_from_slice(&packet[5..8]);
    bound[19..22].copy_from_slice(&packet[9..12]);
    bound[22] = packet[1];
    bound[23..].copy_from_slice(&packet[28..36]);
    (Nonce::assume_unique_for_key(nonce), bound)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rollcall_model::{AvailabilityKinds, Health, HealthBits, Millis, NodeId, SessionEpoch};

    use super::*;

    fn status(bits: u8, mask: u8, epoch: u32, sequence: u32, leaving: bool) -> NodeStatus {
        NodeStatus {
            node: NodeId::derived_from("n"),
            health: Health::new(HealthBits::from_bytes([bits, 0, 0]), HealthBits::from_bytes([0, mask, 0])).unwrap(),
            dictionary: 1,
            epoch: SessionEpoch(epoch),
            sequence,
            longest_silence: Millis(4000),
            leaving,
            tag: None,
            availability: AvailabilityKinds::EMPTY,
        }
    }

    #[test]
    fn the_form_of_a_tag_never_changes() {
        // Other programs seal too; computed by another implementation of RFC 8439.
        let tag = seal(&key([7; 32]), &status(1, 2, 3, 4, false), CapabilityDigest(*b"digest-of-12")).unwrap();
        assert_eq!(hex::encode(tag), "e0bdb55b274bec33d83a103f82f04a071c9ca00eeee9a2a2e5645906");
    }

    fn key(bytes: [u8; 32]) -> SealKey {
        SealKey::from_bytes(bytes)
    }

    #[test]
    fn no_tag_does_not_open() {
        assert_eq!(open(&draw_key().unwrap(), &status(1, 2, 3, 4, false)), Err(SealError));
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_nothing_else_does(
            bytes in any::<[u8; 32]>(), digest in any::<[u8; 12]>(),
            bits in any::<u8>(), mask in any::<u8>(), epoch in any::<u32>(), sequence in any::<u32>(), leaving: bool,
            at in 0..28usize, bit in 0..8u8,
        ) {
            let (key, digest) = (key(bytes), CapabilityDigest(digest));
            let mut sealed = status(bits, mask, epoch, sequence, leaving);
            let tag = seal(&key, &sealed, digest).unwrap();
            sealed.tag = Some(tag);
            prop_assert_eq!(open(&key, &sealed), Ok(digest));
            let mut tampered = tag;
            tampered[at] ^= 1 << bit;
            prop_assert_eq!(open(&key, &NodeStatus { tag: Some(tampered), ..sealed }), Err(SealError));
            let mut other_key = bytes;
            other_key[at] ^= 1 << bit;
            prop_assert_eq!(open(&SealKey::from_bytes(other_key), &sealed), Err(SealError));
            for other in [
                status(!bits, mask, epoch, sequence, leaving),
                status(bits, !mask, epoch, sequence, leaving),
                status(bits, mask, !epoch, sequence, leaving),
                status(bits, mask, epoch, !sequence, leaving),
                status(bits, mask, epoch, sequence, !leaving),
                NodeStatus { node: NodeId::derived_from("m"), ..sealed },
            ] {
                prop_assert_eq!(open(&key, &NodeStatus { tag: Some(tag), ..other }), Err(SealError));
            }
        }
    }
}
