//! What is typed at a prompt, as a runbook says it: `_` and `_3` are names of the prompt alone.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use rhai::{AST, ASTNode, Expr, Position, Stmt};

use super::check::is_proof;
use super::script::{Purpose, parser};
use super::source;
use super::walk::word;

fn read(text: &str) -> Option<AST> {
    let (engine, reading) = parser(Purpose::Input);
    reading.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&text.into());
    engine.compile(text).ok()
}

/// Whether a name is a prompt's own: `_`, `_3`, `_error`.
fn is_of_prompt(name: &str) -> bool {
    name.strip_prefix('_').is_some_and(|rest| rest == "error" || rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Where a text mentions names of the prompt, in bytes, in the order of the text.
fn mentions(text: &str) -> BTreeMap<usize, String> {
    let mut found = BTreeMap::new();
    let Some(ast) = read(text) else { return found };
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(Expr::Variable(variable, _, position))) = path.last()
            && is_of_prompt(&variable.1)
            && let Some((start, length)) = source::span(text, *position)
            && text[start..start + length] == *variable.1.as_str()
        {
            found.insert(start, variable.1.to_string());
        }
        true
    });
    found
}

/// The names of the prompt that a text mentions.
pub fn mentioned(text: &str) -> Vec<String> {
    mentions(text).into_values().collect()
}

/// The text with other names for those of the prompt; one that has none stays.
pub fn renamed(text: &str, name_of: &dyn Fn(&str) -> Option<String>) -> String {
    let mut renamed = text.to_owned();
    for (start, name) in mentions(text).into_iter().rev() {
        if let Some(new) = name_of(&name) {
            renamed.replace_range(start..start + name.len(), &new);
        }
    }
    renamed
}

/// The text, with its value bound to a name. `None` if that cannot be written.
pub fn bound(text: &str, name: &str) -> Option<String> {
    let text = text.trim();
    let ast = read(text)?;
    let last = ast.statements().iter().rev().find(|statement| !matches!(statement, Stmt::Noop(_)))?;
    let start = if ast.statements().len() == 1 { 0 } else { start_of(text, last)? };
    let end = if text.ends_with(';') { "" } else { ";" };
    let bound = format!("{}let {name} = {}{end}", &text[..start], &text[start..]);
    let is_bound =
        |ast: AST| matches!(ast.statements().last(), Some(Stmt::Var(declared, ..)) if declared.0.name == name);
    read(&bound).is_some_and(is_bound).then_some(bound)
}

/// The byte at which a statement begins.
fn start_of(text: &str, statement: &Stmt) -> Option<usize> {
    // Rhai's position of an operation is its operator's, so what stands first in it is looked for.
    let mut first = statement.position();
    statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        let position = path.last().map_or(Position::NONE, ASTNode::position);
        if !position.is_none() && (first.is_none() || position < first) {
            first = position;
        }
        true
    });
    let (mut start, _) = source::span(text, first)?;
    // It leaves out what opens an expression, too.
    for (at, c) in text[..start].char_indices().rev() {
        match c {
            '(' | '[' | '{' | '#' | '-' | '!' => start = at,
            c if c.is_whitespace() => {}
            _ => break,
        }
    }
    Some(start)
}

/// Whether a text cannot stand inside a step: it has steps, parameters, imports or functions of its own.
pub fn stands_alone(text: &str) -> bool {
    let Some(ast) = read(text) else { return true };
    let defines = ast.iter_functions().any(|function| !function.name.starts_with("anon$"));
    defines
        || ast.statements().iter().any(|statement| match statement {
            Stmt::Import(..) | Stmt::Export(..) => true,
            Stmt::Expr(expression) => word(expression).is_some_and(|(word, ..)| matches!(word, "step" | "param")),
            _ => false,
        })
}

/// Whether a text proves something: a `wait`, `hold` or `check` stands in it.
pub fn proves(text: &str) -> bool {
    read(text).is_some_and(|ast| ast.statements().iter().any(is_proof))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_get_names_wherever_they_stand() {
        let name = |name: &str| (name != "_error").then(|| format!("result{}", if name == "_" { "_7" } else { name }));
        for (typed, said) in [
            ("_ + _3", "result_7 + result_3"),
            ("_3 - _ + 1", "result_3 - result_7 + 1"),
            ("_.len()", "result_7.len()"),
            ("[1].map(|x| x + _3)", "[1].map(|x| x + result_3)"),
            ("\"_ and _3\"", "\"_ and _3\""),
            ("`${_3} of _`", "`${result_3} of _`"),
            ("let a_3 = _3; // _3", "let a_3 = result_3; // _3"),
            ("switch a { 1 => _, _ => _3 }", "switch a { 1 => result_7, _ => result_3 }"),
            ("step \"é\" { show(_3); }", "step \"é\" { show(result_3); }"),
            ("wait 3m until { _.is_none() };", "wait 3m until { result_7.is_none() };"),
            ("_error.code", "_error.code"),
        ] {
            assert_eq!(renamed(typed, &name), said);
        }
        assert_eq!(mentioned("_3 + _error.code"), ["_3", "_error"]);
    }

    #[test]
    fn a_value_is_bound_where_it_comes_from() {
        for (typed, said) in [
            ("a + 2", Some("let r = a + 2;")),
            ("host(\"x\").rules();", Some("let r = host(\"x\").rules();")),
            ("let a = 1; (a + 2) * 3", Some("let a = 1; let r = (a + 2) * 3;")),
            ("let a = 1;\n-a", Some("let a = 1;\nlet r = -a;")),
            ("let a = 1; [a, 2]", Some("let a = 1; let r = [a, 2];")),
            ("if a { 1 } else { 2 }", Some("let r = if a { 1 } else { 2 };")),
            ("let a = 1;", None),
            ("not)", None),
        ] {
            assert_eq!(bound(typed, "r").as_deref(), said, "{typed}");
        }
    }

    #[test]
    fn what_has_steps_of_its_own_stands_alone() {
        assert!(
            stands_alone("fn f(x) { x }")
                && stands_alone("// why\nstep \"a\" { 1 }")
                && stands_alone("import \"lib/a\" as a;")
        );
        assert!(!stands_alone("let f = |x| x;") && !stands_alone("host(\"a\")"));
        assert!(proves("wait 1m until { true };") && proves("check(\"a\", true)") && !proves("host(\"a\")"));
    }
}
