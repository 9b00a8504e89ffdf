//! A headless Chromium of the test's own, driven over WebDriver: with a profile of its own, and believing the certificates
//! of one zone's authority and no others it does not know.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_identity::Key;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::error::{WebDriverErrorInner, WebDriverResult};
use thirtyfour::{By, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver, WebElement};

use crate::stage::{Process, free_tcp_port, until};

/// How long a page may take to show something.
pub const PATIENCE: Duration = Duration::from_secs(20);

const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
];

/// Light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Scheme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// The word of style sheets.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A browser with one page.
pub struct Browser {
    driver: WebDriver,
    base: String,
    _process: Process,
    _profile: TempDir,
}

impl Browser {
    /// A browser for a site, e.g. `https://127.0.0.1:7655`, whose certificates the services authority in this zone directory
    /// signs; without one, for a site without TLS.
    ///
    /// # Panics
    /// When Chromium or its driver cannot be had.
    pub async fn start(base: &str, zone_directory: Option<&Path>) -> Self {
        for program in ["chromium", "chromedriver"] {
            let found = Command::new(program).arg("--version").output();
            let found = found.unwrap_or_else(|error| panic!("{program} cannot be had ({error}); run scripts/needs"));
            assert!(found.status.success(), "{program} does not run; run scripts/needs");
        }
        let profile = tempfile::Builder::new().prefix("rollcall-browser-").tempdir().expect("a directory");
        let port = free_tcp_port();
        let line = ["chromedriver".to_owned(), format!("--port={port}")];
        let process = Process::start(&line, &[], &profile.path().join("chromedriver.log"));
        let mut wants = DesiredCapabilities::chrome();
        for flag in FLAGS {
            wants.add_arg(flag).expect("a flag");
        }
        wants.add_arg(&format!("--user-data-dir={}", profile.path().join("profile").display())).expect("a flag");
        if let Some(directory) = zone_directory {
            let flag = format!("--ignore-certificate-errors-spki-list={}", fingerprint(directory));
            wants.add_arg(&flag).expect("a flag");
        }
        wants.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a log");
        let url = format!("http://127.0.0.1:{port}");
        let driver = until("the browser", PATIENCE, async || WebDriver::new(&url, wants.clone()).await.ok()).await;
        Self { driver, base: base.to_owned(), _process: process, _profile: profile }
    }

    /// Shows a page, by its path.
    ///
    /// # Panics
    /// When it cannot be shown; so for all that follow.
    pub async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.base)).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// The path of the page that is shown.
    pub async fn path(&self) -> String {
        let url = self.driver.current_url().await.expect("an address");
        url.as_str().strip_prefix(&self.base).unwrap_or_default().to_owned()
    }

    /// What a script returns.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        let answer = self.driver.execute(script, arguments).await.unwrap_or_else(|error| panic!("{script}: {error}"));
        answer.json().clone()
    }

    /// What an expression is worth.
    pub async fn value(&self, expression: &str) -> Value {
        self.run(&format!("return {expression}"), vec![]).await
    }

    /// Waits for the first element of a selector.
    pub async fn find(&self, selector: &str) -> WebElement {
        until(format!("{selector} on the page"), PATIENCE, async || self.driver.find(By::Css(selector)).await.ok())
            .await
    }

    /// Waits until an expression is true.
    pub async fn holds(&self, expression: &str) {
        until(format!("{expression} in the page"), PATIENCE, async || {
            // The page may be on its way to another one.
            let answer = self.driver.execute(format!("return !!({expression})"), vec![]).await.ok()?;
            (answer.json() == &json!(true)).then_some(())
        })
        .await;
    }

    /// Types into the element of a selector, which is empty before.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.with(selector, async |element| {
            element.clear().await?;
            element.send_keys(text).await
        })
        .await;
    }

    /// Clicks.
    pub async fn click(&self, selector: &str) {
        self.with(selector, async |element| element.click().await).await;
    }

    /// Does something with the first element of a selector. A page that is live may put another in its place meanwhile:
    /// nothing was done with one that is gone, so it is done with the new one.
    async fn with(&self, selector: &str, act: impl AsyncFn(&WebElement) -> WebDriverResult<()>) {
        until(format!("{selector} to be used"), PATIENCE, async || {
            let element = self.find(selector).await;
            match act(&element).await {
                Ok(()) => Some(()),
                Err(error) if matches!(error.as_inner(), WebDriverErrorInner::StaleElementReference(_)) => None,
                Err(error) => panic!("{selector}: {error}"),
            }
        })
        .await;
    }

    /// Presses a key, e.g. `ArrowRight`, with what goes with it.
    pub async fn press(&self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.devtools("Input.dispatchKeyEvent", event).await;
        }
    }

    /// How wide the page is, in pixels, and which colours its reader prefers.
    pub async fn looks(&self, width: u32, scheme: Scheme) {
        let height = if width < 600 { 844 } else { width * 10 / 16 };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme.as_str() });
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [feature] })).await;
    }

    /// Keeps a picture of the whole page.
    pub async fn picture(&self, file: &Path) {
        let wish = json!({ "format": "png", "captureBeyondViewport": true });
        let picture = self.devtools("Page.captureScreenshot", wish).await;
        let bytes = STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, bytes).expect("it is written");
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(command, parameters).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// What the page's console has said since it was last asked, and is worse than a warning.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.driver.get_log("browser").await.expect("the browser's log");
        log.into_iter().filter(|line| line.level == "SEVERE").map(|line| line.message).collect()
    }

    /// Ends the browser.
    pub async fn quit(self) {
        self.driver.quit().await.expect("it ends");
    }
}

/// SHA-256 of the public key of a zone's services authority, as Chromium wants it.
fn fingerprint(zone_directory: &Path) -> String {
    let key = Key::load(&zone_directory.join("services-ca.key")).expect("the authority's key");
    STANDARD.encode(hex::decode(key.digest().as_str()).expect("a digest"))
}
