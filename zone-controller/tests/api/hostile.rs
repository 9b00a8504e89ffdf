//! Peers that are slow, loud, old, or speak something else: refused with a word where there is somebody to tell, and
//! nobody else is kept waiting.

use std::time::Duration;

use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::secure::Secure;

/// What comes back until the other end closes; empty where it only closes.
async fn answer(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset ends it, too.
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.expect("it is let go of");
    bytes
}

#[tokio::test]
async fn who_speaks_plain_http_is_told_so() {
    let stage = Secure::up().await;
    let mut stream = TcpStream::connect(stage.api).await.unwrap();
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(answer(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("HTTPS only"), "{answer}");
}

/// A ClientHello as TLS 1.2 has it: no extension says that 1.3 is understood.
fn old_hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    body.extend([0, 16]);
    body.extend(signatures);
    body.extend(groups);
    let mut hello = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    hello.extend(body);
    hello
}

#[tokio::test]
async fn tls_1_2_is_refused_with_the_alert_that_says_so() {
    let stage = Secure::up().await;
    let mut stream = TcpStream::connect(stage.api).await.unwrap();
    stream.write_all(&old_hello()).await.unwrap();
    let answer = answer(&mut stream).await;
    assert!(answer.starts_with(&[21, 3]) && answer[5..7] == [2, 70], "fatal, protocol_version: {answer:?}");
}

#[tokio::test]
async fn who_reads_too_much_at_once_waits_alone_and_is_told() {
    let stage = Secure::up().await;
    let (greedy, other) = (stage.user("greedy", "viewer").await, stage.user("other", "viewer").await);
    let (greedy, other) = (stage.bearer(&greedy), stage.bearer(&other));
    let long =
        json!({ "query": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n" });
    let ask = || greedy.post(format!("https://{}/v1/sql", stage.api)).json(&long).send();
    let mut asked: futures::stream::FuturesUnordered<_> = (0..70).map(|_| ask()).collect();
    let refused = loop {
        let answer = asked.next().await.expect("one is refused").unwrap();
        if answer.status() == 429 {
            break answer;
        }
    };
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["reason"], "too_many_reads", "{problem}");
    let began = Instant::now();
    let short = json!({ "query": "SELECT 7 AS seven" });
    let (code, table) = stage.post(&other, "/v1/sql", short).await;
    assert_eq!((code, &table["rows"]), (200, &json!([[7]])), "{table}");
    assert_eq!(stage.get(&other, "/v1/nodes").await.0, 200);
    assert!(began.elapsed() < Duration::from_secs(4), "others wait for nobody: {:?}", began.elapsed());
}

#[tokio::test]
async fn bytes_that_are_nothing_are_let_go_and_the_next_is_served() {
    let stage = Secure::up().await;
    let mut seed = 1_u32;
    for round in 0..40 {
        let mut stream = TcpStream::connect(stage.api).await.unwrap();
        let noise: Vec<u8> = (0..300)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect();
        // Half of them begin like TLS.
        let head: &[u8] = if round % 2 == 0 { &[22, 3, 1, 1, 0] } else { &[0x80] };
        let _ = stream.write_all(&[head, &noise].concat()).await;
        let _ = stream.shutdown().await;
        answer(&mut stream).await;
    }
    assert_eq!(stage.get(&stage.stranger(), "/healthz").await.0, 200);
}

#[tokio::test]
async fn who_does_not_finish_the_handshake_keeps_nobody_waiting() {
    let stage = Secure::up().await;
    let mut silent = Vec::new();
    for _ in 0..150 {
        let mut stream = TcpStream::connect(stage.api).await.unwrap();
        // A record that never ends takes one of the places for handshakes.
        stream.write_all(&[22, 3, 1, 1, 0]).await.unwrap();
        silent.push(stream);
    }
    let asked = Instant::now();
    assert_eq!(stage.get(&stage.stranger(), "/healthz").await.0, 200);
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    for mut stream in silent {
        answer(&mut stream).await;
    }
}

#[tokio::test]
async fn connections_of_one_origin_are_bounded() {
    let stage = Secure::with(|config| config.api.max_connections_per_origin = 4).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(stage.connect().await);
    }
    let mut one_more = TcpStream::connect(stage.api).await.unwrap();
    assert_eq!(answer(&mut one_more).await, Vec::<u8>::new(), "closed without a word");
    drop(open);
    let asked = async { while stage.stranger().get(format!("https://{}/healthz", stage.api)).send().await.is_err() {} };
    timeout(Duration::from_secs(20), asked).await.expect("places are given back");
}

#[tokio::test]
async fn a_body_that_is_too_long_or_too_slow_is_refused() {
    let stage = Secure::up().await;
    let long = json!({ "csr": "x".repeat(20_000), "principal": "node.x", "name": "n" });
    assert_eq!(stage.post(&stage.stranger(), "/v1/join", long).await.0, 413);
    let head = "POST /v1/join HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let mut slow = stage.connect().await;
    slow.write_all(head.as_bytes()).await.unwrap();
    let (began, mut answer) = (Instant::now(), [0; 12]);
    timeout(Duration::from_secs(25), slow.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(began.elapsed() >= Duration::from_secs(9), "{:?}", began.elapsed());
    let mut endless = stage.connect().await;
    let mut sent = 0_usize;
    let chunk = format!("x-more: {}\r\n", "y".repeat(1_000));
    endless.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    while sent < 1_000_000 && endless.write_all(chunk.as_bytes()).await.is_ok() {
        sent += chunk.len();
    }
    assert!(sent < 1_000_000, "a head that never ends is cut off");
}

#[tokio::test]
async fn bodies_that_are_nothing_are_told_what_is_wrong_with_them() {
    let stage = Secure::up().await;
    let join = |body: &'static str| {
        let asked = stage.stranger().post(format!("https://{}/v1/join", stage.api));
        let asked = asked.header("content-type", "application/json").body(body);
        async move { asked.send().await.unwrap().status().as_u16() }
    };
    let deep: &'static str = Box::leak(format!("{}{}", "[".repeat(8_000), "]".repeat(8_000)).into_boxed_str());
    for (body, code) in [
        ("", 400),
        ("{", 400),
        ("\u{0}\u{1}", 400),
        (deep, 422),
        ("null", 422),
        (r#"{"csr": "x", "principal": "node.x", "name": "n"}"#, 422),
        (r#"{"csr": "x", "principal": "user.ada", "name": "n", "more": 1}"#, 422),
        (r#"{"csr": "x", "principal": "user.ada", "name": "n"}"#, 422),
    ] {
        assert_eq!(join(body).await, code, "{body:.60}");
    }
}

#[tokio::test]
async fn strangers_who_ask_too_often_are_told_when_to_come_back() {
    let stage = Secure::with(|config| config.api.open_per_second = 1).await;
    let client = stage.stranger();
    let mut refused = None;
    for _ in 0..10 {
        let answer = client.get(format!("https://{}/healthz", stage.api)).send().await.unwrap();
        if answer.status() == 429 {
            let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            let problem: Value = answer.json().await.unwrap();
            refused = Some((wait, problem));
            break;
        }
    }
    let (wait, problem) = refused.expect("refused after the burst");
    assert_eq!(problem["reason"], "too_often");
    assert!((1..=2).contains(&wait));
    let ada = stage.administrator();
    assert_eq!(stage.ask(&ada, Method::GET, "/v1/status", None).await.0, 200, "others are not concerned");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(client.get(format!("https://{}/healthz", stage.api)).send().await.unwrap().status(), 200);
}
