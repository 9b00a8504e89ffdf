//! A zone controller that was taken over from is not obeyed.

use super::*;

/// A packet of the zone, in a generation.
fn said(generation: Option<u64>, packet: Packet) -> Event {
    let inbox = route::zone_inbox(ZoneId::derived_from("z"));
    let mut envelope = Envelope::new(MessageId::derived_from("m"), inbox, UnixMillis(0), packet);
    envelope.generation = generation;
    Event::Delivered(envelope)
}

#[test]
fn what_an_older_zone_controller_says_is_refused_and_counted() {
    let mut group = group(1);
    group.step(at(2_000), said(Some(4), Packet::Hello(hello(4))));
    assert_eq!(group.zone.map(|(_, generation)| generation), Some(4));
    let before = group.subscription.clone();
    assert!(group.step(at(2_100), said(Some(3), subscriber(2, 0))).is_empty());
    assert_eq!(group.refused.get("old_zone"), Some(&1));
    assert_eq!(group.subscription, before);
    // Heard over DNS-SD, it counts as well.
    group.step(at(2_200), Event::HelloHeard(hello(6)));
    group.step(at(2_300), said(Some(5), subscriber(2, 0)));
    assert_eq!(group.refused.get("old_zone"), Some(&2));
    // An older version tells no generation.
    group.step(at(2_400), said(None, subscriber(2, 0)));
    assert_eq!(group.refused.get("old_zone"), Some(&2));
}
