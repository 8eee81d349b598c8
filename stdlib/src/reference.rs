//! What is generated of the descriptors: `docs/reference.md` and `meshbook.d.rhai`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use meshbook_runtime::primitive::{Example, Expect, Inverse, Library, Param, Primitive};

/// The head of the reference of runbooks.
pub const HEAD: &str = "# Reference\n\nGenerated from the descriptors by `MESHBOOK_UPDATE=1 cargo test -p meshbook-stdlib reference`. Every example is run on the lab by the tests.\n";

/// The reference of a library, as Markdown below its head.
pub fn markdown(library: &Library, head: &str) -> String {
    let mut out = head.to_owned();
    section(
        &mut out,
        "Functions",
        None,
        library.primitives.iter().filter(|p| p.receiver.is_none() && !p.name.contains("::")),
    );
    let mut spaces = BTreeMap::<&str, Vec<&&Primitive>>::new();
    for primitive in library.primitives {
        if let Some((space, _)) = primitive.name.split_once("::") {
            spaces.entry(space).or_default().push(primitive);
        }
    }
    for (space, primitives) in spaces {
        section(&mut out, &format!("{space}::"), None, primitives.into_iter());
    }
    for noun in library.nouns {
        section(
            &mut out,
            noun.name,
            Some(noun.doc),
            library.primitives.iter().filter(|p| p.receiver == Some(noun.name)),
        );
    }
    out.push_str("\n## Failures\n\n| code | exit | a script may catch it | what it means |\n|---|---|---|---|\n");
    for code in library.codes {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            code.name,
            code.exit.code(),
            if code.catchable { "yes" } else { "no" },
            code.explain
        );
    }
    out
}

fn section<'a>(
    out: &mut String,
    title: &str,
    doc: Option<&str>,
    primitives: impl Iterator<Item = &'a &'static Primitive>,
) {
    let _ = write!(out, "\n## {title}\n");
    if let Some(doc) = doc {
        let _ = write!(out, "\n{doc}\n");
    }
    for primitive in primitives {
        entry(out, primitive);
    }
}

fn entry(out: &mut String, primitive: &Primitive) {
    let _ = write!(out, "\n### `{}`\n\n{}", primitive.signature(), primitive.summary);
    if !primitive.doc.is_empty() {
        let _ = write!(out, " {}", primitive.doc);
    }
    out.push('\n');
    if !primitive.params.is_empty() {
        out.push('\n');
        for param in primitive.params {
            let _ = writeln!(out, "- `{}`: {}", param.name, parameter(param));
        }
    }
    if let Some(class) = primitive.class {
        let inverse = match primitive.inverse {
            Some(Inverse::PreImage) => ", taken back from its pre-image".to_owned(),
            Some(Inverse::Deletion) => ", taken back by deleting what it created".to_owned(),
            Some(Inverse::WithinCall) => ", gone before it answers".to_owned(),
            Some(Inverse::Irreversible(why)) => format!(", cannot be taken back: {why}"),
            None => String::new(),
        };
        let _ = write!(out, "\nEffect: {class}{inverse}.");
        let permissions: Vec<_> = primitive
            .permissions
            .iter()
            .map(|p| format!("{} {}{}{}", p.verb, p.resource, if p.group.is_empty() { "" } else { "." }, p.group))
            .collect();
        let needs = if permissions.is_empty() { String::new() } else { format!(" Needs: {}.", permissions.join(", ")) };
        out.push_str(&needs);
        out.push('\n');
    }
    if !primitive.errors.is_empty() {
        let errors: Vec<_> = primitive.errors.iter().map(|code| format!("`{}`", code.name)).collect();
        let _ = writeln!(out, "\nFails with: {}.", errors.join(", "));
    }
    out.push_str("\n```rhai\n");
    for example in primitive.examples {
        let _ = writeln!(out, "{}   // {}", example.script, outcome(example));
    }
    out.push_str("```\n");
}

fn parameter(param: &Param) -> String {
    let default = param.default.filter(|default| *default != "()").map(|default| format!("; `{default}` if left out"));
    let optional = if param.default == Some("()") { "; may be left out" } else { "" };
    format!("{}, {}{}{optional}", param.ty.name(), param.doc, default.unwrap_or_default())
}

fn outcome(example: &Example) -> String {
    let world = format!("in the world `{}`", example.world);
    match &example.expect {
        Expect::Value("") => format!("an empty string {world}"),
        Expect::Value(value) => format!("{value} {world}"),
        Expect::Contains(text) => format!("… {text} … {world}"),
        Expect::Changes(changes) => format!("changes {} {world}", changes.join(", ")),
        Expect::Fails(code) => format!("fails with {code} {world}"),
        Expect::Ends(word) => format!("ends by {word} {world}"),
    }
}

/// The definition file for editors (Rhai's language server reads `.d.rhai`).
pub fn definitions(library: &Library) -> String {
    let mut out = String::from(
        "// Generated from the descriptors by `MESHBOOK_UPDATE=1 cargo test -p meshbook-stdlib reference`.\nmodule static;\n",
    );
    let (spaced, global): (Vec<_>, Vec<_>) = library.primitives.iter().copied().partition(|p| p.name.contains("::"));
    for primitive in global {
        definition(&mut out, primitive);
    }
    let mut spaces = BTreeMap::<&str, Vec<&Primitive>>::new();
    for primitive in spaced {
        if let Some((space, _)) = primitive.name.split_once("::") {
            spaces.entry(space).or_default().push(primitive);
        }
    }
    for (space, primitives) in spaces {
        let _ = write!(out, "\n// {space}::\n");
        for primitive in primitives {
            definition(&mut out, primitive);
        }
    }
    out
}

fn definition(out: &mut String, primitive: &Primitive) {
    let required = primitive.params.iter().filter(|param| param.default.is_none()).count();
    let name = primitive.name.replace("::", "_");
    for arity in required..=primitive.params.len() {
        let receiver = primitive.receiver.map(|noun| format!("this: {noun}"));
        let params = primitive.params[..arity].iter().map(|param| format!("{}: {}", param.name, param.ty.name()));
        let params: Vec<_> = receiver.into_iter().chain(params).collect();
        let _ =
            write!(out, "\n/// {}\nfn {name}({}) -> {};\n", primitive.summary, params.join(", "), primitive.returns);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::LIBRARY;

    /// Compares a generated file with what is checked in; `MESHBOOK_UPDATE=1` writes it instead.
    fn holds(path: &str, generated: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::env::var_os("MESHBOOK_UPDATE").is_some() {
            std::fs::write(&path, generated).expect("the generated file can be written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == generated,
            "{} is not what the descriptors say: run `MESHBOOK_UPDATE=1 cargo test -p meshbook-stdlib reference`",
            path.display()
        );
    }

    #[test]
    fn the_reference_is_what_the_descriptors_say() {
        holds("../docs/reference.md", &markdown(&LIBRARY, HEAD));
    }

    #[test]
    fn the_definitions_are_what_the_descriptors_say() {
        holds("meshbook.d.rhai", &definitions(&LIBRARY));
    }
}
