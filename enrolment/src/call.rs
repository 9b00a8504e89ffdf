//! One question to the zone over HTTPS: pinned roots, the server's name checked, short deadlines, a bounded answer.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollcall_identity::TrustBundle;
use rollcall_identity::tls::{self, Certified};
use rollcall_model::{JoinId, Name, Principal, TRACEPARENT, TraceContext};
use rustls::{AlertDescription, CertificateError};
use serde::Serialize;
use std::net::IpAddr;
use zeroize::Zeroizing;

use crate::core::{self, Answer};
use crate::{EnrolError, Settings};

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(20);
/// Longest answer that is read: a chain and a bundle have a few KiB.
const LONGEST_ANSWER: usize = 128 * 1024;

/// `POST /v1/join`.
#[derive(Serialize)]
pub(crate) struct JoinRequest<'a> {
    pub csr: &'a str,
    pub principal: &'a Principal,
    pub name: &'a Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<&'a Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<&'a str>,
}

#[derive(Serialize)]
struct RenewRequest<'a> {
    csr: &'a str,
}

#[derive(Serialize)]
struct CheckinRequest<'a> {
    csr: &'a str,
    name: &'a Name,
}

/// The zone at an address.
pub(crate) struct Zone {
    api: String,
    bundle_file: PathBuf,
    client: reqwest::Client,
    trace: Option<TraceContext>,
}

impl Zone {
    pub fn new(
        api: &str,
        settings: &Settings,
        bundle: &TrustBundle,
        own: Option<Arc<Certified>>,
    ) -> Result<Self, EnrolError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client(bundle, own)?)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()
            .map_err(|error| EnrolError::Unreachable { api: api.to_owned(), why: chain(&error) })?;
        Ok(Self { api: api.to_owned(), bundle_file: settings.bundle_file.clone(), client, trace: None })
    }

    /// What is asked is a step of this trace.
    pub fn traced(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    pub async fn join(&self, request: &JoinRequest<'_>) -> Result<Answer, EnrolError> {
        // A token stands in it.
        let body = Zeroizing::new(json(request));
        self.ask(self.client.post(self.url("/v1/join")).body(body.to_vec())).await
    }

    pub async fn collect(&self, join: JoinId) -> Result<Answer, EnrolError> {
        self.ask(self.client.get(self.url(&format!("/v1/join/{join}")))).await
    }

    pub async fn renew(&self, csr: &str) -> Result<Answer, EnrolError> {
        self.ask(self.client.post(self.url("/v1/renew")).body(json(&RenewRequest { csr }))).await
    }

    /// For a check-in service that the own group was ordered to run.
    pub async fn checkin_certificate(&self, csr: &str, name: &Name) -> Result<Answer, EnrolError> {
        let body = json(&CheckinRequest { csr, name });
        self.ask(self.client.post(self.url("/v1/checkin-certificate")).body(body)).await
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.api)
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Answer, EnrolError> {
        let mut request = request.header(reqwest::header::CONTENT_TYPE, "application/json");
        if let Some(trace) = self.trace {
            request = request.header(TRACEPARENT, trace.to_string());
        }
        let mut response = request.send().await.map_err(|error| self.failure(&error))?;
        let status = response.status().as_u16();
        let header = response.headers().get(reqwest::header::RETRY_AFTER);
        let retry_after = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.failure(&error))? {
            if body.len() + part.len() > LONGEST_ANSWER {
                return Ok(Answer::Again {
                    why: format!("an answer of more than {LONGEST_ANSWER} bytes"),
                    after: None,
                });
            }
            body.extend_from_slice(&part);
        }
        Ok(core::read(status, retry_after.as_deref(), &body))
    }

    fn failure(&self, error: &reqwest::Error) -> EnrolError {
        let api = self.api.clone();
        match tls_error(error) {
            Some(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) => EnrolError::WrongRoot { api, bundle: self.bundle_file.clone() },
            Some(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => EnrolError::WrongName { api },
            Some(rustls::Error::AlertReceived(
                alert @ (AlertDescription::CertificateExpired
                | AlertDescription::CertificateRevoked
                | AlertDescription::BadCertificate
                | AlertDescription::UnknownCA),
            )) => EnrolError::OwnCertificate { api, why: format!("{alert:?}") },
            _ => EnrolError::Unreachable { api, why: chain(error) },
        }
    }
}

fn json(request: &impl Serialize) -> Vec<u8> {
    // Texts and addresses only: nothing in a request can fail to become JSON.
    serde_json::to_vec(request).unwrap_or_default()
}

/// The TLS error somewhere behind a failed request.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An IO error shows what it holds, but does not name it as its source.
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = error.source();
    }
    text
}
