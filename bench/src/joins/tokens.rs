//! A join token for each, as `rollcall token create` asks for it.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, StatusCode};
use rollcall_identity::{Key, TrustBundle, files, tls};
use rollcall_model::Name;
use serde_json::{Value, json};

use super::crowd::Crowd;
use crate::footprint::zone::Zone;

/// Pause of somebody who asks too often.
const PAUSE: Duration = Duration::from_millis(250);
/// Asked for at once.
const AT_ONCE: usize = 8;

/// Gets them from the zone.
pub async fn hand_out(zone: &Zone, crowd: &Crowd) -> anyhow::Result<()> {
    let file = |name: &str| zone.administrator().join(name);
    let own = tls::Certified::new(&files::read_public(&file("cert.pem"))?, &Key::load(&file("key.pem"))?)?;
    let config = tls::client(&TrustBundle::load(&file("site.pem"))?, Some(own))?;
    let client = Client::builder().tls_backend_preconfigured(config).no_proxy().build()?;
    let asked = crowd.names().into_iter().map(|name| token(&client, zone, crowd, name));
    stream::iter(asked).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
}

async fn token(client: &Client, zone: &Zone, crowd: &Crowd, name: Name) -> anyhow::Result<()> {
    let asked = json!({ "for": "node", "name": name, "ttl_s": 600 });
    loop {
        let answer = client.post(format!("{}/v1/tokens", zone.api)).json(&asked).send().await?;
        let status = answer.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let answer: Value = answer.json().await?;
        ensure!(status.is_success(), "the zone gives no token: {status} {answer}");
        let secret = answer["secret"].as_str().context("a token without its secret")?;
        return Ok(files::write_secret(&crowd.token_file(&name), secret)?);
    }
}
