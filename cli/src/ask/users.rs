//! `rollcall user`: who may what.

use std::path::Path;

use rollcall_identity::files::{self, FileError};
use rollcall_identity::{Key, make_csr};
use rollcall_startup::Failure;
use serde_json::{Value, json};

use super::Asker;
use super::answer::is_true;
use super::answer::trust::User;
use super::grid::{Column, Grid, Text};
use super::look::{Look, clean};
use super::when::age;
use crate::arguments::{NewUser, UserCommand};

/// Users of the API.
///
/// # Errors
/// As the zone answers; exit code 2 where the directory cannot be used.
pub async fn run(asker: &Asker<'_>, command: UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::List(listing) => asker.list("users", &[], &listing, list).await,
        UserCommand::Add(NewUser { name, role, certificate: None }) => {
            let answer = asker.client.set_user(&json!({ "name": name, "role": role })).await?;
            let secret = clean(answer.document["secret"].as_str().unwrap_or_default());
            asker.note(&format!("{} is {role} by this token; it is not shown again", clean(&name)));
            asker.conclude(&answer.document, &format!("{secret}\n"))
        }
        UserCommand::Add(NewUser { name, role, certificate: Some(directory) }) => {
            with_certificate(asker, &name, &role, &directory).await
        }
        UserCommand::Remove { name } => {
            let answer = asker.client.remove_user(&name).await?;
            asker.conclude(&answer.document, &format!("{} may nothing any more\n", clean(&name)))
        }
    }
}

async fn with_certificate(asker: &Asker<'_>, name: &str, role: &str, directory: &Path) -> Result<(), Failure> {
    let wrong = |error: FileError| Failure::usage(&error);
    files::make_directory(directory).map_err(wrong)?;
    files::refuse_existing(directory, &["key.pem", "cert.pem", "site.pem"]).map_err(wrong)?;
    // The key never leaves this machine.
    let key = Key::generate().map_err(|error| Failure::other(&error))?;
    let csr = make_csr(&key).map_err(|error| Failure::other(&error))?;
    let answer = asker.client.set_user(&json!({ "name": name, "role": role, "csr": csr })).await?;
    let text = |what: &str| answer.document[what].as_str().unwrap_or_default().to_owned();
    key.save(&directory.join("key.pem")).map_err(wrong)?;
    files::write_public(&directory.join("site.pem"), &text("bundle")).map_err(wrong)?;
    files::write_public(&directory.join("cert.pem"), &text("certificate")).map_err(wrong)?;
    let said = format!("{} is {role}: `rollcall --identity {} whoami`\n", clean(name), directory.display());
    let document: Value = json!({ "name": name, "role": role, "directory": directory });
    asker.conclude(&document, &said)
}

/// Users as a table.
#[must_use]
pub fn list(users: &[User], look: &Look) -> String {
    let mut grid = Grid::new(vec![
        Column::text("NAME"),
        Column::fixed("ROLE"),
        Column::fixed("TOKEN"),
        Column::fixed("SINCE"),
        Column::text("MADE BY"),
    ]);
    for user in users {
        grid.row([
            Text::plain(&user.name),
            Text::plain(&user.role),
            Text::plain(if is_true(&user.has_token) { "yes" } else { "-" }),
            Text::or_dash(user.created_at.as_ref().map(|at| age(at, look.now))),
            Text::plain(&user.created_by),
        ]);
    }
    grid.render(look)
}
