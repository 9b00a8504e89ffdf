//! The standard variables of OpenTelemetry, as far as they mean something here.

use std::path::PathBuf;

use super::TracesConfig;

/// Where spans go, and which traces are recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSettings {
    /// Where spans are posted to.
    pub url: String,
    /// Headers of each request, as names and values.
    pub headers: Vec<(String, String)>,
    /// Root certificates that vouch for the collector; needed where the URL is `https://`.
    pub roots: Option<PathBuf>,
    /// The service's name.
    pub service: String,
    /// What else is told of this process.
    pub attributes: Vec<(String, String)>,
    /// Share of traces begun here that are recorded, 0 to 1.
    pub ratio: f64,
    /// Whether a trace that was begun elsewhere is recorded as it says itself; otherwise the ratio decides as well.
    pub follows_parent: bool,
}

/// Why there can be no traces.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// A variable says what cannot be.
    #[error("{variable} is {value:?}: {expected}")]
    Variable {
        /// The variable.
        variable: &'static str,
        /// What it says.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// The collector cannot be spoken to.
    #[error("traces cannot be sent to {url}: {why}")]
    Collector {
        /// Where.
        url: String,
        /// Why not.
        why: String,
    },
}

pub(super) const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
pub(super) const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const SERVICE: &str = "OTEL_SERVICE_NAME";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
pub(super) const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
pub(super) const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
const DISABLED: &str = "OTEL_SDK_DISABLED";

impl TraceSettings {
    /// As this process's variables say, and where they say nothing its configuration; `None` where neither names a
    /// collector. `service` is its name unless they say another.
    ///
    /// # Errors
    /// [`TracesError::Variable`].
    pub fn of_process(service: &str, config: &TracesConfig) -> Result<Option<Self>, TracesError> {
        Self::of(service, |name| std::env::var(name).ok().or_else(|| config.variable(name)))
    }

    /// The same with the variables given.
    ///
    /// # Errors
    /// As [`Self::of_process`].
    pub fn of(service: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, TracesError> {
        let variable =
            |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        if variable(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        // That for traces alone is taken as it is, the general one gets the path.
        let (name, url) = match (variable(TRACES_ENDPOINT), variable(ENDPOINT)) {
            (Some(url), _) => (TRACES_ENDPOINT, url),
            (None, Some(base)) => (ENDPOINT, format!("{}/v1/traces", base.trim_end_matches('/'))),
            (None, None) => return Ok(None),
        };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            let expected = "expected a URL like http://127.0.0.1:4318";
            return Err(TracesError::Variable { variable: name, value: url, expected });
        }
        if let Some(value) = variable(PROTOCOL).filter(|protocol| protocol != "http/json") {
            let expected =
                "spans are sent as http/json and no other way; a collector takes that on its port for HTTP, 4318";
            return Err(TracesError::Variable { variable: PROTOCOL, value, expected });
        }
        let roots = variable(CERTIFICATE).map(PathBuf::from);
        if url.starts_with("https://") && roots.is_none() {
            let expected = "name the root certificates that vouch for it in OTEL_EXPORTER_OTLP_CERTIFICATE";
            return Err(TracesError::Variable { variable: name, value: url, expected });
        }
        let (ratio, follows_parent) = sampler(variable(SAMPLER), variable(SAMPLER_ARG))?;
        Ok(Some(Self {
            url,
            headers: pairs(HEADERS, variable(HEADERS))?,
            roots,
            service: variable(SERVICE).unwrap_or_else(|| service.to_owned()),
            attributes: pairs(ATTRIBUTES, variable(ATTRIBUTES))?,
            ratio,
            follows_parent,
        }))
    }
}

fn sampler(name: Option<String>, argument: Option<String>) -> Result<(f64, bool), TracesError> {
    let name = name.unwrap_or_else(|| "parentbased_always_on".into());
    let (kind, follows_parent) = match name.strip_prefix("parentbased_") {
        Some(kind) => (kind, true),
        None => (name.as_str(), false),
    };
    let ratio = match (kind, argument) {
        ("always_on", _) => 1.0,
        ("always_off", _) => 0.0,
        ("traceidratio", None) => 1.0,
        ("traceidratio", Some(value)) => match value.parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
            _ => {
                let expected = "expected a share of all traces, 0 to 1";
                return Err(TracesError::Variable { variable: SAMPLER_ARG, value, expected });
            }
        },
        _ => {
            let expected = "expected always_on, always_off or traceidratio, with or without parentbased_ before it";
            return Err(TracesError::Variable { variable: SAMPLER, value: name, expected });
        }
    };
    Ok((ratio, follows_parent))
}

/// `name=value,…`; values may be percent-encoded, as the standard has it.
fn pairs(variable: &'static str, text: Option<String>) -> Result<Vec<(String, String)>, TracesError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), decoded(value.trim())?)).filter(|(name, _)| !name.is_empty())
    };
    let read: Option<Vec<_>> = text.split(',').filter(|it| !it.trim().is_empty()).map(pair).collect();
    read.ok_or(TracesError::Variable { variable, value: text, expected: "expected name=value,name=value" })
}

fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<TraceSettings>, TracesError> {
        TraceSettings::of("rollcall-test", |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_a_collector_there_are_no_traces() {
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[(ENDPOINT, " ")]).unwrap(), None);
        assert_eq!(read(&[(ENDPOINT, "http://c:4318"), (DISABLED, "true")]).unwrap(), None);
    }

    #[test]
    fn the_standards_variables_are_read_as_the_standard_says() {
        let read = |variables: &[(&str, &str)]| read(variables).unwrap().unwrap();
        let plain = read(&[(ENDPOINT, "http://c:4318/")]);
        assert_eq!((plain.url.as_str(), plain.service.as_str()), ("http://c:4318/v1/traces", "rollcall-test"));
        assert_eq!((plain.ratio, plain.follows_parent), (1.0, true));
        let all = read(&[
            (TRACES_ENDPOINT, "https://c/in"),
            (CERTIFICATE, "/etc/roots.pem"),
            (HEADERS, "x-key=a%2Cb, x-tenant=t"),
            (SERVICE, "agents"),
            (ATTRIBUTES, "deployment.environment=hall 1,"),
            (SAMPLER, "traceidratio"),
            (SAMPLER_ARG, "0.25"),
        ]);
        assert_eq!(all.url, "https://c/in");
        assert_eq!(all.headers, [("x-key".into(), "a,b".into()), ("x-tenant".into(), "t".to_owned())]);
        assert_eq!(all.attributes, [("deployment.environment".to_owned(), "hall 1".to_owned())]);
        assert_eq!((all.service.as_str(), all.ratio, all.follows_parent), ("agents", 0.25, false));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        const AT: (&str, &str) = (ENDPOINT, "http://c:4318");
        for (variables, expected) in [
            (&[(ENDPOINT, "c:4318")][..], "OTEL_EXPORTER_OTLP_ENDPOINT is"),
            (&[(ENDPOINT, "https://c")], "OTEL_EXPORTER_OTLP_CERTIFICATE"),
            (&[AT, (PROTOCOL, "grpc")], "http/json and no other way"),
            (&[AT, (SAMPLER, "sometimes")], "OTEL_TRACES_SAMPLER is \"sometimes\""),
            (&[AT, (SAMPLER, "parentbased_traceidratio"), (SAMPLER_ARG, "2")], "0 to 1"),
            (&[AT, (HEADERS, "x-key")], "name=value"),
            (&[AT, (HEADERS, "x-key=%zz")], "name=value"),
        ] {
            let said = read(variables).unwrap_err().to_string();
            assert!(said.contains(expected), "{variables:?}: {said}");
        }
    }
}
