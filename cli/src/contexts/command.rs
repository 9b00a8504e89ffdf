//! `rollcall context`.

use std::path::{Path, PathBuf};

use rollcall_startup::Failure;
use serde_json::{Value, json};
use toml_edit::{Item, Table, value};

use super::file::{self, Found};
use super::{Context, Contexts};
use crate::arguments::{ContextCommand, Global, NewContext};
use crate::ask::client::Client;
use crate::ask::client::credential::Credential;
use crate::ask::grid::{Column, Grid, Text};
use crate::ask::look::{Tone, clean};
use crate::ask::{format, output};
use crate::settings::Settings;

/// Carries out a command on contexts.
///
/// # Errors
/// Exit code 2 where the configuration or what is to be kept cannot be used, 1 where it cannot be written.
pub fn run(command: &ContextCommand, global: &Global) -> Result<(), Failure> {
    let path = file::path().ok_or_else(|| {
        Failure::usage("there is no place for a configuration: neither XDG_CONFIG_HOME nor HOME is set")
    })?;
    let found = file::read(&path)?;
    match command {
        ContextCommand::List => list(&found.contexts, global),
        ContextCommand::Show { name } => show(name.as_deref(), found.contexts, &path, global),
        ContextCommand::Use { name } => {
            used(found, name, &path)?;
            say(&format!("{} is in use\n", clean(name)))
        }
        ContextCommand::Remove { name } => remove(found, name, &path),
        ContextCommand::Add(new) => add(found, new, &path, global),
    }
}

fn say(text: &str) -> Result<(), Failure> {
    output::print(text).map(drop)
}

fn list(contexts: &Contexts, global: &Global) -> Result<(), Failure> {
    let settings = Settings::without_zone(global);
    let rows: Vec<Value> =
        contexts.contexts.iter().map(|(name, it)| row(name, it, contexts.current.as_deref())).collect();
    if let Some(text) = format::written(settings.format, &Value::Array(rows), &[]) {
        return say(&text);
    }
    if contexts.contexts.is_empty() {
        return say("no contexts: `rollcall context add NAME --api URL --identity DIR` adds one\n");
    }
    let mut grid = Grid::new(vec![
        Column::fixed("CONTEXT"),
        Column::text("API"),
        Column::text("WHO ASKS"),
        Column::text("SITE").only_wide(),
        Column::fixed("OUTPUT").only_wide(),
    ]);
    for (name, it) in &contexts.contexts {
        let in_use = contexts.current.as_deref() == Some(name);
        grid.row([
            if in_use { Text::toned(format!("* {name}"), Tone::Good) } else { Text::plain(format!("  {name}")) },
            Text::plain(&it.api),
            Text::or_dash(it.identity.as_ref().or(it.token_file.as_ref()).map(|path| path.display().to_string())),
            Text::or_dash(it.site.as_ref().map(|path| path.display().to_string())),
            Text::or_dash(it.output.map(|format| format.as_str())),
        ]);
    }
    say(&grid.render(&output::look(&settings, None)))
}

fn row(name: &str, it: &Context, current: Option<&str>) -> Value {
    json!({
        "name": name, "current": current == Some(name), "api": it.api, "identity": it.identity,
        "token_file": it.token_file, "site": it.site, "output": it.output.map(|format| format.as_str()),
    })
}

fn show(name: Option<&str>, mut contexts: Contexts, path: &Path, global: &Global) -> Result<(), Failure> {
    let current = contexts.current.clone();
    let asked = name.map(str::to_owned).or_else(|| global.context.clone()).or_else(|| current.clone());
    let Some(asked) = asked else {
        return say(&format!("no context is in use; {} has {}\n", path.display(), contexts.contexts.len()));
    };
    let it = contexts.take(&asked)?;
    let settings = Settings::without_zone(global);
    let document = row(&asked, &it, current.as_deref());
    if let Some(text) = format::written(settings.format, &document, &[]) {
        return say(&text);
    }
    let path_of =
        |path: &Option<PathBuf>| path.as_ref().map_or_else(|| "-".into(), |path| clean(&path.display().to_string()));
    let mut text = format!(
        "context     {}{}\napi         {}\n",
        clean(&asked),
        if current.as_deref() == Some(&asked) { ", in use" } else { "" },
        clean(&it.api)
    );
    text.push_str(&format!("identity    {}\n", path_of(&it.identity)));
    text.push_str(&format!("token file  {}\nsite        {}\n", path_of(&it.token_file), path_of(&it.site)));
    text.push_str(&format!("output      {}\nin          {}\n", it.output.unwrap_or_default().as_str(), path.display()));
    let beats: Vec<&str> = [
        ("ROLLCALL_API", global.api.is_some()),
        ("ROLLCALL_IDENTITY", global.identity.is_some()),
        ("ROLLCALL_TOKEN", global.token.is_some()),
    ]
    .iter()
    .filter(|(_, set)| *set)
    .map(|(name, _)| *name)
    .collect();
    if !beats.is_empty() {
        text.push_str(&format!("note        set, and counting more: {}\n", beats.join(", ")));
    }
    say(&text)
}

fn used(mut found: Found, name: &str, path: &Path) -> Result<(), Failure> {
    found.contexts.take(name)?;
    found.document["current"] = value(name);
    file::write(path, &found.document)
}

fn remove(mut found: Found, name: &str, path: &Path) -> Result<(), Failure> {
    found.contexts.take(name)?;
    if let Some(contexts) = found.document.get_mut("contexts").and_then(Item::as_table_like_mut) {
        contexts.remove(name);
    }
    if found.contexts.current.as_deref() == Some(name) {
        found.document.remove("current");
    }
    file::write(path, &found.document)?;
    say(&format!("{} is forgotten; its files stay\n", clean(name)))
}

fn add(mut found: Found, new: &NewContext, path: &Path, global: &Global) -> Result<(), Failure> {
    let context = wanted(new, global)?;
    let name = &new.name;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !is_name {
        return Err(Failure::usage(format!("{name:?} is no name for a context: letters, digits, - _ . are")));
    }
    let known = found.contexts.contexts.insert(name.clone(), context.clone()).is_some();
    if let Some(problem) = found.contexts.problem() {
        return Err(Failure::usage(problem));
    }
    let contexts = found.document.entry("contexts").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let Some(contexts) = contexts.as_table_like_mut() else {
        return Err(Failure::usage(format!("{}: contexts is no table", path.display())));
    };
    contexts.insert(name, Item::Table(table(&context)));
    let in_use = new.in_use || found.contexts.contexts.len() == 1;
    if in_use {
        found.document["current"] = value(name.as_str());
    }
    file::write(path, &found.document)?;
    let done = if known { "is changed" } else { "is added" };
    say(&format!("{} {done}{}\n", clean(name), if in_use { ", and in use" } else { "" }))
}

/// What is to be kept, tried as far as that needs no zone.
fn wanted(new: &NewContext, global: &Global) -> Result<Context, Failure> {
    let api = global.api.clone().ok_or_else(|| {
        Failure::usage("where is the zone's API?")
            .hint("--api URL, or ROLLCALL_API, says so, e.g. https://10.0.0.5:7655")
    })?;
    if new.token_file.is_some() && global.identity.is_some() {
        return Err(Failure::usage("--identity and --token-file exclude each other"));
    }
    if global.token.is_some() && global.identity.is_none() && new.token_file.is_none() {
        return Err(Failure::usage("a token is not kept in a configuration")
            .hint("write it into a file of mode 600, and give that as --token-file"));
    }
    let context = Context {
        api,
        identity: global.identity.as_deref().map(absolute).transpose()?,
        token_file: new.token_file.as_deref().map(absolute).transpose()?,
        site: global.site.as_deref().map(absolute).transpose()?,
        output: global.output,
    };
    let token = context.token_file.as_deref().map(super::token).transpose()?;
    Client::new(&context.api, &Credential::of(context.identity.clone(), token, context.site.clone())?)?;
    Ok(context)
}

/// It is used from everywhere.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn table(context: &Context) -> Table {
    let mut table = Table::new();
    let mut put = |key: &str, text: Option<String>| {
        if let Some(text) = text {
            table.insert(key, value(text));
        }
    };
    let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    put("api", Some(context.api.clone()));
    put("identity", text(&context.identity));
    put("token_file", text(&context.token_file));
    put("site", text(&context.site));
    put("output", context.output.map(|format| format.as_str().to_owned()));
    table
}
