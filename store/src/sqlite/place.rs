//! Where a database is, from its URL.

use std::path::PathBuf;

use crate::OpenError;

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this process, gone with it.
    Memory,
    /// A file.
    File(PathBuf),
}

impl Place {
    /// Reads a database URL. Paths are taken as they stand: nothing is decoded, there are no parameters.
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let refuse = |problem: String| Err(OpenError::Url { url: presentable(url), problem });
        if url.trim().is_empty() {
            return refuse("it is empty".into());
        }
        let Some((scheme, rest)) = url.split_once(':') else {
            return refuse(format!("there is no scheme before the path; did you mean sqlite:{url}"));
        };
        match scheme {
            "sqlite" => {}
            other => return refuse(format!("the scheme {other:?} before the first ':' is not known")),
        }
        if matches!(rest, ":memory:" | "//:memory:") {
            return Ok(Self::Memory);
        }
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if let Some(at) = url.find('?') {
            return refuse(format!("parameters are not taken, remove {:?} at character {}", &url[at..], at + 1));
        }
        if path.contains('\0') {
            return refuse("the path holds a zero byte".into());
        }
        match path {
            "" => refuse(format!("there is no path after {scheme:?}")),
            _ if path.starts_with(':') => refuse(format!("{path:?} is neither :memory: nor a path")),
            _ if path.ends_with('/') => {
                refuse(format!("the path {path:?} ends with '/': it names a folder, not a file"))
            }
            _ => Ok(Self::File(PathBuf::from(path))),
        }
    }
}

/// The URL without a password, should somebody have put one there.
pub(crate) fn presentable(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://…{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_memory_are_told_apart() {
        for (url, path) in [
            ("sqlite:/var/lib/rollcall/zone.db", "/var/lib/rollcall/zone.db"),
            ("sqlite:///var/lib/rollcall/zone.db", "/var/lib/rollcall/zone.db"),
            ("sqlite:zone.db", "zone.db"),
            ("sqlite:/a b/100%.db", "/a b/100%.db"),
        ] {
            assert_eq!(Place::parse(url).unwrap(), Place::File(path.into()), "{url}");
        }
        assert_eq!(Place::parse("sqlite::memory:").unwrap(), Place::Memory);
    }

    #[test]
    fn a_bad_url_is_refused_with_what_is_wrong_and_where() {
        for (url, says) in [
            ("", "it is empty"),
            ("/var/zone.db", "did you mean sqlite:/var/zone.db"),
            ("mysql://u:secret@h/db", "scheme \"mysql\""),
            ("sqlite:", "no path"),
            ("sqlite:/var/lib/", "names a folder"),
            ("sqlite:/zone.db?mode=rwc", "remove \"?mode=rwc\" at character 16"),
            ("sqlite::memroy:", "neither :memory: nor a path"),
        ] {
            let text = Place::parse(url).unwrap_err().to_string();
            assert!(text.contains(says), "{url}: {text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
