//! What a script does, told without running it: steps, primitives, classes, kinds that it may change, permissions.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Expr, Stmt};
use serde_json::{Value, json};

use super::script::Script;
use super::walk::{Called, called, each_call, word};
use crate::effect::Class;
use crate::primitive::{Library, Permission, Primitive};

/// A description of a script.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// Its steps, in the order of the text; a title that is computed is shown as it is written.
    pub steps: Vec<String>,
    /// The primitives that it and its modules call, by class; those without effects are left out.
    pub effects: BTreeMap<Class, BTreeSet<&'static str>>,
    /// Kinds of objects that it may change, in lower case, as `--approve` takes them.
    pub changes: BTreeSet<String>,
    /// What it may do that cannot be taken back, with the reason.
    pub irreversible: BTreeMap<&'static str, &'static str>,
    /// What the API server must allow.
    pub permissions: BTreeSet<Permission>,
}

/// Describes a script with its modules.
pub fn describe(script: &Script, library: &Library) -> Description {
    let mut description = Description { steps: steps(script), ..Description::default() };
    for ast in asts(script) {
        ast.walk(&mut |path| {
            if let Some(call) = path.last().and_then(called) {
                note_call(&mut description, &call, library);
            }
            true
        });
    }
    description
}

/// Describes a block of a script, with the functions that it calls.
pub fn block(statements: &[Stmt], script: &Script, library: &Library) -> Description {
    let mut description = Description::default();
    let mut open: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    let visit = |description: &mut Description, open: &mut Vec<String>, call: &Called<'_>| {
        note_call(description, call, library);
        open.push(call.call.name.to_string());
    };
    for statement in statements {
        each_call(statement, &mut |call| visit(&mut description, &mut open, call));
    }
    // By name only: a function of a module that shares its name with another counts as both.
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        for ast in asts(script).filter(|ast| ast.iter_functions().any(|f| f.name == name)) {
            let mut one = ast.clone_functions_only();
            one.retain_functions(|_, _, candidate, _| candidate == name);
            one.walk(&mut |path| {
                if let Some(call) = path.last().and_then(called) {
                    visit(&mut description, &mut open, &call);
                }
                true
            });
        }
    }
    description
}

fn asts(script: &Script) -> impl Iterator<Item = &AST> {
    std::iter::once(&script.ast).chain(script.modules.values())
}

fn note_call(description: &mut Description, call: &Called<'_>, library: &Library) {
    // The receiver's type is not known here, so every primitive of that name counts: rather one too many than one too few.
    let name = call.name();
    for primitive in
        library.primitives.iter().copied().filter(|p| p.name == name && p.receiver.is_some() == call.method)
    {
        note(description, primitive, call.call.args.first());
    }
}

fn note(description: &mut Description, primitive: &'static Primitive, first_argument: Option<&Expr>) {
    let Some(class) = primitive.class else { return };
    description.effects.entry(class).or_default().insert(primitive.name);
    let named_kind = match first_argument {
        Some(Expr::StringConstant(kind, _)) => kind.to_lowercase(),
        _ => "KIND".to_owned(),
    };
    for permission in primitive.permissions {
        description.permissions.insert(*permission);
        let writes = !matches!(permission.verb, "get" | "list" | "watch");
        if primitive.changes() && writes {
            let kind = if permission.resource == "*" { named_kind.clone() } else { singular(permission.resource) };
            description.changes.insert(kind);
        }
    }
    if let Some(crate::primitive::Inverse::Irreversible(why)) = &primitive.inverse {
        description.irreversible.insert(primitive.name, why);
    }
}

/// `destinationrules` → `destinationrule`, `networkpolicies` → `networkpolicy`.
fn singular(plural: &str) -> String {
    let plural = plural.split('/').next().unwrap_or(plural);
    match plural {
        plural if plural.ends_with("ies") => format!("{}y", &plural[..plural.len() - 3]),
        plural if plural.ends_with("sses") || plural.ends_with("ches") => plural[..plural.len() - 2].to_owned(),
        plural => plural.strip_suffix('s').unwrap_or(plural).to_owned(),
    }
}

fn steps(script: &Script) -> Vec<String> {
    let mut titles = Vec::new();
    walk_steps(&script.ast, script, &mut titles);
    titles
}

fn walk_steps(ast: &AST, script: &Script, titles: &mut Vec<String>) {
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(expression)) = path.last()
            && let Some(("step", custom, _)) = word(expression)
        {
            titles.push(match custom.inputs.first() {
                Some(Expr::StringConstant(title, _)) => title.to_string(),
                Some(title) => script
                    .sources
                    .between(&script.path, title.start_position(), block_start(custom.inputs.last()))
                    .trim_matches('`')
                    .to_owned(),
                None => String::new(),
            });
        }
        true
    });
}

fn block_start(block: Option<&Expr>) -> rhai::Position {
    match block {
        Some(Expr::Stmt(block)) => block.position(),
        _ => rhai::Position::NONE,
    }
}

impl Description {
    /// The `--approve` options that an unattended run needs; empty if it changes nothing.
    pub fn approve_line(&self) -> String {
        self.changes.iter().map(|kind| format!("--approve {kind}")).collect::<Vec<_>>().join(" ")
    }

    /// For `-o json`.
    pub fn json(&self, script: &Script) -> Value {
        json!({
            "file": script.path,
            "doc": script.doc,
            "params": script.params.iter().map(|p| json!({ "name": p.name, "declaration": p.to_string(), "help": p.help, "required": p.default.is_none(), "default": p.default.as_ref().map(super::params::ParamValue::to_json) })).collect::<Vec<_>>(),
            "steps": self.steps,
            "effects": self.effects.iter().map(|(class, names)| (class.to_string(), json!(names))).collect::<serde_json::Map<_, _>>(),
            "approve": self.approve_line(),
            "irreversible": self.irreversible,
            "permissions": self.permissions.iter().map(|p| json!({ "group": p.group, "resource": p.resource, "verb": p.verb })).collect::<Vec<_>>(),
            "hash": script.hash,
        })
    }
}
