//! What a script does, told without running it: steps, primitives, classes, kinds that it may change, permissions.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Expr, Stmt};
use serde_json::{Value, json};

use super::script::{Script, resource_name};
use super::walk::{Called, called, each_call, word};
use crate::effect::Class;
use crate::gate::Approval;
use crate::primitive::{Inverse, Library, Permission, Primitive, Type};

/// A description of a script.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// Its steps, in the order of the text; a title that is computed is shown as it is written.
    pub steps: Vec<String>,
    /// The primitives that it and its modules call, by class; those without effects are left out.
    pub effects: BTreeMap<Class, BTreeSet<&'static str>>,
    /// What it may change, as `--approve` takes it: kinds in lower case, with `/NAME` where each object has to be named.
    pub changes: BTreeSet<String>,
    /// The primitives that ask a person, so that nobody can run it unattended to its end.
    pub asks: BTreeSet<&'static str>,
    /// What it may do that cannot be taken back, with the reason.
    pub irreversible: BTreeMap<&'static str, &'static str>,
    /// What the API server must allow.
    pub permissions: BTreeSet<Need>,
}

/// A verb on a resource that the API server must allow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// API group; empty for the core group; `*` if it is known only when the script runs.
    pub group: String,
    /// Plural, with `/subresource` where there is one; `*` if it is known only when the script runs.
    pub resource: String,
    /// `get`, `list`, `patch`, `create`.
    pub verb: &'static str,
}

/// Describes a script with its modules.
pub fn describe(script: &Script, library: &Library) -> Description {
    let mut description = Description { steps: steps(script), ..Description::default() };
    for ast in asts(script) {
        ast.walk(&mut |path| {
            if let Some(call) = path.last().and_then(called) {
                note_call(&mut description, &call, script, library);
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
        note_call(description, call, script, library);
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

fn note_call(description: &mut Description, call: &Called<'_>, script: &Script, library: &Library) {
    // The receiver's type is not known here, so every primitive of that name counts: rather one too many than one too few.
    let name = call.name();
    for primitive in
        library.primitives.iter().copied().filter(|p| p.name == name && p.receiver.is_some() == call.method)
    {
        note(description, primitive, &call.call.args, script);
    }
}

fn note(description: &mut Description, primitive: &'static Primitive, arguments: &[Expr], script: &Script) {
    if primitive.asks {
        description.asks.insert(primitive.name);
    }
    let Some(class) = primitive.class else { return };
    description.effects.entry(class).or_default().insert(primitive.name);
    let kinds = kinds(primitive, arguments, script);
    let mut needed = false;
    for permission in primitive.permissions {
        let Permission { group, resource, verb } = *permission;
        if resource == "*" && !kinds.is_empty() {
            // A kind of another group is none of its business.
            let fitting = kinds.iter().filter(|(of, _)| group == "*" || group == of);
            description.permissions.extend(fitting.map(|(group, kind)| Need {
                group: group.clone(),
                resource: plural(kind),
                verb,
            }));
        } else {
            description.permissions.insert(Need { group: group.into(), resource: resource.into(), verb });
        }
        // A port-forward changes nothing.
        let writes = !matches!(verb, "get" | "list" | "watch") && resource != "pods/portforward";
        if primitive.changes() && writes && resource != "*" {
            approve(description, primitive, &singular(resource));
            needed = true;
        }
    }
    if primitive.changes() {
        kinds.iter().for_each(|(_, kind)| approve(description, primitive, &kind.to_lowercase()));
        if kinds.is_empty() && !needed {
            approve(description, primitive, "KIND");
        }
    }
    if let Some(Inverse::Irreversible(why)) = &primitive.inverse {
        description.irreversible.insert(primitive.name, why);
    }
}

/// What cannot be taken back is approved object by object.
fn approve(description: &mut Description, primitive: &Primitive, kind: &str) {
    let name = if matches!(primitive.inverse, Some(Inverse::Irreversible(_))) { "/NAME" } else { "" };
    description.changes.insert(format!("{kind}{name}"));
}

/// The kinds that a call is about, with their API groups, where the primitive's permissions leave them to its arguments: the
/// objects of a file, a kind that it names, or all that the primitive may change.
fn kinds(primitive: &Primitive, arguments: &[Expr], script: &Script) -> BTreeSet<(String, String)> {
    let text = |index: usize| match arguments.get(index) {
        Some(Expr::StringConstant(text, _)) => Some(text.as_str()),
        _ => None,
    };
    if let Some(index) = primitive.params.iter().position(|param| param.ty == Type::Resource)
        && let Some(file) = text(index)
        && let Some(manifest) = script.sources.text(&resource_name(file))
    {
        return in_manifest(manifest);
    }
    if !primitive.kinds.is_empty() {
        return primitive.kinds.iter().map(|(group, kind)| ((*group).into(), (*kind).into())).collect();
    }
    let names_a_kind = primitive.params.first().is_some_and(|param| param.name == "kind");
    text(0).filter(|_| names_a_kind).map(|kind| ("*".to_owned(), kind.to_owned())).into_iter().collect()
}

/// The kinds of the objects of a YAML file. Which these are stands at the beginning of lines; what else is in it is for
/// the primitive that applies it.
fn in_manifest(text: &str) -> BTreeSet<(String, String)> {
    let mut kinds = BTreeSet::new();
    for document in text.split("\n---") {
        let field = |name: &str| {
            let line = document.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(|value| value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']))
        };
        if let (Some(version), Some(kind)) = (field("apiVersion"), field("kind")) {
            let group = version.split_once('/').map_or("", |(group, _)| group);
            kinds.insert((group.to_owned(), kind.to_owned()));
        }
    }
    kinds
}

/// `DestinationRule` → `destinationrules`, `NetworkPolicy` → `networkpolicies`, as Kubernetes and Istio name theirs.
fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if kind.ends_with(['s', 'x']) || kind.ends_with("ch") => format!("{kind}es"),
        _ => format!("{kind}s"),
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

    /// The kinds that it may change and that no approval is about, in lower case. What is known only when it runs is not
    /// among them.
    pub fn not_approved(&self, approvals: &[Approval]) -> BTreeSet<&str> {
        let kinds = self.changes.iter().map(|kind| kind.split('/').next().unwrap_or(kind));
        let is_approved =
            |kind: &str| approvals.iter().any(|one| one.kind == "*" || one.kind == kind || one.kind == plural(kind));
        kinds.filter(|kind| *kind != "KIND" && !is_approved(kind)).collect()
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
            "asks": self.asks,
            "irreversible": self.irreversible,
            "permissions": self.permissions.iter().map(|p| json!({ "group": p.group, "resource": p.resource, "verb": p.verb })).collect::<Vec<_>>(),
            "hash": script.hash,
        })
    }
}
