use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::*;

/// A probe that answers only while its gate is open.
struct Gated {
    gate: mpsc::Receiver<()>,
}

impl Probe for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::DISK_SPACE]
    }

    fn period(&self) -> Millis {
        Millis(1_000)
    }

    fn measure(&mut self, _now: Tick, findings: &mut Findings) {
        let _ = self.gate.recv();
        findings.say(bit::DISK_SPACE, Ok(42.0));
    }
}

/// A probe that answers with the second it was asked in, and panics in one of them.
struct Prompt {
    panics_at: Option<Tick>,
}

impl Probe for Prompt {
    fn name(&self) -> &str {
        "prompt"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::RUN_QUEUE]
    }

    fn period(&self) -> Millis {
        Millis(1_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        assert_ne!(Some(now), self.panics_at, "asked to");
        findings.say(bit::RUN_QUEUE, Ok(now.0 as f64));
    }
}

const DEADLINE: Millis = Millis(500);

fn sampler(probes: Vec<Box<dyn Probe>>) -> Sampler {
    Sampler::start(ProbeSet::of(probes, DEADLINE)).unwrap()
}

/// Asks and waits; the test fails rather than hangs.
async fn taken(sampler: &mut Sampler, now: Tick) -> Sample {
    sampler.request(now, now);
    tokio::time::timeout(Duration::from_secs(30), sampler.next()).await.expect("in time")
}

#[tokio::test]
async fn a_probe_that_hangs_costs_its_own_indicators_and_shows_in_the_quality() {
    let (open, gate) = mpsc::channel();
    let mut sampler = sampler(vec![Box::new(Gated { gate }), Box::new(Prompt { panics_at: None })]);
    for second in [0_u64, 5, 10] {
        let sample = taken(&mut sampler, Tick(second * 1_000)).await;
        assert_eq!(sample.readings[bit::RUN_QUEUE], Some(second as f64 * 1_000.0));
        assert_eq!(sample.readings[bit::DISK_SPACE], None);
        let reason = format!("the gated probe has been hanging for {second} s");
        assert_eq!(sample.reasons[bit::DISK_SPACE].as_deref(), Some(reason.as_str()));
        let quality = sample.readings[bit::AGENT_QUALITY].unwrap();
        assert!(quality >= (second * 1_000).max(DEADLINE.0) as f64, "{quality}");
    }
    open.send(()).unwrap();
    // Each further call passes the gate, too.
    for _ in 0..1_000 {
        open.send(()).unwrap();
    }
    let mut tick = 20_000;
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let sample = taken(&mut sampler, Tick(tick)).await;
        if sample.readings[bit::DISK_SPACE] == Some(42.0) {
            assert!(sample.readings[bit::AGENT_QUALITY].unwrap() < 5_000.0);
            break;
        }
        assert!(Instant::now() < end, "the probe never came back: {sample:?}");
        tick += 10;
    }
}

#[tokio::test]
async fn a_probe_that_panics_takes_nothing_with_it() {
    let (_open, gate) = mpsc::channel();
    let mut sampler = sampler(vec![Box::new(Prompt { panics_at: Some(Tick(0)) }), Box::new(Gated { gate })]);
    for second in [0_u64, 5] {
        let sample = taken(&mut sampler, Tick(second * 1_000)).await;
        assert_eq!(sample.readings[bit::RUN_QUEUE], None);
        assert!(sample.reasons[bit::RUN_QUEUE].is_some());
    }
}

#[tokio::test]
async fn a_real_machine_and_a_simulated_one_answer_alike() {
    let real = ProbeSet::new(std::path::Path::new("/"), &ProbeConfig::default());
    let simulated = crate::simulated::Machine::generate(1, 1);
    for mut sampler in [Sampler::start(real).unwrap(), Sampler::simulated(simulated)] {
        let sample = taken(&mut sampler, Tick(1_000)).await;
        assert_eq!(sample.taken, Tick(1_000));
        assert!(sample.readings[bit::MEMORY_AVAILABLE].is_some());
    }
}

#[tokio::test]
async fn asking_faster_than_probes_answer_never_blocks() {
    let (open, gate) = mpsc::channel();
    let mut sampler = sampler(vec![Box::new(Gated { gate })]);
    let began = Instant::now();
    for tick in 0..1_000 {
        sampler.request(Tick(tick), Tick(tick));
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(open);
    assert_eq!(sampler.next().await.taken, Tick(0), "the others came while it was being taken");
}
