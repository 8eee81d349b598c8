//! `name?` and `name??`: what something is, and what it does to the cluster.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::script::last_part;
use meshbook_runtime::failure::{Failure, UNKNOWN_NAME};
use meshbook_runtime::primitive::{Inverse, Library, Primitive};

use crate::command::COMMANDS;
use crate::front::{Front, Ink};
use crate::session::{Session, did_you_mean};
use crate::words::WORDS;

/// So many lines of a text that may be long.
const SHORT: usize = 3;

/// Whether something that stands before a question mark can be asked about.
pub(crate) fn is_name(text: &str) -> bool {
    let text = text.strip_suffix('?').unwrap_or(text).trim_end();
    text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '.'))
}

/// Answers what was asked: nothing is general help, a name is that name.
pub(crate) fn answer(session: &mut Session, asked: &str) -> Result<(), Failure> {
    let (name, closely) = asked.strip_suffix('?').map_or((asked, false), |name| (name, true));
    about(session, name.trim(), closely)
}

/// What is known about a name.
pub(crate) fn about(session: &Session, name: &str, closely: bool) -> Result<(), Failure> {
    let front = session.front();
    if name.is_empty() {
        greet(front);
        return Ok(());
    }
    if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
        front.print(&front.paint(Ink::Bold, &command.usage()));
        command.help.lines().for_each(|line| front.print(&format!("  {line}")));
        return Ok(());
    }
    if let Some((_, written, does)) = WORDS.iter().find(|(word, ..)| *word == name) {
        front.print(&front.paint(Ink::Bold, written));
        front.print(&format!("  {does}"));
        return Ok(());
    }
    let library = session.library();
    let found = named(library, name);
    if !found.is_empty() {
        // The function of that very name is told in full, methods that share it in a line.
        let exact = found.iter().any(|primitive| primitive.receiver.is_none());
        for primitive in &found {
            let full = found.len() == 1 || (exact && primitive.receiver.is_none());
            describe(front, primitive, closely && (full || !exact), full);
        }
        return Ok(());
    }
    if let Some(noun) = library.nouns.iter().find(|noun| noun.name == name) {
        front.print(&front.paint(Ink::Bold, noun.name));
        front.print(&format!("  {}", noun.doc));
        methods(front, library, noun.name);
        return Ok(());
    }
    let space: Vec<_> = library.primitives.iter().filter(|p| p.name.starts_with(&format!("{name}::"))).collect();
    if !space.is_empty() {
        for primitive in space {
            front.print(&format!("  {}  {}", front.paint(Ink::Name, &primitive.signature()), primitive.summary));
        }
        return Ok(());
    }
    let variables = session.prompt.variables();
    if let Some((_, of)) = variables.iter().find(|(variable, _)| variable == name) {
        front.print(&format!("{} is a {of}", front.paint(Ink::Bold, name)));
        methods(front, library, of);
        return Ok(());
    }
    let names = library.primitives.iter().flat_map(|p| [p.name, last_part(p.name)]);
    let names = names.chain(variables.iter().map(|(name, _)| name.as_str())).chain(COMMANDS.iter().map(|c| c.name));
    let near = did_you_mean(name, names).map(|near| format!("{near} ")).unwrap_or_default();
    Err(Failure::new(&UNKNOWN_NAME, format!("nothing is called `{name}`"))
        .hint(format!("{near}:search {name} looks in every description")))
}

fn greet(front: &dyn Front) {
    let name = |text: &str| front.paint(Ink::Name, text);
    front.print(&format!(
        "Type what a runbook says: {} shows a thing, {} what can be done with it.",
        name("host(\"NAME\")"),
        name("host?")
    ));
    front.print(&format!(
        "Look for {}, list commands by {}. Each change is shown and asked for; {} takes it back.",
        name(":search certificate expiry"),
        name(":help"),
        name(":undo")
    ));
    front.print(&format!("{} tells what was done, {} makes a runbook of it.", name(":timeline"), name(":save FILE")));
}

/// The primitives of a name: `refusals`, `Host.refusals`, `k8s::patch`, `patch`.
fn named(library: &Library, name: &str) -> Vec<&'static Primitive> {
    let all = library.primitives.iter().copied();
    match name.split_once('.') {
        Some((receiver, method)) => all.filter(|p| p.receiver == Some(receiver) && p.name == method).collect(),
        None => all.filter(|p| p.name == name || last_part(p.name) == name).collect(),
    }
}

fn describe(front: &dyn Front, primitive: &Primitive, closely: bool, alone: bool) {
    front.print(&front.paint(Ink::Bold, &primitive.signature()));
    front.print(&format!("  {}", primitive.summary));
    if !alone && !closely {
        return;
    }
    if closely {
        primitive.doc.lines().filter(|line| !line.is_empty()).for_each(|line| front.print(&format!("  {line}")));
    }
    for param in primitive.params {
        let default = param.default.map(|default| format!(", default {default}")).unwrap_or_default();
        front.print(&format!("  {}: {}, {}{default}", front.paint(Ink::Name, param.name), param.ty.name(), param.doc));
    }
    if closely {
        effect(front, primitive);
    }
    if let Some(example) = primitive.examples.first() {
        front.print(&front.paint(Ink::Dim, "  for example"));
        let lines: Vec<_> = example.script.lines().collect();
        let shown = if closely { lines.len() } else { SHORT };
        lines.iter().take(shown).for_each(|line| front.print(&format!("    {line}")));
    }
    if !closely {
        front.print(&front.paint(Ink::Dim, &format!("  {}?? tells what it does to the cluster", primitive.name)));
    }
}

/// What a primitive does to the cluster, how it is taken back, and what the API server must allow.
fn effect(front: &dyn Front, primitive: &Primitive) {
    let does = match primitive.class {
        None => "nothing: it works on what is at hand".to_owned(),
        Some(class) => class.to_string(),
    };
    front.print(&format!("  effect: {does}"));
    match &primitive.inverse {
        Some(Inverse::PreImage) => front
            .print("  taken back: its fields are set as they were, but for those that somebody else has changed since"),
        Some(Inverse::Deletion) => {
            front.print("  taken back: what it creates is deleted, unless somebody else has changed it since")
        }
        Some(Inverse::WithinCall) => front.print("  taken back: what it creates is deleted before it answers"),
        Some(Inverse::Irreversible(why)) => {
            front.print(&format!("  {} {why}", front.paint(Ink::Bad, "cannot be taken back:")));
        }
        None if primitive.class >= Some(Class::Change) => front.print("  cannot be taken back"),
        None => {}
    }
    for permission in primitive.permissions {
        let group = if permission.group.is_empty() { "core" } else { permission.group };
        front.print(&format!("  needs: {} {} ({group})", permission.verb, permission.resource));
    }
    for code in primitive.errors {
        front.print(&format!("  may fail with: {}", code.name));
    }
}

fn methods(front: &dyn Front, library: &Library, noun: &str) {
    for method in library.primitives.iter().filter(|p| p.receiver == Some(noun)) {
        front.print(&format!("  {}  {}", front.paint(Ink::Name, &method.signature()), method.summary));
    }
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_question_is_about_a_name() {
        for name in ["", "host", "host?", "Host.refusals", "k8s::patch", ":watch", "_1"] {
            assert!(is_name(name), "{name}");
        }
        assert!(!is_name("host(\"a\")") && !is_name("a + b"));
    }
}
