//! The smallest server that will do: HTTP/1.1, GET and HEAD, one request for each connection, few connections, short times.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Format;
use crate::Shutdown;

/// Connections at once; who comes then is let go.
const CONNECTIONS: usize = 16;
/// Time to send the head of a request.
const HEAD: Duration = Duration::from_secs(5);
/// Time for a connection from its beginning to its end.
const LIFE: Duration = Duration::from_secs(20);
/// Longest head of a request, bytes; the least hyper takes.
const LONGEST_HEAD: usize = 8 * 1024;
/// Pause after the system had no descriptor left for a connection.
const BREATH: Duration = Duration::from_millis(100);

/// The address for metrics is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for metrics (metrics.listen): {source}")]
pub struct MetricsError {
    address: SocketAddr,
    source: std::io::Error,
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    text: String,
}

const PLAIN: &str = "text/plain; charset=utf-8";

impl Answer {
    pub fn page(format: Format, text: String) -> Self {
        Self { status: StatusCode::OK, content_type: format.content_type(), text }
    }

    /// 200, or 503 with the reason.
    pub fn of(result: Result<String, String>) -> Self {
        let (status, text) = match result {
            Ok(text) => (StatusCode::OK, text),
            Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        };
        Self { status, content_type: PLAIN, text }
    }

    pub fn nothing_there() -> Self {
        let text = "there are /metrics, /healthz and /readyz\n".into();
        Self { status: StatusCode::NOT_FOUND, content_type: PLAIN, text }
    }

    fn not_allowed() -> Self {
        let text = "GET and HEAD only\n".into();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, content_type: PLAIN, text }
    }

    fn into_response(self) -> Response<String> {
        let mut response = Response::new(self.text);
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, MetricsError> {
    TcpListener::bind(address).await.map_err(|source| MetricsError { address, source })
}

/// Serves until `shutdown`; `look` answers a path.
pub(super) async fn serve<L, A>(listener: TcpListener, shutdown: Shutdown, look: L)
where
    L: Fn(String, Format) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answer> + Send,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = shutdown.requested() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let look = look.clone();
                tokio::spawn(async move {
                    let _place = place;
                    // Whoever is slower than that is let go.
                    let _ = timeout(LIFE, talk(stream, look)).await;
                });
            }
            Err(error) => {
                tracing::debug!("no connection for metrics: {error}");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

async fn talk<L, A>(stream: TcpStream, look: L)
where
    L: Fn(String, Format) -> A,
    A: Future<Output = Answer>,
{
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let format = Format::accepted(accept);
        let is_looking = matches!(*request.method(), Method::GET | Method::HEAD);
        let answer = is_looking.then(|| look(request.uri().path().to_owned(), format));
        async move {
            let answer = match answer {
                Some(answer) => answer.await,
                None => Answer::not_allowed(),
            };
            Ok::<_, std::convert::Infallible>(answer.into_response())
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(LONGEST_HEAD).keep_alive(false);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!("a look at the metrics ended: {error}");
    }
}
