//! `meshbook describe`.

use meshbook_runtime::engine::describe::{self as engine, Need};
use meshbook_runtime::engine::params::ParamKind;
use meshbook_runtime::engine::{ParamDeclaration, Script};

use crate::Session;
use crate::arguments::{Describe, Format};
use crate::terminal::{escape, grid, look::Look};
use crate::trouble::Trouble;
use crate::{document, runbook};

/// Says what a runbook takes, does and needs.
pub fn describe(arguments: &Describe, session: &Session) -> Result<u8, Trouble> {
    let file = runbook::find(&arguments.file)?;
    let script = Script::load(&file, None, &session.library)?;
    let description = engine::describe(&script, &session.library);
    if session.format == Format::Table {
        document::lines(lines(&script, &description, session.screen.look()));
    } else {
        document::write(session.format, &description.json(&script));
    }
    Ok(0)
}

fn lines(script: &Script, description: &engine::Description, look: Look) -> Vec<String> {
    let mut lines = vec![look.bold(escape::line(&script.path))];
    lines.extend(escape::lines(&script.doc).map(|line| format!("  {line}").trim_end().to_owned()));
    let mut section = |title: &str, body: Vec<String>| {
        if !body.is_empty() {
            lines.push(String::new());
            lines.push(look.bold(title));
            lines.extend(body.into_iter().map(|line| format!("  {line}").trim_end().to_owned()));
        }
    };
    let parameters: Vec<_> = script
        .params
        .iter()
        .map(|param| {
            let default = param.default.as_ref().map_or_else(|| "required".into(), |default| format!("= {default}"));
            vec![param.name.clone(), type_name(param), default, param.help.clone()]
        })
        .collect();
    section("Parameters", grid::lines(&["NAME", "TYPE", "DEFAULT", "WHAT IT IS"], &parameters, look, 2));
    section(
        "Steps",
        description
            .steps
            .iter()
            .enumerate()
            .map(|(index, title)| format!("{}  {}", index + 1, escape::joined(title)))
            .collect(),
    );
    let effects = description.effects.iter().map(|(class, names)| {
        let names: Vec<_> = names.iter().copied().collect();
        vec![class.to_string(), names.join(", ")]
    });
    section("Effects", grid::lines(&["CLASS", "BY"], &effects.collect::<Vec<_>>(), look, 2));
    section(
        "Cannot be taken back",
        description.irreversible.iter().map(|(name, why)| format!("{name}: {why}")).collect(),
    );
    section("Permissions", grid::lines(&["VERB", "RESOURCE", "GROUP"], &permissions(description), look, 2));
    let approve = description.approve_line();
    let mut unattended = vec![match approve.is_empty() {
        true => "changes nothing: no approval is needed".to_owned(),
        false => look.name(&approve),
    }];
    if approve.contains("/NAME") {
        unattended.push("what cannot be taken back is approved by its NAME, one object at a time".into());
    }
    if approve.contains("KIND") {
        unattended.push("KIND is known only when it runs: `meshbook plan` says which".into());
    }
    unattended.extend(description.asks.iter().map(|name| {
        format!(
            "it ends at `{name}`, which asks a person: where there is something to do by hand, run it at a terminal"
        )
    }));
    section("To run it unattended", unattended);
    lines
}

/// The type of a parameter as scripts write it.
fn type_name(param: &ParamDeclaration) -> String {
    let kind = ParamKind::ALL.into_iter().find(|(_, kind)| *kind == param.kind).map_or("", |(name, _)| name);
    if param.list { format!("[{kind}]") } else { kind.to_owned() }
}

/// One row for each resource, with all its verbs.
fn permissions(description: &engine::Description) -> Vec<Vec<String>> {
    let mut rows: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for Need { group, resource, verb } in &description.permissions {
        match rows.last_mut() {
            Some((last_group, last_resource, verbs)) if last_group == group && last_resource == resource => {
                verbs.push(verb)
            }
            _ => rows.push((group, resource, vec![verb])),
        }
    }
    rows.into_iter()
        .map(|(group, resource, verbs)| {
            vec![verbs.join(","), resource.to_owned(), if group.is_empty() { "core".into() } else { group.to_owned() }]
        })
        .collect()
}
