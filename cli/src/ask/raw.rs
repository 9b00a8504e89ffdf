//! `rollcall api`: one request as it is.

use std::io::{self, Write};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use rollcall_startup::{Exit, Failure};
use serde_json::Value;

use super::client::{Client, Raw};
use super::look::clean;
use super::{format, output};
use crate::arguments::RawRequest;
use crate::settings::Settings;

/// Asks, and writes the answer as it came; with `-o yaml` or `-o csv` what it says in that form.
///
/// # Errors
/// As the zone answers: 1 where it refuses, 3 where it fails; 2 where the request cannot be made.
pub async fn run(client: &Client, asked: RawRequest, settings: &Settings) -> Result<(), Failure> {
    let method = Method::from_bytes(asked.method.to_ascii_uppercase().as_bytes()).map_err(Failure::usage)?;
    let mut headers = Vec::new();
    let body = asked.body.as_deref().map(body).transpose()?;
    if body.is_some() {
        headers.push((CONTENT_TYPE, value(&asked.media_type)?));
    }
    for line in &asked.header {
        headers.push(header(line)?);
    }
    let answer = client.raw(method, &asked.path, headers, body).await?;
    if asked.include {
        output::print(&head(&answer))?;
    }
    match &answer.refused {
        None => body_out(&answer.body, settings),
        Some(reason) => {
            if asked.include {
                body_out(&answer.body, settings)?;
            }
            let exit = if answer.status.is_server_error() { Exit::Unreachable } else { Exit::Failed };
            Err(Failure::new(exit, format!("{}: {reason}", answer.status)))
        }
    }
}

fn body(text: &str) -> Result<Vec<u8>, Failure> {
    match (text, text.strip_prefix('@')) {
        ("-", _) => super::from_stdin().map(String::into_bytes),
        (_, Some(file)) => std::fs::read(file).map_err(|error| Failure::usage(format!("cannot read {file}: {error}"))),
        _ => Ok(text.as_bytes().to_vec()),
    }
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let wrong = || Failure::usage(format!("{line:?} is no header: expected NAME: VALUE"));
    let (name, text) = line.split_once(':').ok_or_else(wrong)?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
    Ok((name, value(text.trim())?))
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|_| Failure::usage(format!("{text:?} cannot stand in a header")))
}

fn head(answer: &Raw) -> String {
    let mut text = format!("{}\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {}\n", clean(&String::from_utf8_lossy(value.as_bytes()))));
    }
    text + "\n"
}

fn body_out(body: &[u8], settings: &Settings) -> Result<(), Failure> {
    let document: Option<Value> = serde_json::from_slice(body).ok();
    if let Some(text) = document.as_ref().and_then(|document| format::written(settings.format, document, &[])) {
        return output::print(&text).map(drop);
    }
    if let Some(document) = document {
        return output::print(&output::document(&document)).map(drop);
    }
    let mut out = io::stdout().lock();
    match out.write_all(body).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::other(format!("cannot write the answer: {error}")))
        }
        _ => Ok(()),
    }
}
