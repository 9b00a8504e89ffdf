//! What a daemon shows of itself, asked over real sockets, by friends and by strangers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::time::Duration;

use rollcall_model::LinkFigures;
use rollcall_startup::metrics::{About, Desk, Figures, Labels, MetricsConfig, Page, open};
use rollcall_startup::traces::Tracer;
use rollcall_startup::{Pulse, Shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(30);

struct Turns(u64);

impl Figures for Turns {
    fn link(&self) -> (Labels, LinkFigures) {
        (vec![("zone", "hall-1".into())], LinkFigures { is_up: true, ..LinkFigures::default() })
    }

    fn write(all: &[Self], page: &mut Page) {
        page.counters("rollcall_turns", "Turns of the loop", all.iter().map(|turns| (Labels::new(), turns.0)));
    }

    fn ready(&self) -> Result<(), String> {
        if self.0 > 0 { Ok(()) } else { Err("it has not turned yet".into()) }
    }
}

/// The address is taken from the system and given back a moment before: somebody else may be quicker, so it is tried again.
async fn shown(pulse: Pulse, shutdown: &Shutdown) -> (SocketAddr, Desk<Turns>) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let stands = Duration::from_secs(60);
        let about = About {
            program: "rollcall-test",
            version: "1",
            loops: 1,
            pulse: pulse.clone(),
            stands,
            tracer: Tracer::off(),
        };
        let config = MetricsConfig { listen: Some(address) };
        if let Ok(desk) = open(config, about, shutdown.clone()).await {
            return (address, desk);
        }
    }
}

/// What is answered to these bytes, until the end.
async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(address: SocketAddr, path: &str) -> String {
    say(address, format!("GET {path} HTTP/1.1\r\nhost: here\r\n\r\n").as_bytes()).await
}

fn turning(desk: &Desk<Turns>, turns: u64) {
    let mut questions = desk.admit();
    tokio::spawn(async move {
        loop {
            questions.next().await.answer(Turns(turns));
        }
    });
}

#[tokio::test]
async fn a_daemon_lives_before_it_is_ready_and_says_why_it_is_not() {
    let (pulse, shutdown) = (Pulse::default(), Shutdown::new());
    let (address, desk) = shown(pulse.clone(), &shutdown).await;
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200 "), "it waits for its zone, and lives");
    let said = get(address, "/readyz").await;
    assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("0 of 1 zones are served"), "{said}");
    turning(&desk, 7);
    let said = get(address, "/readyz").await;
    assert!(said.contains("the way to the broker and back was not proven for 60 s"), "{said}");
    let proven = watch::Sender::new(Some(Instant::now()));
    pulse.follow(proven.subscribe());
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200 "));
    let page = get(address, "/metrics").await;
    for line in [
        "content-type: text/plain; version=0.0.4; charset=utf-8",
        "rollcall_build_info{program=\"rollcall-test\",version=\"1\"} 1",
        "rollcall_ready 1",
        "rollcall_turns_total 7",
        "rollcall_broker_up{zone=\"hall-1\"} 1",
    ] {
        assert!(page.lines().any(|it| it == line), "{line}\n{page}");
    }
    turning(&desk, 0);
    assert!(get(address, "/readyz").await.contains("it has not turned yet"), "every loop has a say");
    shutdown.request();
}

#[tokio::test]
async fn strangers_get_an_answer_or_an_end_and_nobody_else_waits() {
    let shutdown = Shutdown::new();
    let (address, desk) = shown(Pulse::default(), &shutdown).await;
    turning(&desk, 1);
    for (bytes, answer) in [
        (&b"POST /metrics HTTP/1.1\r\nhost: here\r\ncontent-length: 3\r\n\r\nabc"[..], "HTTP/1.1 405 "),
        (b"DELETE /healthz HTTP/1.1\r\nhost: here\r\n\r\n", "HTTP/1.1 405 "),
        (b"GET /../../etc/passwd HTTP/1.1\r\nhost: here\r\n\r\n", "HTTP/1.1 404 "),
        (b"GET /metrics%0d%0aX: y HTTP/1.1\r\nhost: here\r\n\r\n", "HTTP/1.1 400 "),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ""),
        (b"HEAD /metrics HTTP/1.1\r\nhost: here\r\n\r\n", "HTTP/1.1 200 "),
    ] {
        let said = say(address, bytes).await;
        assert!(said.starts_with(answer), "{:?}: {said}", String::from_utf8_lossy(bytes));
        assert!(!said.contains("rollcall_turns"), "only GET has a body: {said}");
    }
    let long = format!("GET / HTTP/1.1\r\nhost: here\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024));
    assert!(say(address, long.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    // All places taken by connections that say nothing: they are let go, and the next is served again.
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let served = async {
        while !get(address, "/healthz").await.starts_with("HTTP/1.1 200 ") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, served).await.expect("silence is not waited for");
    shutdown.request();
}
