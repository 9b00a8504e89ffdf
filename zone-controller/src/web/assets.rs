//! The files pages load: style, our script, and htmx. They are within the program, and named by what is in them, so that
//! a browser may keep them for ever.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;

use super::answer::Answer;
use crate::api::errors::Problem;

struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// htmx 2.0.11 (0BSD), as the npm package `htmx.org` has it; its licence lies beside it.
const HTMX: &str = include_str!("../../web/assets/htmx.min.js");
const STYLE: &str = include_str!("../../web/assets/page.css");
const MAP_STYLE: &str = include_str!("../../web/assets/map.css");
const PAGE: &str = include_str!("../../web/assets/page.js");
const MAP: &str = include_str!("../../web/assets/map.js");
const ICON: &str = include_str!("../../web/assets/icon.svg");

const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: [Asset; 6] = [
    Asset { name: "htmx.min.js", kind: SCRIPT, text: HTMX },
    Asset { name: "page.js", kind: SCRIPT, text: PAGE },
    Asset { name: "map.js", kind: SCRIPT, text: MAP },
    Asset { name: "page.css", kind: "text/css; charset=utf-8", text: STYLE },
    Asset { name: "map.css", kind: "text/css; charset=utf-8", text: MAP_STYLE },
    Asset { name: "icon.svg", kind: "image/svg+xml", text: ICON },
];

/// Stands in the assets' path: changes with any of them.
pub(super) const VERSION: &str = {
    const HASH: u64 = hash();
    const TEXT: [u8; 16] = digits(HASH);
    match std::str::from_utf8(&TEXT) {
        Ok(text) => text,
        Err(_) => "0",
    }
};

/// FNV-1a over all of them, at compile time.
const fn hash() -> u64 {
    let (mut hash, mut asset) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while asset < ASSETS.len() {
        let (bytes, mut at) = (ASSETS[asset].text.as_bytes(), 0);
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        asset += 1;
    }
    hash
}

const fn digits(number: u64) -> [u8; 16] {
    let (mut text, mut at) = ([0; 16], 0);
    while at < 16 {
        text[at] = b"0123456789abcdef"[(number >> (60 - 4 * at) & 15) as usize];
        at += 1;
    }
    text
}

/// `GET /ui/assets/{version}/{name}`: whatever the version, the file of this program.
pub(super) async fn get(Path((version, name)): Path<(String, String)>) -> Answer {
    let missing = || Problem::missing(format!("there is no file {name:?}"));
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or_else(missing)?;
    // Asked for by a page of another version of this program, it is not to be kept under that name.
    let kept = if version == VERSION { "public, max-age=31536000, immutable" } else { "no-store" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static(kept)),
    ];
    Ok((headers, asset.text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_of_ours_makes_code_or_style_of_text() {
        for Asset { name, text, .. } in ASSETS.iter().filter(|asset| asset.name != "htmx.min.js") {
            for forbidden in
                ["eval(", "new Function", "document.write", "setAttribute(\"style\"", "http://", "https://"]
            {
                let is_namespace = text.replace("http://www.w3.org/2000/svg", "");
                assert!(!is_namespace.contains(forbidden), "{name}: {forbidden}");
            }
        }
        assert_eq!(VERSION.len(), 16);
    }
}
