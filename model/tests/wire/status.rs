//! The status packet: 64 bytes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rollcall_model::wire::status::{BYTES, NodeStatus, StatusError};
use rollcall_model::{AvailabilityKind, AvailabilityKinds, Health, HealthBits, Millis, NodeId, SessionEpoch};

fn bits(indices: &[usize]) -> HealthBits {
    indices.iter().fold(HealthBits::NONE, |bits, index| bits.with(*index, true))
}

fn status() -> NodeStatus {
    let mut tag = [0; 28];
    tag.iter_mut().zip(0xa0_u8..).for_each(|(byte, value)| *byte = value);
    NodeStatus {
        node: "0e800de7-074c-8d19-a0eb-d5ec4cce9a3e".parse().unwrap(),
        health: Health::new(bits(&[0, 9, 23]), bits(&[1, 8, 16])).unwrap(),
        dictionary: 1,
        epoch: SessionEpoch(0x0102_0304),
        sequence: 0x0506_0708,
        longest_silence: Millis(3_500),
        leaving: true,
        tag: Some(tag),
        availability: AvailabilityKinds::EMPTY,
    }
}

/// Version, flags, longest silence, dictionary, bits, reserved, mask; node; epoch, sequence; tag.
const FROZEN: [u8; BYTES] = [
    0x01, 0x03, 0x00, 0x23, 0x01, 0x01, 0x02, 0x80, 0x00, 0x02, 0x01, 0x01, //
    0x0e, 0x80, 0x0d, 0xe7, 0x07, 0x4c, 0x8d, 0x19, 0xa0, 0xeb, 0xd5, 0xec, 0x4c, 0xce, 0x9a, 0x3e, //
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, //
    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, //
    0xae, 0xaf, 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb,
];

#[test]
fn the_sixty_four_bytes_are_frozen() {
    assert_eq!(status().encode(), FROZEN);
    assert_eq!(NodeStatus::decode(&FROZEN), Ok(status()));
    let plain = NodeStatus { leaving: false, tag: None, ..status() };
    let mut expected = FROZEN;
    expected[1] = 0;
    expected[36..].fill(0);
    assert_eq!(plain.encode(), expected);
}

#[test]
fn kinds_that_ride_on_a_packet_are_flags_and_nothing_else() {
    for (kinds, flags) in [
        (vec![AvailabilityKind::Balance], 0b0_0111),
        (vec![AvailabilityKind::Power], 0b0_1011),
        (vec![AvailabilityKind::Mixed], 0b1_0011),
        (vec![AvailabilityKind::Balance, AvailabilityKind::Power], 0b0_1111),
    ] {
        let sent = NodeStatus { availability: kinds.into_iter().collect(), ..status() };
        let mut expected = FROZEN;
        expected[1] = flags;
        assert_eq!(sent.encode(), expected);
        assert_eq!(NodeStatus::decode(&expected), Ok(sent));
    }
}

#[test]
fn silence_is_told_in_tenths_rounded_up_and_never_overflows() {
    for (span, told) in
        [(1, 100), (100, 100), (101, 200), (3_500, 3_500), (6_553_500, 6_553_500), (u64::MAX, 6_553_500)]
    {
        let sent = NodeStatus { longest_silence: Millis(span), ..status() };
        assert_eq!(NodeStatus::decode(&sent.encode()).unwrap().longest_silence, Millis(told), "{span}");
    }
}

#[test]
fn any_other_length_is_refused() {
    for length in (0..4 * BYTES).filter(|length| *length != BYTES) {
        let bytes: Vec<u8> = FROZEN.iter().copied().cycle().take(length).collect();
        assert_eq!(NodeStatus::decode(&bytes), Err(StatusError::Length(length)));
    }
}

#[test]
fn a_later_version_is_called_so_whatever_its_length() {
    for length in [1, 63, 64, 65, 128] {
        let mut bytes = vec![0; length];
        bytes[0] = 2;
        assert_eq!(NodeStatus::decode(&bytes), Err(StatusError::FutureVersion(2)));
    }
}

#[test]
fn contradictions_are_refused_by_reason() {
    // Position, value, and what is wrong with it.
    let table = [
        (0, 0, "contradiction"),
        (0, 2, "future_version"),
        (0, 255, "future_version"),
        (1, 0b101, "contradiction"),
        (1, 0x83, "contradiction"),
        (1, 0x23, "contradiction"),
        (1, 0b01, "contradiction"),
        (3, 0, "contradiction"),
        (8, 1, "contradiction"),
        (9, 0x03, "contradiction"),
    ];
    for (at, value, reason) in table {
        let mut bytes = FROZEN;
        bytes[at] = value;
        assert_eq!(NodeStatus::decode(&bytes).unwrap_err().reason(), reason, "byte {at} = {value}");
    }
}

fn any_status() -> impl Strategy<Value = NodeStatus> {
    let health = (0_u32..1 << 24, 0_u32..1 << 24).prop_map(|(bits, mask)| {
        let bits = HealthBits::from_number(bits).unwrap();
        Health::new(bits, HealthBits::from_number(mask).unwrap().minus(bits)).unwrap()
    });
    let tag = option::of(any::<[[u8; 14]; 2]>().prop_map(|halves| {
        let mut tag = [0; 28];
        tag.copy_from_slice(&halves.concat());
        tag
    }));
    let kinds = (0_u8..8).prop_map(|bits| AvailabilityKinds::from_bits(bits).unwrap());
    (any::<[u8; 16]>(), health, any::<u8>(), any::<[u32; 2]>(), 1_u64..=65_535, any::<bool>(), tag, kinds).prop_map(
        |(node, health, dictionary, [epoch, sequence], tenths, leaving, tag, availability)| NodeStatus {
            node: NodeId::from_bytes(node),
            health,
            dictionary,
            epoch: SessionEpoch(epoch),
            sequence,
            longest_silence: Millis(tenths * 100),
            leaving,
            tag,
            availability,
        },
    )
}

proptest! {
    #[test]
    fn every_status_survives_the_way_there_and_back(status in any_status()) {
        prop_assert_eq!(NodeStatus::decode(&status.encode()), Ok(status));
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = NodeStatus::decode(&bytes);
    }

    #[test]
    fn what_is_taken_has_one_form_only(status in any_status(), at in 0..BYTES, value in any::<u8>()) {
        let mut bytes = status.encode();
        bytes[at] = value;
        if let Ok(taken) = NodeStatus::decode(&bytes) {
            prop_assert_eq!(taken.encode(), bytes);
        }
    }

    #[test]
    fn a_packet_that_is_cut_or_longer_is_never_taken(
        status in any_status(),
        cut in 0..BYTES,
        more in vec(any::<u8>(), 1..64),
    ) {
        let mut bytes = status.encode().to_vec();
        prop_assert!(NodeStatus::decode(&bytes[..cut]).is_err());
        bytes.extend(more);
        prop_assert!(NodeStatus::decode(&bytes).is_err());
    }
}
