//! `rollcall ca`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use rollcall_model::Name;

const INIT_EXAMPLES: &str = "\
The site directory holds the keys of everything: once its zones are made it
belongs on a medium in a safe. Its site.pem is public, and is what every
machine of the site is given.

Examples:
  rollcall ca init --name lab --dir /root/site --zone east --zone-dir /etc/rollcall/zone
  rollcall ca init --dir /media/safe/site";

const ZONE_EXAMPLES: &str = "\
Examples:
  rollcall ca zone east --dir /media/safe/site --zone-dir /etc/rollcall/zone
  rollcall ca zone east --dir /media/safe/site --zone-dir /etc/rollcall/zone --renew";

const ROTATE_EXAMPLES: &str = "\
Three steps with a day between them, so that nobody is locked out: every
machine gets the newest bundle with its daily certificate.

Examples:
  rollcall ca rotate --zone-dir /etc/rollcall/zone            a new root is pinned beside the old one
  rollcall ca rotate --zone-dir /etc/rollcall/zone --switch   a day later: it signs
  rollcall ca rotate --zone-dir /etc/rollcall/zone --finish   a day later: the old one is dropped";

const BROKER_EXAMPLES: &str = "\
Writes cert.pem, key.pem and roots.pem, as RabbitMQ's ssl_options want them.

Examples:
  rollcall ca broker --zone-dir /etc/rollcall/zone --name mq.example --ip 10.0.0.5 --out /etc/rabbitmq/tls";

/// What can be done with the site's root and its zones' authorities. Works on files, asks no zone.
#[derive(Clone, Debug, Subcommand)]
pub enum CaCommand {
    /// Make a site: its root, and what everybody pins
    #[command(after_help = INIT_EXAMPLES)]
    Init {
        /// Name of the site
        #[arg(long, default_value = "site")]
        name: Name,
        /// Where
        #[command(flatten)]
        site: SiteDir,
        /// Make a zone of this name at once
        #[arg(long, value_name = "NAME", requires = "zone_dir")]
        zone: Option<Name>,
        /// Where the zone's directory is to be
        #[arg(long, value_name = "DIR", requires = "zone")]
        zone_dir: Option<PathBuf>,
    },
    /// Make a zone's directory: authorities for nodes, services and users, and what signs its hellos
    #[command(after_help = ZONE_EXAMPLES)]
    Zone {
        /// Name of the zone
        name: Name,
        /// Where the site is
        #[command(flatten)]
        site: SiteDir,
        /// Where the zone's directory is, or is to be
        #[arg(long, value_name = "DIR")]
        zone_dir: PathBuf,
        /// Sign again what is there, with the keys it has: before it ends, or with a new root
        #[arg(long)]
        renew: bool,
    },
    /// What there is, until when it counts, and what is to be done
    Status {
        /// Where the site is; a copy of site.pem alone is enough
        #[command(flatten)]
        site: SiteDir,
        /// Zones to look at
        #[arg(long, value_name = "DIR")]
        zone_dir: Vec<PathBuf>,
    },
    /// Exchange the root, step by step
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate {
        /// Where the site is
        #[command(flatten)]
        site: SiteDir,
        /// The zones of the site, all of them
        #[arg(long, value_name = "DIR")]
        zone_dir: Vec<PathBuf>,
        /// Second step: from now on the new root signs
        #[arg(long, conflicts_with = "finish")]
        switch: bool,
        /// Last step: the old root is no longer pinned, and its keys are deleted
        #[arg(long)]
        finish: bool,
        /// Do not wait for the day between two steps: machines that have not renewed since are locked out
        #[arg(long)]
        force: bool,
    },
    /// Make the broker's certificate
    #[command(after_help = BROKER_EXAMPLES)]
    Broker(BrokerCertificate),
}

/// Where a site is.
#[derive(Clone, Debug, Args)]
pub struct SiteDir {
    /// The site's directory
    #[arg(long, value_name = "DIR", env = "ROLLCALL_SITE_DIR", hide_env_values = true, default_value = "site")]
    pub dir: PathBuf,
}

/// A server certificate for RabbitMQ.
#[derive(Clone, Debug, Args)]
pub struct BrokerCertificate {
    /// The zone that signs it
    #[arg(long, value_name = "DIR")]
    pub zone_dir: PathBuf,
    /// Names the broker is reached by
    #[arg(long = "name", value_name = "DNS NAME", required_unless_present = "ip")]
    pub names: Vec<String>,
    /// Addresses the broker is reached by
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Vec<IpAddr>,
    /// Where certificate and key are to be written
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How many days it counts
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=730))]
    pub days: u16,
    /// Replace a certificate that is there, with a new key
    #[arg(long)]
    pub replace: bool,
}
