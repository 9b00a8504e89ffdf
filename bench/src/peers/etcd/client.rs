//! As much of etcd's gRPC (v3) as is needed: the messages are a few fields each, and a client that does no more than that
//! takes nothing from the server's share of the machine.

use anyhow::{Context, ensure};
use axum::body::Bytes;
use axum::http::{HeaderMap, Request, StatusCode};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use tokio::net::TcpStream;

/// Seconds that a lease lives without being kept alive; longer than any run.
const TTL_S: u64 = 3_600;

/// A connection.
#[derive(Clone)]
pub struct Client {
    send: SendRequest<Bytes>,
}

impl Client {
    /// Connects over HTTP/2 without TLS.
    pub async fn connect(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (send, connection) = h2::client::handshake(stream).await?;
        // Ends with the server or with the client; both are seen by whoever calls next.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { send })
    }

    /// Writes one key.
    pub async fn put(&self, key: &str, value: &[u8]) -> anyhow::Result<()> {
        let message = [bytes_field(1, key.as_bytes()), bytes_field(2, value)].concat();
        self.call("/etcdserverpb.KV/Put", &message).await.map(drop)
    }

    /// A new lease; its id.
    pub async fn grant(&self) -> anyhow::Result<i64> {
        let answer = self.call("/etcdserverpb.Lease/LeaseGrant", &number_field(1, TTL_S)).await?;
        let id = lease_of(&answer).context("etcd grants a lease without an id")?;
        Ok(i64::from_ne_bytes(id.to_ne_bytes()))
    }

    /// Keeps a lease alive so often, each time once the one before is answered.
    pub async fn keep_alive(&self, lease: i64, times: usize) -> anyhow::Result<()> {
        let (response, mut out) = self.open("/etcdserverpb.Lease/LeaseKeepAlive").await?;
        let message = grpc(&number_field(1, u64::from_ne_bytes(lease.to_ne_bytes())));
        out.send_data(message.clone(), times == 0)?;
        let mut answers = response.await?.into_body();
        for left in (0..times).rev() {
            take_message(&mut answers).await?;
            out.send_data(if left > 0 { message.clone() } else { Bytes::new() }, left == 0)?;
        }
        Ok(())
    }

    async fn open(&self, path: &str) -> anyhow::Result<(h2::client::ResponseFuture, SendStream<Bytes>)> {
        let mut send = self.send.clone().ready().await?;
        let request = Request::post(format!("http://127.0.0.1{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        Ok(send.send_request(request, false)?)
    }

    async fn call(&self, path: &str, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let (response, mut out) = self.open(path).await?;
        out.send_data(grpc(message), true)?;
        let response = response.await?;
        ensure!(response.status() == StatusCode::OK, "etcd answers {} to {path}", response.status());
        refused(response.headers())?;
        let mut body = response.into_body();
        let answer = take_message(&mut body).await?;
        while let Some(rest) = body.data().await {
            rest?;
        }
        refused(&body.trailers().await?.unwrap_or_default())?;
        Ok(answer)
    }
}

/// An error where headers or trailers tell of one.
fn refused(headers: &HeaderMap) -> anyhow::Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let status = text("grpc-status").unwrap_or("0");
    ensure!(status == "0", "etcd refuses, gRPC status {status}: {}", text("grpc-message").unwrap_or(""));
    Ok(())
}

/// The next message of a stream.
async fn take_message(body: &mut RecvStream) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some((head, rest)) = bytes.split_at_checked(5) {
            let length = usize::try_from(u32::from_be_bytes([head[1], head[2], head[3], head[4]]))?;
            if rest.len() >= length {
                return Ok(rest[..length].to_vec());
            }
        }
        let Some(chunk) = body.data().await else {
            refused(&body.trailers().await?.unwrap_or_default())?;
            anyhow::bail!("etcd ends a stream without an answer");
        };
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
}

/// A message as gRPC frames it: not compressed, then its length.
fn grpc(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0][..], &length, message].concat().into()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn bytes_field(number: u64, value: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn number_field(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

/// The id in a LeaseGrantResponse: its second field, after the header.
fn lease_of(mut message: &[u8]) -> Option<u64> {
    while !message.is_empty() {
        let (tag, rest) = take_varint(message)?;
        let (value, rest) = take_varint(rest)?;
        match (tag >> 3, tag & 7) {
            (2, 0) => return Some(value),
            (_, 2) => message = rest.get(usize::try_from(value).ok()?..)?,
            _ => message = rest,
        }
    }
    None
}

fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let (number, rest) = bytes.split_at(end + 1);
    let value = number.iter().take(10).rev().fold(0, |value: u64, byte| value << 7 | u64::from(byte & 0x7f));
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_written_as_protobuf_and_a_lease_is_read_from_one() {
        assert_eq!(bytes_field(2, b"ab"), [0x12, 2, b'a', b'b']);
        assert_eq!(number_field(1, 300), [0x08, 0xac, 0x02]);
        assert_eq!(&grpc(&[7, 7])[..], [0, 0, 0, 0, 2, 7, 7]);
        let answer =
            [bytes_field(1, &[1, 2, 3]), number_field(2, 7_587_863_712_345_678_901), number_field(3, 60)].concat();
        assert_eq!(lease_of(&answer), Some(7_587_863_712_345_678_901));
        assert_eq!(lease_of(&[0x80]), None);
    }
}
