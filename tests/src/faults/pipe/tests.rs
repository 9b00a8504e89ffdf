use proptest::prelude::*;

use super::super::impairment::Rate;
use super::*;

const MS: Duration = Duration::from_millis(1);

fn pipe(impairment: Impairment) -> Pipe {
    let mut pipe = Pipe::new(1);
    pipe.set(impairment);
    pipe
}

/// Frames of 64 bytes with a number in them, one a millisecond; all that came out, with the time.
fn run(pipe: &mut Pipe, frames: u16) -> Vec<(Duration, Vec<u8>)> {
    let mut out = Vec::new();
    for ms in 0..u32::from(frames) + 60_000 {
        let now = MS * ms;
        if let Ok(number) = u16::try_from(ms)
            && number < frames
        {
            pipe.offer(now, &numbered(number));
        }
        while let Some(frame) = pipe.take(now) {
            out.push((now, frame));
        }
    }
    out
}

fn numbered(number: u16) -> Vec<u8> {
    let mut frame = vec![0; 64];
    frame[20..22].copy_from_slice(&number.to_be_bytes());
    frame
}

fn number(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[20], frame[21]])
}

fn share(of: u64, all: u64) -> u64 {
    of * 100 / all
}

#[test]
fn a_good_cable_carries_everything_in_order_at_once() {
    let mut pipe = Pipe::new(7);
    let out = run(&mut pipe, 500);
    for (index, (at, frame)) in out.iter().enumerate() {
        assert_eq!((usize::from(number(frame)), *at), (index, MS * u32::try_from(index).unwrap()));
    }
    assert_eq!((out.len(), pipe.counts().carried), (500, 500));
}

#[test]
fn a_cut_loses_what_comes_and_what_is_under_way_and_passes_again_when_mended() {
    let mut pipe = pipe(Impairment { delay: MS * 10, ..Impairment::default() });
    pipe.offer(Duration::ZERO, &numbered(1));
    pipe.set(Impairment::cut());
    pipe.offer(MS, &numbered(2));
    assert_eq!((pipe.take(MS * 100), pipe.counts().cut), (None, 2));
    pipe.set(Impairment::default());
    pipe.offer(MS * 200, &numbered(3));
    assert_eq!(pipe.take(MS * 200).map(|frame| number(&frame)), Some(3));
}

#[test]
fn shares_are_what_they_are_said_to_be() {
    let all = Impairment { loss: 30, duplicate: 20, reorder: 10, corrupt: 5, ..Impairment::default() };
    let mut pipe = pipe(all);
    let out = run(&mut pipe, 20_000);
    let counts = pipe.counts();
    let entered = counts.offered - counts.lost + counts.duplicated;
    assert_eq!(share(counts.lost + 100, counts.offered), 30, "{counts:?}");
    assert!((19..=21).contains(&share(counts.duplicated, counts.offered - counts.lost)), "{counts:?}");
    assert!((9..=11).contains(&share(counts.held_back, entered)), "{counts:?}");
    assert!((4..=6).contains(&share(counts.corrupted, entered)), "{counts:?}");
    assert_eq!(out.len() as u64, entered);
}

#[test]
fn delay_and_jitter_keep_the_order_and_a_frame_held_back_is_overtaken() {
    let mut late = pipe(Impairment { delay: MS * 40, jitter: MS * 30, ..Impairment::default() });
    let out = run(&mut late, 2_000);
    assert!(out.windows(2).all(|pair| number(&pair[0].1) < number(&pair[1].1)));
    let wait = |(at, frame): &(Duration, Vec<u8>)| *at - MS * u32::from(number(frame));
    assert!(out.iter().all(|frame| (MS * 40..=MS * 71).contains(&wait(frame))));
    let mut swapped = pipe(Impairment { reorder: 10, ..Impairment::default() });
    let out = run(&mut swapped, 2_000);
    assert!(out.windows(2).filter(|pair| number(&pair[0].1) > number(&pair[1].1)).count() > 100);
    assert_eq!(out.len(), 2_000);
}

#[test]
fn a_damaged_frame_differs_in_one_bit_behind_its_header() {
    let mut pipe = pipe(Impairment { corrupt: 100, ..Impairment::default() });
    pipe.offer(Duration::ZERO, &[0; 64]);
    let frame = pipe.take(Duration::ZERO).unwrap();
    assert_eq!(frame.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    assert!(frame[..HEADER].iter().all(|byte| *byte == 0));
    // One without room for damage passes as it is.
    pipe.offer(Duration::ZERO, &[0; HEADER]);
    assert_eq!(pipe.take(Duration::ZERO), Some(vec![0; HEADER]));
}

#[test]
fn a_bottleneck_spaces_frames_out_and_loses_what_its_queue_has_no_room_for() {
    let rate = Rate { bytes_per_s: 64_000, queue: 640 };
    let mut pipe = pipe(Impairment { rate: Some(rate), ..Impairment::default() });
    for number in 0..50 {
        pipe.offer(Duration::ZERO, &numbered(number));
    }
    // Ten may wait, one is being sent.
    assert_eq!((pipe.under_way(), pipe.counts().overflowed), (11, 39));
    for ms in 1..=11 {
        assert_eq!(pipe.take(MS * ms).map(|frame| u32::from(number(&frame))), Some(ms - 1), "at {ms} ms");
        assert_eq!(pipe.take(MS * ms), None);
    }
}

#[test]
fn however_much_comes_only_so_much_is_under_way() {
    let mut pipe = pipe(Impairment { delay: Duration::from_secs(9), duplicate: 100, ..Impairment::default() });
    for _ in 0..MOST {
        pipe.offer(Duration::ZERO, &numbered(0));
    }
    assert_eq!((pipe.under_way(), pipe.counts().overflowed), (MOST, MOST as u64));
}

fn any_impairment() -> impl Strategy<Value = Impairment> {
    let rate = prop::option::of((1..100_000_u32, 0..10_000_u32));
    let percents = (0..=100_u8, 0..=100_u8, 0..=100_u8, 0..=100_u8);
    (0..300_u32, 0..300_u32, percents, any::<bool>(), rate).prop_map(|(delay, jitter, percents, cut, rate)| {
        Impairment {
            delay: MS * delay,
            jitter: MS * jitter,
            loss: percents.0,
            duplicate: percents.1,
            reorder: percents.2,
            corrupt: percents.3,
            cut,
            rate: rate.map(|(bytes_per_s, queue)| Rate { bytes_per_s, queue }),
        }
    })
}

proptest! {
    #[test]
    fn no_frame_is_unaccounted_for_and_the_same_seed_has_the_same_fate(
        seed: u64,
        changes in prop::collection::vec((any_impairment(), 1..40_u32), 1..6),
    ) {
        let history = || {
            let (mut pipe, mut now, mut out) = (Pipe::new(seed), Duration::ZERO, Vec::new());
            for (impairment, frames) in &changes {
                pipe.set(impairment.clone());
                for number in 0..*frames {
                    now += MS * 7;
                    pipe.offer(now, &numbered(u16::try_from(number).unwrap_or(0)));
                    while let Some(frame) = pipe.take(now) {
                        out.push((now, frame));
                    }
                }
            }
            let counts = pipe.counts();
            let gone = counts.carried + counts.lost + counts.cut + counts.overflowed;
            assert_eq!(counts.offered + counts.duplicated, gone + pipe.under_way() as u64, "{counts:?}");
            assert!(pipe.under_way() <= MOST);
            (out, counts)
        };
        prop_assert_eq!(history(), history());
    }

    #[test]
    fn a_mended_cable_is_empty_at_last(seed: u64, impairment in any_impairment(), frames in 1..200_u16) {
        let mut pipe = Pipe::new(seed);
        pipe.set(impairment);
        for number in 0..frames {
            pipe.offer(MS * u32::from(number), &numbered(number));
        }
        pipe.set(Impairment::default());
        while pipe.take(Duration::MAX).is_some() {}
        prop_assert_eq!((pipe.under_way(), pipe.next()), (0, None));
    }
}
