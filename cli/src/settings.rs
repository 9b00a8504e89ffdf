//! What holds for this call: options first, then variables, then the context in use, then defaults.
//!
//! A context's identity belongs to its own zone: where `--api` or `ROLLCALL_API` names the zone, it is not shown there.
//! Nor is a token out of the environment shown to a context's zone, which is not said to be the one it is for.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rollcall_startup::Failure;
use serde::Deserialize;

use crate::arguments::Global;
use crate::contexts::{Context, Contexts};

/// Where a zone's API is unless somebody says otherwise.
const API: &str = "127.0.0.1:7655";

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Aligned, as wide as the terminal
    #[default]
    Table,
    /// Aligned, with every column
    Wide,
    /// One JSON document, with full ids and times; what follows is a line each
    Json,
    /// The same as YAML
    Yaml,
    /// Rows as CSV (RFC 4180)
    Csv,
}

impl Format {
    /// Its name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Wide => "wide",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Csv => "csv",
        }
    }

    /// Whether programs read it: nothing is said beside it.
    #[must_use]
    pub const fn is_for_programs(self) -> bool {
        matches!(self, Self::Json | Self::Yaml | Self::Csv)
    }
}

/// What holds for this call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where the zone's API is.
    pub api: String,
    /// Who asks: a directory.
    pub identity: Option<PathBuf>,
    /// Who asks: a user's token.
    pub token: Option<String>,
    /// The site's certificates.
    pub site: Option<PathBuf>,
    /// How to answer.
    pub format: Format,
    /// Whether the command line itself says how.
    pub is_format_told: bool,
    /// No colours.
    pub no_color: bool,
    /// The context that lent something.
    pub context: Option<String>,
}

impl Settings {
    /// Of what was given and of the contexts in the user's configuration, which is read where it is needed.
    ///
    /// # Errors
    /// Exit code 2 where the configuration cannot be used, or has no context of the name.
    pub fn of(global: &Global) -> Result<Self, Failure> {
        let mut contexts = Contexts::read()?;
        let named = global.context.clone().or_else(|| contexts.current.clone());
        let context = named.map(|name| contexts.take(&name).map(|context| (name, context))).transpose()?;
        resolve(global, context, crate::contexts::token)
    }

    /// Of what was given alone, for what asks no zone.
    #[must_use]
    pub fn without_zone(global: &Global) -> Self {
        Self { format: format(global, None), no_color: global.no_color, ..Self::default() }
    }

    /// Whether to show how far something is: to people, on a terminal.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        !self.format.is_for_programs() && std::io::stderr().is_terminal()
    }
}

fn format(global: &Global, context: Option<&Context>) -> Format {
    let json = global.json.then_some(Format::Json);
    json.or(global.output).or(context.and_then(|context| context.output)).unwrap_or_default()
}

fn resolve(
    global: &Global,
    context: Option<(String, Context)>,
    token_of: impl Fn(&Path) -> Result<String, Failure>,
) -> Result<Settings, Failure> {
    let told = &global.by_option;
    if told.api && told.context {
        return Err(Failure::usage("--api and --context exclude each other: a context says where its zone is"));
    }
    let format = format(global, context.as_ref().map(|(_, context)| context));
    let mut settings =
        Settings { format, is_format_told: told.output, no_color: global.no_color, ..Settings::default() };
    // A context that is named counts as much as an option: a variable about another zone is passed over.
    let counts = |by_option: bool| by_option || !told.context;
    settings.identity = global.identity.clone().filter(|_| counts(told.identity));
    settings.site = global.site.clone().filter(|_| counts(told.site));
    // An identity is shown rather than a token.
    settings.token = global.token.clone().filter(|_| counts(false) && settings.identity.is_none());
    match (global.api.clone().filter(|_| counts(told.api)), context) {
        (Some(api), _) => settings.api = api,
        (None, None) => API.clone_into(&mut settings.api),
        (None, Some((name, _))) if settings.token.is_some() => return Err(stray_token(&name)),
        (None, Some((name, context))) => {
            settings.api = context.api;
            settings.context = Some(name);
            if settings.identity.is_none() {
                settings.identity = context.identity;
                settings.token = context.token_file.as_deref().map(token_of).transpose()?;
            }
            settings.site = settings.site.or(context.site);
        }
    }
    Ok(settings)
}

fn stray_token(context: &str) -> Failure {
    Failure::usage(format!(
        "ROLLCALL_TOKEN is set, but not ROLLCALL_API: whether the token is meant for the zone of context {context:?} is not \
         known, and it is not shown there"
    ))
    .hint(format!(
        "set ROLLCALL_API and ROLLCALL_SITE of the token's zone; --context {context} asks as the context says, without \
         this token"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::ByOption;

    fn context() -> Option<(String, Context)> {
        let context = Context {
            api: "https://east:1".into(),
            identity: Some("east".into()),
            output: Some(Format::Wide),
            ..Context::default()
        };
        Some(("east".to_owned(), context))
    }

    fn resolved(global: &Global, context: Option<(String, Context)>) -> Settings {
        resolve(global, context, |_| Ok("token".into())).unwrap()
    }

    #[test]
    fn without_anything_the_defaults_hold() {
        let settings = resolved(&Global::default(), None);
        assert_eq!((settings.api.as_str(), settings.format, settings.identity), (API, Format::Table, None));
    }

    #[test]
    fn a_context_gives_what_nobody_else_says() {
        let settings = resolved(&Global::default(), context());
        let identity = settings.identity.as_deref().and_then(Path::to_str);
        assert_eq!((settings.api.as_str(), identity, settings.format), ("https://east:1", Some("east"), Format::Wide));
        assert_eq!(settings.context.as_deref(), Some("east"));
        let global = Global { identity: Some("mine".into()), output: Some(Format::Csv), ..Global::default() };
        let settings = resolved(&global, context());
        assert_eq!((settings.identity, settings.format), (Some("mine".into()), Format::Csv));
    }

    #[test]
    fn a_contexts_identity_is_shown_to_its_own_zone_only() {
        let settings = resolved(&Global { api: Some("http://x".into()), ..Global::default() }, context());
        assert_eq!((settings.api.as_str(), settings.identity, settings.context), ("http://x", None, None));
        assert_eq!(settings.format, Format::Wide, "how to answer has nothing to do with where");
    }

    #[test]
    fn a_token_out_of_the_environment_is_not_shown_to_a_contexts_zone() {
        let token = Global { token: Some("t".into()), ..Global::default() };
        let site = Global { site: Some("site.pem".into()), ..token.clone() };
        let variable = Global { context: Some("east".into()), ..site.clone() };
        for global in [&token, &site, &variable] {
            let refused = resolve(global, context(), |_| Ok("token".into())).unwrap_err();
            assert_eq!(refused.exit().code(), 2);
            assert!(refused.to_string().contains("not ROLLCALL_API") && refused.to_string().contains("--context east"));
        }
        let settings = resolved(&Global { api: Some("https://x".into()), ..site.clone() }, context());
        assert_eq!((settings.api.as_str(), settings.token.as_deref()), ("https://x", Some("t")));
        assert_eq!(resolved(&token, None).token.as_deref(), Some("t"), "without a context nothing is taken from one");
        let settings = resolved(&Global { identity: Some("mine".into()), ..token }, context());
        assert_eq!((settings.token, settings.identity), (None, Some("mine".into())), "an identity goes first");
        let by_option = ByOption { context: true, ..ByOption::default() };
        let settings = resolved(&Global { by_option, ..variable }, context());
        assert_eq!((settings.token, settings.identity, settings.site), (None, Some("east".into()), None));
    }

    #[test]
    fn a_context_named_on_the_command_line_wins_over_variables_and_not_over_options() {
        let by_option = ByOption { context: true, ..ByOption::default() };
        let variables = Global {
            api: Some("http://x".into()),
            identity: Some("other".into()),
            token: Some("t".into()),
            context: Some("east".into()),
            by_option,
            ..Global::default()
        };
        let settings = resolved(&variables, context());
        assert_eq!((settings.api.as_str(), settings.token), ("https://east:1", None));
        assert_eq!(settings.identity, Some("east".into()));
        let both = Global { by_option: ByOption { api: true, ..by_option }, ..variables };
        assert_eq!(resolve(&both, context(), |_| Ok(String::new())).unwrap_err().exit().code(), 2);
    }
}
