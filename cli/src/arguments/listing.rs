//! What every list can be asked for.

use clap::Args;

/// Which columns of a list, in which order, and how much of it.
#[derive(Clone, Debug, Default, Args)]
pub struct Listing {
    /// Only these columns of the view, in this order, e.g. name,state,since
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub fields: Vec<String>,
    /// By these columns of the view, e.g. state,-since; - turns one around
    #[arg(long, value_name = "COLUMNS", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// At most so many rows; without it all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: Option<u32>,
}
