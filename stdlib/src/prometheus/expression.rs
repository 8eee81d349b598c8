//! PromQL as a tree: what an expression is whatever its spaces, and which metrics it stands on.

use std::collections::BTreeSet;

use meshbook_runtime::transport::prometheus::durations;
use promql_parser::label::Matchers;
use promql_parser::parser::{self, Expr};

/// How many brackets and operators an expression may have to be taken apart: the parser and its tree recurse.
const DEEPEST: usize = 200;

/// The tree of an expression.
///
/// # Errors
/// Why it cannot be read.
fn parse(text: &str) -> Result<Expr, String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| matches!(*word, "and" | "or" | "unless"));
    let signs = text.chars().filter(|c| "([+-*/%^<>!=".contains(*c));
    if signs.count() + words.count() > DEEPEST {
        return Err("it nests too deeply".into());
    }
    if !durations::fit(text) {
        return Err(durations::TOO_LONG.into());
    }
    parser::parse(text)
}

/// An expression as Prometheus prints it, so that two texts of the same tree are equal. One that cannot be read is
/// compared by its words.
pub fn canonical(text: &str) -> String {
    parse(text)
        .map_or_else(|_| text.split_whitespace().collect::<Vec<_>>().join(" "), |expression| expression.to_string())
}

/// The names of the metrics without which an expression has no value: all that it selects, but not inside `absent()`,
/// which is made for those that are gone.
///
/// # Errors
/// Why it cannot be read.
pub fn metrics(text: &str) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    collect(&parse(text)?, &mut names);
    Ok(names)
}

fn collect(expression: &Expr, names: &mut BTreeSet<String>) {
    match expression {
        Expr::Aggregate(aggregate) => collect(&aggregate.expr, names),
        Expr::Unary(unary) => collect(&unary.expr, names),
        Expr::Binary(binary) => {
            collect(&binary.lhs, names);
            collect(&binary.rhs, names);
        }
        Expr::Paren(inner) => collect(&inner.expr, names),
        Expr::Subquery(subquery) => collect(&subquery.expr, names),
        Expr::VectorSelector(selector) => names.extend(name(selector.name.as_deref(), &selector.matchers)),
        Expr::MatrixSelector(matrix) => names.extend(name(matrix.vs.name.as_deref(), &matrix.vs.matchers)),
        Expr::Call(call) if call.func.name.starts_with("absent") => {}
        Expr::Call(call) => call.args.args.iter().for_each(|argument| collect(argument, names)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn name(name: Option<&str>, matchers: &Matchers) -> Option<String> {
    let by_label = || matchers.matchers.iter().find(|one| one.name == "__name__").map(|one| one.value.clone());
    name.map(str::to_owned).or_else(by_label)
}

/// A condition on a label, as it stands between braces: `destination_service="graph-core"`.
pub fn matcher(label: &str, value: &str) -> String {
    format!("{label}={}", super::quote(value))
}

/// The condition that a label begins with a text. Prometheus anchors regular expressions on both sides.
pub fn prefix_matcher(label: &str, prefix: &str) -> String {
    // RE2 takes every escaped ASCII sign for itself, so that what escapes for one engine does for the other.
    format!("{label}=~{}", super::quote(&format!("{}.*", regex::escape(prefix))))
}

/// Whether PromQL takes this as a label's name without quotes.
pub fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spaces_and_breaks_do_not_tell_expressions_apart() {
        let one = canonical("sum by (a,b)(rate(x{c=~\"5..\"}[5m]))\n  >0.01");
        assert_eq!(one, canonical("sum by (a, b) (rate(x{c=~\"5..\"}[5m])) > 0.01"));
        assert_ne!(one, canonical("sum by (a, b) (rate(x{c=~\"5..\"}[5m])) > 0.02"));
        assert_eq!(canonical("sum(  x"), "sum( x");
    }

    #[test]
    fn metrics_are_those_without_which_there_is_no_value() {
        let of = |text: &str| metrics(text).map(|names| names.into_iter().collect::<Vec<_>>());
        assert_eq!(of("rate(a_total[5m]) / on (x) b > 3"), Ok(vec!["a_total".into(), "b".into()]));
        assert_eq!(of("up{app=\"istiod\"} == 0 or absent(pilot_info)"), Ok(vec!["up".into()]));
        assert_eq!(of("max_over_time({__name__=\"c\"}[1h:5m]) - time()"), Ok(vec!["c".into()]));
        assert_eq!(of("vector(1)"), Ok(vec![]));
        assert!(of("sum(").is_err() && of(&"(".repeat(300)).is_err());
    }

    proptest! {
        #[test]
        fn a_matcher_keeps_any_value(value in ".{0,40}") {
            let query = format!("up{{{}}}", matcher("pod", &value));
            let Ok(Expr::VectorSelector(selector)) = parser::parse(&query) else { return Err(TestCaseError::fail(query)) };
            prop_assert_eq!(selector.matchers.matchers.len(), 1);
            // The parser of these tests leaves escapes as they stand.
            prop_assert_eq!(&selector.matchers.matchers[0].name, "pod");
        }

        #[test]
        fn nothing_panics(text in "[a-z(){}\\[\\]=~\"5.,>+ ]{0,60}") {
            let _ = canonical(&text);
            let _ = metrics(&text);
        }
    }
}
