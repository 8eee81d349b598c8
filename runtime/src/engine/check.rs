//! What can be said to be wrong with a script without running it.
//!
//! The checker reports what it knows. What it cannot know — a closure that is called by its variable, a value of a
//! function of a module — it leaves to the run.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rhai::packages::{Package, StandardPackage};
use rhai::{AST, ASTNode, Engine, Expr, Position, Stmt};

use super::diagnostic::Diagnostic;
use super::script::{Purpose, Script, last_part};
use super::walk::{Called, block, called, each_call, word};
use super::{library, library_hint};
use crate::failure::{ENDING, Failure, IMPORT, PROOF, SYNTAX, UNKNOWN_NAME, nearest};
use crate::primitive::{Inverse, Library, Primitive};

/// Primitives that end a run, by their names.
pub const ENDINGS: [&str; 4] = ["fixed", "found", "not_this", "cannot_tell"];

/// Checks a script and its modules: errors first, then warnings, each in the order of the text.
pub fn check(script: &Script, library: &Library) -> Vec<Diagnostic> {
    Words::of(library).check(script)
}

/// What scripts may call, gathered once from a library: whoever checks many scripts shares it among them.
pub struct Words {
    library: Library,
    /// Names of functions of the library and of Rhai.
    builtin: HashSet<String>,
    /// Primitives by their full names.
    primitives: HashMap<&'static str, Vec<&'static Primitive>>,
    /// Namespaces of primitives: `k8s`.
    spaces: HashSet<&'static str>,
}

impl Words {
    /// Gathers what a library and Rhai offer.
    pub fn of(library: &Library) -> Words {
        let mut engine = Engine::new_raw();
        StandardPackage::new().register_into_engine(&mut engine);
        library::register(&mut engine, library);
        let builtin = engine.collect_fn_metadata(None, |info| Some(info.metadata.name.to_string()), true);
        let of_rhai = ["call", "curry", "Fn", "is_def_var", "is_def_fn", "is_shared", "type_of"].map(str::to_owned);
        let mut primitives = HashMap::<_, Vec<_>>::new();
        for primitive in library.primitives {
            primitives.entry(primitive.name).or_default().push(*primitive);
        }
        let spaces = primitives.keys().filter_map(|name| name.split_once("::")).map(|(space, _)| space).collect();
        Words { library: *library, builtin: builtin.into_iter().chain(of_rhai).collect(), primitives, spaces }
    }

    /// Checks a script and its modules: errors first, then warnings, each in the order of the text.
    pub fn check(&self, script: &Script) -> Vec<Diagnostic> {
        let own = std::iter::once(&script.ast).chain(script.modules.values());
        let own: HashSet<&str> = own.flat_map(|ast| ast.iter_functions().map(|f| f.name)).collect();
        let mut found = Vec::new();
        for (name, ast) in std::iter::once((&script.path, &script.ast)).chain(&script.modules) {
            let mut checker = Checker { script, words: self, own: &own, source: name, found: &mut found };
            checker.calls(ast);
            checker.proofs_return_nothing(ast);
            if *name == script.path {
                checker.statements(ast.statements());
                if script.purpose == Purpose::Runbook {
                    checker.ending(ast);
                }
            } else {
                checker.module_top(ast);
            }
        }
        found.sort_by_key(|d| (d.warning, d.place.as_ref().map(|p| (p.source.clone(), p.start))));
        found
    }

    /// The primitives of a name.
    fn primitives(&self, name: &str) -> &[&'static Primitive] {
        self.primitives.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

struct Checker<'a> {
    script: &'a Script,
    words: &'a Words,
    /// Names of the functions of the script and of its modules.
    own: &'a HashSet<&'a str>,
    source: &'a str,
    found: &'a mut Vec<Diagnostic>,
}

impl Checker<'_> {
    fn report(&mut self, failure: Failure, position: Position, warning: bool) {
        let diagnostic = Diagnostic::at(failure, &Arc::clone(&self.script.sources), self.source, position);
        self.found.push(*if warning { diagnostic.warning() } else { diagnostic });
    }

    /// Every call names something that exists, with a number of arguments that it takes.
    fn calls(&mut self, ast: &AST) {
        let mut wrong = Vec::new();
        ast.walk(&mut |path| {
            if let Some(call) = path.last().and_then(called)
                && let Some(failure) = self.wrong_call(&call)
            {
                wrong.push((failure, call.position));
            }
            true
        });
        for (failure, position) in wrong {
            self.report(failure, position, false);
        }
    }

    fn wrong_call(&self, call: &Called<'_>) -> Option<Failure> {
        let name = call.name();
        if call.call.name.starts_with("anon$") || call.call.name.contains('$') {
            return None;
        }
        let same_name: Vec<&Primitive> =
            self.words.primitives(&name).iter().copied().filter(|p| p.receiver.is_some() == call.method).collect();
        if !call.call.namespace.is_empty() {
            let space = call.call.namespace.to_string();
            if !self.words.spaces.contains(space.as_str()) {
                return None;
            }
            if same_name.is_empty() {
                return Some(self.hinted(Failure::new(&UNKNOWN_NAME, format!("there is no `{name}`")), &name));
            }
        } else if same_name.is_empty() && !self.is_known(call.call.name.as_str()) {
            return Some(self.hinted(Failure::new(&UNKNOWN_NAME, format!("there is no function `{name}`")), &name));
        }
        let count = call.call.args.len();
        let fits = |p: &&Primitive| {
            (p.params.iter().filter(|param| param.default.is_none()).count()..=p.params.len()).contains(&count)
        };
        if same_name.is_empty()
            || same_name.iter().any(fits)
            || self.script_defines(&call.call.name, count)
            || self.is_rhai(&call.call.name)
        {
            return None;
        }
        let declared: Vec<_> = same_name.iter().map(|p| format!("`{}`", p.signature())).collect();
        Some(
            Failure::new(&UNKNOWN_NAME, format!("`{name}` does not take {count} arguments"))
                .hint(format!("it is declared as {}", declared.join(", "))),
        )
    }

    fn script_defines(&self, name: &str, count: usize) -> bool {
        std::iter::once(&self.script.ast)
            .chain(self.script.modules.values())
            .flat_map(AST::iter_functions)
            .any(|f| f.name == name && f.params.len() == count)
    }

    /// Names that Rhai's own arrays, maps and strings have too: their numbers of arguments are not ours to judge.
    fn is_rhai(&self, name: &str) -> bool {
        ["len", "is_empty", "all", "some", "filter", "map", "first", "last", "contains", "find", "get", "index_of"]
            .contains(&name)
    }

    /// Whether there is a function of this name at all: the library's, Rhai's, the script's own.
    fn is_known(&self, name: &str) -> bool {
        self.own.contains(name) || self.words.builtin.contains(name)
    }

    fn hinted(&self, failure: Failure, name: &str) -> Failure {
        let own = library_hint(name, &self.words.library).or_else(|| {
            let names = self.words.builtin.iter().map(String::as_str).chain(self.own.iter().copied());
            nearest(last_part(name), names).map(|near| format!("did you mean `{near}`?"))
        });
        match own {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// A `return` inside a condition would end the run, not the wait.
    fn proofs_return_nothing(&mut self, ast: &AST) {
        let mut wrong = Vec::new();
        ast.walk(&mut |path| {
            if let Some(ASTNode::Expr(expression)) = path.last()
                && let Some(("wait" | "hold", custom, _)) = word(expression)
            {
                for statement in block(custom) {
                    statement.walk(&mut Vec::new(), &mut |inner: &[ASTNode]| {
                        if let Some(ASTNode::Stmt(Stmt::Return(_, _, position))) = inner.last() {
                            wrong.push(*position);
                        }
                        true
                    });
                }
            }
            true
        });
        for position in wrong {
            self.report(
                Failure::new(&SYNTAX, "`return` inside a condition would end the run")
                    .hint("let the last expression of the block be the condition"),
                position,
                false,
            );
        }
    }

    /// The top level of a module may define, and not act.
    fn module_top(&mut self, ast: &AST) {
        for statement in ast.statements() {
            let mut acts = Vec::new();
            each_call(statement, &mut |call| {
                if self.words.primitives(&call.name()).iter().any(|p| p.class.is_some()) {
                    acts.push((call.name(), call.position));
                }
            });
            for (name, position) in acts {
                self.report(
                    Failure::new(
                        &IMPORT,
                        format!("the top level of a module calls `{name}`, which acts on the cluster"),
                    )
                    .hint("put it into a function"),
                    position,
                    false,
                );
            }
        }
    }

    /// Steps: their changes are proved, their proofs can be looked at before the change, their names hide nothing.
    fn statements(&mut self, statements: &[Stmt]) {
        let mut outer: BTreeMap<String, Position> = BTreeMap::new();
        self.level(statements, &mut outer);
    }

    fn level(&mut self, statements: &[Stmt], outer: &mut BTreeMap<String, Position>) {
        for statement in statements {
            match statement {
                Stmt::Var(declared, _, position) => {
                    outer.insert(declared.0.name.to_string(), *position);
                }
                Stmt::Expr(expression) => {
                    if let Some((kind @ ("step" | "temporarily"), custom, position)) = word(expression) {
                        self.block(kind, block(custom), position, outer);
                    }
                }
                Stmt::If(flow, _) => {
                    self.level(flow.body.statements(), &mut outer.clone());
                    self.level(flow.branch.statements(), &mut outer.clone());
                }
                Stmt::For(each, _) => self.level(each.2.body.statements(), &mut outer.clone()),
                Stmt::While(flow, _) | Stmt::Do(flow, _, _) => self.level(flow.body.statements(), &mut outer.clone()),
                Stmt::Block(inner) => self.level(inner.statements(), &mut outer.clone()),
                _ => {}
            }
        }
    }

    fn block(&mut self, kind: &str, statements: &[Stmt], position: Position, outer: &mut BTreeMap<String, Position>) {
        let changing: Vec<usize> = (0..statements.len()).filter(|index| self.may_change(&statements[*index])).collect();
        let mut late: HashSet<String> = HashSet::new();
        for (index, statement) in statements.iter().enumerate() {
            if let Stmt::Var(declared, _, at) = statement {
                if outer.contains_key(declared.0.name.as_str()) {
                    let what =
                        format!("`let {}` in a step overwrites the outer variable of that name", declared.0.name);
                    self.report(
                        Failure::new(&UNKNOWN_NAME, what)
                            .hint("a step is a block of the same scope: choose another name, or assign without `let`"),
                        *at,
                        true,
                    );
                }
                if changing.first().is_some_and(|first| index > *first) {
                    late.insert(declared.0.name.to_string());
                }
            }
            if let Stmt::Expr(expression) = statement
                && let Some((proof @ ("wait" | "hold"), custom, at)) = word(expression)
                && let Some(name) = mentioned(block(custom)).into_iter().find(|name| late.contains(name))
            {
                let what = format!("this `{proof}` uses `{name}`, which is made after the first change of its step");
                self.report(
                    Failure::new(&PROOF, what)
                        .hint("make it before the change: a proof is looked at before anything is changed"),
                    at,
                    false,
                );
            }
        }
        if kind == "step"
            && let Some(last) = changing.last()
        {
            let proved = statements[*last..].iter().any(is_proof) || !statements.iter().any(|one| self.may_leave(one));
            let all_temporary = changing.iter().all(|index| matches!(&statements[*index], Stmt::Expr(e) if word(e).is_some_and(|(w, ..)| w == "temporarily" || w == "step")));
            if !proved && !all_temporary {
                let what = "this step changes something and does not prove it";
                self.report(
                    Failure::new(&PROOF, what)
                        .hint("let a `wait`, `hold` or `check` follow the last change of the step"),
                    position,
                    true,
                );
            }
        }
        self.level(statements, outer);
    }

    fn may_change(&self, statement: &Stmt) -> bool {
        let mut changes = false;
        each_call(statement, &mut |call| changes |= self.script.may_change.contains(call.call.name.as_str()));
        changes
    }

    /// Whether something may stay of what a statement changes: not of what a primitive deletes again before it answers.
    fn may_leave(&self, statement: &Stmt) -> bool {
        let mut leaves = false;
        each_call(statement, &mut |call| {
            let changing =
                || self.words.primitives.iter().filter(|(full, _)| last_part(full) == call.call.name.as_str());
            let goes = |one: &&'static Primitive| !one.changes() || matches!(one.inverse, Some(Inverse::WithinCall));
            let all_go = changing().all(|(_, all)| all.iter().all(goes)) && !self.own.contains(call.call.name.as_str());
            leaves |= self.script.may_change.contains(call.call.name.as_str()) && !all_go;
        });
        leaves
    }

    /// Every path ends by an ending.
    fn ending(&mut self, ast: &AST) {
        if !always_ends(ast.statements()) {
            let position = ast.statements().last().map_or(Position::NONE, Stmt::position);
            let failure = Failure::new(&ENDING, "a path through the script ends without saying how")
                .hint("end every path by `fixed`, `found`, `not_this` or `cannot_tell`; usually the last line of the script is one of them");
            self.report(failure, position, false);
        }
    }
}

/// Whether one of the statements always ends the run.
fn always_ends(statements: &[Stmt]) -> bool {
    statements.iter().any(|statement| match statement {
        Stmt::FnCall(call, _) => ENDINGS.contains(&call.name.as_str()),
        Stmt::Expr(expression) => match &**expression {
            Expr::FnCall(call, _) => ENDINGS.contains(&call.name.as_str()),
            expression => word(expression)
                .is_some_and(|(kind, custom, _)| matches!(kind, "step" | "temporarily") && always_ends(block(custom))),
        },
        Stmt::If(flow, _) => {
            !flow.branch.is_empty() && always_ends(flow.body.statements()) && always_ends(flow.branch.statements())
        }
        Stmt::Block(inner) => always_ends(inner.statements()),
        // `throw` ends it too, as a failure.
        Stmt::Return(_, flags, _) => flags.intersects(rhai::ASTFlags::BREAK),
        _ => false,
    })
}

pub(super) fn is_proof(statement: &Stmt) -> bool {
    let mut proof = false;
    statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        proof |= match path.last() {
            Some(ASTNode::Expr(expression)) => {
                word(expression).is_some_and(|(kind, ..)| matches!(kind, "wait" | "hold"))
            }
            _ => false,
        };
        proof |= path.last().and_then(called).is_some_and(|call| call.name() == "check");
        !proof
    });
    proof
}

/// Names of variables that statements mention.
fn mentioned(statements: &[Stmt]) -> HashSet<String> {
    let mut names = HashSet::new();
    for statement in statements {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::Variable(variable, ..))) = path.last() {
                names.insert(variable.1.to_string());
            }
            true
        });
    }
    names
}
