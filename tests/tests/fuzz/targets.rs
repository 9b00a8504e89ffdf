//! The decoders, each with good inputs to begin from and what must never come of a bad one.

use rollcall_identity::{
    Announcer, Issue, Key, Names, Site, Token, TokenUse, TrustBundle, Validity, ZoneAuthority, hello, make_csr, peer,
    pem, seal, serial, tls,
};
use rollcall_model::capability::CapabilityDigest;
use rollcall_model::packet::{Packet, Presence};
use rollcall_model::policy::{Known, PolicyDocument};
use rollcall_model::wire::availability::{CapacityMessage, RaMessage};
use rollcall_model::wire::status::NodeStatus;
use rollcall_model::wire::txt::{Announcement, BrokerEndpoint, Hello};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{
    AvailabilityKind, AvailabilityKinds, Health, HealthBits, InstanceId, MessageId, Millis, Name, NodeId, Principal,
    SealKey, SessionEpoch, UnixMillis, ZoneId, authority,
};

/// A decoder.
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Good inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of its language.
    pub words: &'static [&'static str],
    /// Takes an input; an error when it let something through that it must not.
    pub decode: fn(&[u8]) -> Result<(), String>,
}

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// All of them.
pub fn all() -> Vec<Target> {
    vec![
        Target {
            name: "hello-txt",
            seeds: hello_seeds,
            words: &["\0zone=", "\0sig=", "\0exp=", "tag=group", ","],
            decode: hello_txt,
        },
        Target {
            name: "envelope",
            seeds: envelope_seeds,
            words: &["\"kind\":\"roster\"", "\"v\":1", "[[[[", "{\"a\":", "1e999"],
            decode: envelope,
        },
        Target { name: "status-packet", seeds: status_seeds, words: &[], decode: status },
        Target { name: "availability", seeds: availability_seeds, words: &[], decode: availability },
        Target {
            name: "csr",
            seeds: csr_seeds,
            words: &["-----BEGIN CERTIFICATE REQUEST-----", "\n", "MII"],
            decode: csr,
        },
        Target { name: "client-chain", seeds: chain_seeds, words: &["\u{30}\u{82}"], decode: chain },
        Target {
            name: "trust-bundle",
            seeds: bundle_seeds,
            words: &["-----BEGIN PUBLIC KEY-----\n", "-----END CERTIFICATE-----\n"],
            decode: bundle,
        },
        Target { name: "token", seeds: token_seeds, words: &["rct1_", "rcu1_"], decode: token },
        Target {
            name: "policy",
            seeds: policy_seeds,
            words: &["[[", "]]", "= ", "\"\"\"", "thresholds", "inf"],
            decode: policy,
        },
        Target {
            name: "rule",
            seeds: rule_seeds,
            words: &["&&", "||", "(((((", "!", "health.", "[1,2,3]", "\"\""],
            decode: rule,
        },
        Target {
            name: "api-request",
            seeds: super::api::seeds,
            words: &["{\"", "\":null", "[[[[", "1e999", "%00", "/v1/", "?limit=-1", "\\ud800", "true"],
            decode: super::api::ask,
        },
    ]
}

/// A site that is made once; keys are new each time, what is tried is not about them.
struct Stage {
    zone: ZoneId,
    authority: ZoneAuthority,
    announcer: Announcer,
    _directory: tempfile::TempDir,
}

fn stage() -> &'static Stage {
    static STAGE: std::sync::OnceLock<Stage> = std::sync::OnceLock::new();
    STAGE.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let site = Site::create(&directory.path().join("site"), &name("site"), NOW).expect("a site");
        let zone = directory.path().join("zone");
        site.make_zone(&name("zone-1"), &zone, NOW).expect("a zone");
        Stage {
            zone: ZoneId::derived_from("zone-1"),
            authority: ZoneAuthority::load(&zone).expect("its authorities"),
            announcer: Announcer::load(&zone).expect("its announcer"),
            _directory: directory,
        }
    })
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn node() -> NodeId {
    NodeId::derived_from("a node")
}

fn signed_hello() -> Hello {
    let hello = Hello {
        zone: stage().zone,
        name: name("zone-1"),
        generation: 7,
        broker: BrokerEndpoint { host: "10.1.0.10".into(), port: 5671, vhost: "rollcall".into() },
        api: "10.1.0.10:7655".into(),
        addresses: vec![[10, 1, 0, 10].into()],
        expires: None,
        ca: None,
        credential: None,
        signature: None,
    };
    stage().announcer.sign(hello, NOW).expect("it is signed")
}

/// `key=value`, split by NUL.
fn hello_seeds() -> Vec<Vec<u8>> {
    let pairs = Announcement::Hello(signed_hello()).to_txt();
    vec![pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\0").into_bytes()]
}

fn hello_txt(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let pairs: Vec<(&str, &str)> = text.split('\0').filter_map(|pair| pair.split_once('=')).collect();
    let Ok(Announcement::Hello(read)) = Announcement::from_txt(pairs) else { return Ok(()) };
    let good = hello::verify(stage().authority.bundle(), None, &read, NOW).is_ok();
    // Ed25519 takes one signature for one text: whatever is believed says what the zone said.
    if good && read.signed_text() != signed_hello().signed_text() {
        return Err("a hello was believed that the zone never signed".into());
    }
    Ok(())
}

fn envelope_seeds() -> Vec<Vec<u8>> {
    let presence = Presence {
        node: node(),
        instance: InstanceId::derived_from("a run"),
        name: name("node-1"),
        address: [10, 0, 0, 1].into(),
        place: Some(name("rack-a")),
        epoch: SessionEpoch(3),
    };
    let from = Principal::Node(node()).inbox().expect("nodes have one");
    let id = MessageId::derived_from("a message");
    vec![Envelope::new(id, from, NOW, Packet::Presence(presence)).encode()]
}

fn envelope(input: &[u8]) -> Result<(), String> {
    let Ok(read) = Envelope::decode(input) else { return Ok(()) };
    let stranger = Principal::Node(NodeId::derived_from("another node")).user_in(stage().zone);
    let own = Principal::Node(node()).user_in(stage().zone);
    if authority::check(&read, Some(&stranger)).is_ok()
        && !read.from.ends_with(&NodeId::derived_from("another node").to_string())
    {
        return Err("a packet passed for somebody else's".into());
    }
    if authority::check(&read, None).is_ok() {
        return Err("a packet of nobody passed".into());
    }
    // Whatever passes is written and read back the same.
    if authority::check(&read, Some(&own)).is_ok() && Envelope::decode(&read.encode()).is_err() {
        return Err("it is not read back".into());
    }
    Ok(())
}

const SEAL: SealKey = SealKey::from_bytes([7; 32]);
const DIGEST: CapabilityDigest = CapabilityDigest([9; 12]);

fn a_status() -> NodeStatus {
    let mut status = NodeStatus {
        node: node(),
        health: Health::new(HealthBits::NONE, HealthBits::NONE).expect("no bit is both"),
        dictionary: 1,
        epoch: SessionEpoch(3),
        sequence: 99,
        longest_silence: Millis(3_500),
        leaving: false,
        tag: None,
        availability: AvailabilityKinds::EMPTY,
    };
    status.tag = seal::seal(&SEAL, &status, DIGEST).ok();
    status
}

fn status_seeds() -> Vec<Vec<u8>> {
    vec![a_status().encode().to_vec(), NodeStatus { tag: None, leaving: true, ..a_status() }.encode().to_vec()]
}

fn status(input: &[u8]) -> Result<(), String> {
    let Ok(read) = NodeStatus::decode(input) else { return Ok(()) };
    if NodeStatus::decode(&read.encode()) != Ok(read) {
        return Err("it is not read back".into());
    }
    let good = a_status();
    let same = read.node == good.node
        && read.health == good.health
        && read.epoch == good.epoch
        && read.sequence == good.sequence;
    if seal::open(&SEAL, &read).is_ok() && !same {
        return Err("a tag opened for a packet it was not made for".into());
    }
    Ok(())
}

fn availability_seeds() -> Vec<Vec<u8>> {
    let kinds = AvailabilityKinds::EMPTY.with(AvailabilityKind::Balance).with(AvailabilityKind::Power);
    let capacity = CapacityMessage { node: node(), epoch: SessionEpoch(3), threads: 64, memory_mib: 262_144 };
    vec![RaMessage { node: node(), epoch: SessionEpoch(3), kinds }.encode().to_vec(), capacity.encode().to_vec()]
}

fn availability(input: &[u8]) -> Result<(), String> {
    if let Ok(read) = RaMessage::decode(input)
        && (read.encode() != *input || read.kinds.is_empty())
    {
        return Err("an RA message that was taken has another form, or speaks for nothing".into());
    }
    if let Ok(read) = CapacityMessage::decode(input)
        && (read.encode() != *input || read.threads == 0 || read.memory_mib == 0)
    {
        return Err("a capacity message that was taken has another form, or says nothing".into());
    }
    Ok(())
}

fn csr_seeds() -> Vec<Vec<u8>> {
    let key = Key::generate().expect("a key");
    vec![make_csr(&key).expect("a request").into_bytes()]
}

fn csr(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let principal = Principal::Node(node());
    let serial = serial::draw().map_err(|error| error.to_string())?;
    let (validity, names) = (Validity::leaf(NOW), &Names::default());
    let issue =
        Issue { principal: &principal, zone: stage().zone, user: None, csr_pem: &text, serial, validity, names };
    match stage().authority.issue(&issue) {
        Ok(issued) if issued.user != principal.user_in(stage().zone) => {
            Err(format!("a certificate for {}", issued.user))
        }
        _ => Ok(()),
    }
}

fn a_chain() -> Vec<Vec<u8>> {
    let key = Key::generate().expect("a key");
    let (csr, principal) = (make_csr(&key).expect("a request"), Principal::Node(node()));
    let serial = serial::draw().expect("a serial number");
    let (validity, names) = (Validity::leaf(NOW), &Names::default());
    let issue = Issue { principal: &principal, zone: stage().zone, user: None, csr_pem: &csr, serial, validity, names };
    let issued = stage().authority.issue(&issue).expect("it is issued");
    pem::certificates(&issued.chain_pem).expect("a chain").iter().map(|der| der.to_vec()).collect()
}

/// Leaf and intermediate, each with its length before it.
fn chain_seeds() -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    for der in a_chain() {
        bytes.extend_from_slice(&u16::try_from(der.len()).expect("a short certificate").to_be_bytes());
        bytes.extend_from_slice(&der);
    }
    vec![bytes]
}

fn chain(input: &[u8]) -> Result<(), String> {
    let mut ders = Vec::new();
    let mut rest = input;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        ders.push(rustls::pki_types::CertificateDer::from(after[..length].to_vec()));
        rest = &after[length..];
    }
    let verifier = peer::Verifier::new(stage().authority.bundle(), &name("zone-1"), stage().zone);
    let verifier = verifier.map_err(|error| error.to_string())?;
    match verifier.identify(&ders, NOW) {
        Ok(peer) if peer.principal != Principal::Node(node()) => Err(format!("{} was believed", peer.user)),
        _ => Ok(()),
    }
}

fn bundle_seeds() -> Vec<Vec<u8>> {
    vec![stage().authority.bundle().to_pem().into_bytes()]
}

fn bundle(input: &[u8]) -> Result<(), String> {
    if let Ok(bundle) = TrustBundle::parse(&String::from_utf8_lossy(input)) {
        // What is taken can be used, or says why not.
        let _ = tls::client(&bundle, None);
        let _ = bundle.facts();
    }
    Ok(())
}

fn token_seeds() -> Vec<Vec<u8>> {
    let token = |kind| Token::random(kind).expect("a token").reveal().as_bytes().to_vec();
    vec![token(TokenUse::Join), token(TokenUse::Api)]
}

fn token(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    for kind in [TokenUse::Join, TokenUse::Api] {
        if let Ok(token) = Token::parse(kind, &text)
            && format!("{token:?}").contains(text.trim().get(5..12).unwrap_or("no such text"))
        {
            return Err("a token is shown".into());
        }
    }
    Ok(())
}

fn policy_seeds() -> Vec<Vec<u8>> {
    let text = "[thresholds.disk_space]\nset_at = 95.0\nclear_at = 90.0\n\n[actions]\nallowed = [\"identify\"]\n";
    let spoken = "[settings.availability]\nkinds = \"mixed\"\nmessages_per_second = 60\nmin = 0.05\n\
                  schedule = [{ at = \"09:00\", alpha = 1.0 }]\n";
    vec![text.as_bytes().to_vec(), b"sample_period_ms = 2000\n".to_vec(), spoken.as_bytes().to_vec()]
}

fn policy(input: &[u8]) -> Result<(), String> {
    // As the zone reads it: TOML first, then every problem of it at once.
    if let Ok(policy) = toml::from_str::<PolicyDocument>(&String::from_utf8_lossy(input)) {
        let _ = policy.problems(Known { groups: &[], nodes: &[] });
        let _ = policy.settings.availability.map(|availability| rollcall_placement::plan(&availability));
    }
    Ok(())
}

fn rule_seeds() -> Vec<Vec<u8>> {
    [
        "cpu.threads >= 32 && !health.disk_space",
        "metrics.cpu_temperature > 45.0",
        "node.name.startsWith('a') || place == 'rack-a'",
    ]
    .map(|rule| rule.as_bytes().to_vec())
    .to_vec()
}

fn rule(input: &[u8]) -> Result<(), String> {
    let _ = rollcall_grouping::Rule::compile(&String::from_utf8_lossy(input));
    Ok(())
}
