//! RA messages and capacity messages: 24 and 32 bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use rollcall_model::wire::availability::{BYTES, CAPACITY_BYTES, CapacityMessage, MessageError, RaMessage};
use rollcall_model::{AvailabilityKind, AvailabilityKinds, NodeId, SessionEpoch};

/// Version, kinds, zero; node; epoch.
const RA: [u8; BYTES] = [
    0x01, 0x03, 0x00, 0x00, //
    0x0e, 0x80, 0x0d, 0xe7, 0x07, 0x4c, 0x8d, 0x19, 0xa0, 0xeb, 0xd5, 0xec, 0x4c, 0xce, 0x9a, 0x3e, //
    0x01, 0x02, 0x03, 0x04,
];

/// Version, zero, threads; memory; node; epoch; zero.
const CAPACITY: [u8; CAPACITY_BYTES] = [
    0x01, 0x00, 0x00, 0x40, 0x00, 0x03, 0xf1, 0xa5, //
    0x0e, 0x80, 0x0d, 0xe7, 0x07, 0x4c, 0x8d, 0x19, 0xa0, 0xeb, 0xd5, 0xec, 0x4c, 0xce, 0x9a, 0x3e, //
    0x01, 0x02, 0x03, 0x04, 0x00, 0x00, 0x00, 0x00,
];

fn node() -> NodeId {
    "0e800de7-074c-8d19-a0eb-d5ec4cce9a3e".parse().unwrap()
}

fn ra() -> RaMessage {
    let kinds = AvailabilityKinds::EMPTY.with(AvailabilityKind::Balance).with(AvailabilityKind::Power);
    RaMessage { node: node(), epoch: SessionEpoch(0x0102_0304), kinds }
}

fn capacity() -> CapacityMessage {
    CapacityMessage { node: node(), epoch: SessionEpoch(0x0102_0304), threads: 64, memory_mib: 258_469 }
}

#[test]
fn the_bytes_are_frozen() {
    assert_eq!(ra().encode(), RA);
    assert_eq!(RaMessage::decode(&RA), Ok(ra()));
    assert_eq!(capacity().encode(), CAPACITY);
    assert_eq!(CapacityMessage::decode(&CAPACITY), Ok(capacity()));
}

#[test]
fn any_other_length_is_refused() {
    for got in (0..80).filter(|length| *length != BYTES) {
        let bytes: Vec<u8> = RA.iter().copied().cycle().take(got).collect();
        assert_eq!(RaMessage::decode(&bytes), Err(MessageError::Length { got, expected: BYTES }));
    }
    for got in (0..80).filter(|length| *length != CAPACITY_BYTES) {
        let bytes: Vec<u8> = CAPACITY.iter().copied().cycle().take(got).collect();
        assert_eq!(CapacityMessage::decode(&bytes), Err(MessageError::Length { got, expected: CAPACITY_BYTES }));
    }
}

#[test]
fn a_later_version_is_called_so_whatever_its_length() {
    for length in [1, 23, 24, 25, 32, 64] {
        let mut bytes = vec![0; length];
        bytes[0] = 2;
        assert_eq!(RaMessage::decode(&bytes), Err(MessageError::FutureVersion(2)));
        assert_eq!(CapacityMessage::decode(&bytes), Err(MessageError::FutureVersion(2)));
    }
}

#[test]
fn contradictions_are_refused_by_reason() {
    for (at, value) in [(0, 0), (1, 0), (1, 0b1000), (1, 0xff), (2, 1), (3, 1)] {
        let mut bytes = RA;
        bytes[at] = value;
        assert_eq!(RaMessage::decode(&bytes).unwrap_err().reason(), "contradiction", "byte {at} = {value}");
    }
    for (at, value) in [(0, 0), (1, 1), (28, 1), (31, 9)] {
        let mut bytes = CAPACITY;
        bytes[at] = value;
        assert_eq!(CapacityMessage::decode(&bytes).unwrap_err().reason(), "contradiction", "byte {at} = {value}");
    }
    for nothing in [2..4, 4..8] {
        let mut bytes = CAPACITY;
        bytes[nothing.clone()].fill(0);
        assert_eq!(CapacityMessage::decode(&bytes).unwrap_err().reason(), "contradiction", "{nothing:?}");
    }
}

proptest! {
    #[test]
    fn every_message_survives_the_way_there_and_back(
        node in any::<[u8; 16]>(), epoch in any::<u32>(), kinds in 1_u8..8, threads in 1_u16.., memory_mib in 1_u32..,
    ) {
        let (node, epoch) = (NodeId::from_bytes(node), SessionEpoch(epoch));
        let sent = RaMessage { node, epoch, kinds: AvailabilityKinds::from_bits(kinds).unwrap() };
        prop_assert_eq!(RaMessage::decode(&sent.encode()), Ok(sent));
        let sent = CapacityMessage { node, epoch, threads, memory_mib };
        prop_assert_eq!(CapacityMessage::decode(&sent.encode()), Ok(sent));
    }

    #[test]
    fn what_is_taken_has_one_form_only(bytes in vec(any::<u8>(), 0..40), at in 0..BYTES, value in any::<u8>()) {
        let _ = (RaMessage::decode(&bytes), CapacityMessage::decode(&bytes));
        let mut bytes = RA;
        bytes[at] = value;
        if let Ok(taken) = RaMessage::decode(&bytes) {
            prop_assert_eq!(taken.encode(), bytes);
        }
        let mut bytes = CAPACITY;
        bytes[at] = value;
        if let Ok(taken) = CapacityMessage::decode(&bytes) {
            prop_assert_eq!(taken.encode(), bytes);
        }
    }
}
