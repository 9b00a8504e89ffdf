//! The table `[traces]` of a daemon's configuration.

use std::path::PathBuf;

use serde::Deserialize;

use super::settings::{CERTIFICATE, ENDPOINT, SAMPLER, SAMPLER_ARG};

/// Where a daemon sends its traces. What the variables of OpenTelemetry say in its environment counts before this.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TracesConfig {
    /// The collector, e.g. `http://127.0.0.1:4318`; `/v1/traces` is put behind it. Without one there are no traces.
    pub endpoint: Option<String>,
    /// Root certificates (PEM) that vouch for an `https://` collector.
    pub certificate: Option<PathBuf>,
    /// Share of the traces begun here that are recorded, 0 to 1; a trace begun elsewhere is recorded as it says itself.
    pub ratio: Option<f64>,
}

impl TracesConfig {
    /// Refuses what cannot work.
    ///
    /// # Errors
    /// What is wrong and what would do, for people.
    pub fn validate(&self) -> Result<(), String> {
        let Some(endpoint) = &self.endpoint else {
            let alone = [("certificate", self.certificate.is_some()), ("ratio", self.ratio.is_some())];
            return match alone.into_iter().find(|(_, is_set)| *is_set) {
                Some((key, _)) => Err(format!("traces.{key} is set and traces.endpoint is not; name the collector")),
                None => Ok(()),
            };
        };
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(format!("traces.endpoint is {endpoint:?}; it has to look like http://127.0.0.1:4318"));
        }
        if endpoint.starts_with("https://") && self.certificate.is_none() {
            return Err(format!(
                "traces.endpoint is {endpoint:?}; name the root certificates that vouch for it in traces.certificate"
            ));
        }
        match self.ratio {
            Some(ratio) if !(0.0..=1.0).contains(&ratio) => {
                Err(format!("traces.ratio is {ratio}; a share of all traces is 0 to 1"))
            }
            _ => Ok(()),
        }
    }

    /// What it says, as the variable that would say it.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        match name {
            ENDPOINT => self.endpoint.clone(),
            CERTIFICATE => self.certificate.as_ref().map(|path| path.display().to_string()),
            SAMPLER => self.ratio.map(|_| "parentbased_traceidratio".to_owned()),
            SAMPLER_ARG => self.ratio.map(|ratio| ratio.to_string()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TraceSettings;
    use super::*;

    fn config(text: &str) -> TracesConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_table_says_what_the_variables_would_and_they_count_before_it() {
        let traces = config("endpoint = \"https://c:4318\"\ncertificate = \"/roots.pem\"\nratio = 0.25");
        assert_eq!(traces.validate(), Ok(()));
        let of = |variables: &[(&str, &str)]| {
            let environment =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            TraceSettings::of("agent", |name| environment(name).or_else(|| traces.variable(name))).unwrap()
        };
        let told = of(&[]).unwrap();
        assert_eq!((told.url.as_str(), told.ratio, told.follows_parent), ("https://c:4318/v1/traces", 0.25, true));
        assert_eq!(told.roots, Some("/roots.pem".into()));
        let told = of(&[(ENDPOINT, "http://other:4318"), (SAMPLER, "always_on")]).unwrap();
        assert_eq!((told.url.as_str(), told.ratio), ("http://other:4318/v1/traces", 1.0));
        assert_eq!(of(&[("OTEL_SDK_DISABLED", "true")]), None);
        let nothing = TracesConfig::default();
        assert_eq!(TraceSettings::of("agent", |name| nothing.variable(name)).unwrap(), None);
    }

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        for (text, expected) in [
            ("endpoint = \"c:4318\"", "traces.endpoint is \"c:4318\""),
            ("endpoint = \"\"", "traces.endpoint is \"\""),
            ("endpoint = \"https://c\"", "traces.certificate"),
            ("endpoint = \"http://c\"\nratio = 1.5", "traces.ratio is 1.5; a share"),
            ("ratio = 0.5", "traces.ratio is set and traces.endpoint is not"),
            ("certificate = \"x\"", "traces.certificate is set"),
        ] {
            let said = config(text).validate().unwrap_err();
            assert!(said.contains(expected), "{text}: {said}");
        }
        assert!(toml::from_str::<TracesConfig>("url = \"http://c\"").is_err());
    }
}
