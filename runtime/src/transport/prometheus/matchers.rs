//! Fixed matchers: labels that every selector of every query must match, because one Prometheus holds many clusters.
//!
//! They are added to the parsed query, never to its text: a runbook cannot leave them out by how it writes a query.

use std::collections::BTreeMap;

use promql_parser::label::{MatchOp, Matcher, Matchers};
use promql_parser::parser::{self, Expr, VectorSelector};

use super::durations;
use crate::failure::{Failure, INTERNAL, SCRIPT};
use crate::transport::status::printable;

/// How deep a query may nest.
const DEEPEST: usize = 200;

/// The query with these labels in each of its selectors. Without labels, the query as it is.
///
/// # Errors
/// `SCRIPT` if it cannot be read, `INTERNAL` if it cannot be written again with the same meaning.
pub fn fixed(query: &str, labels: &BTreeMap<String, String>) -> Result<String, Failure> {
    if labels.is_empty() {
        return Ok(query.to_owned());
    }
    // The parser and its tree recurse; a query that nests deeper than any real one would exhaust the stack.
    if nesting(query) > DEEPEST {
        return Err(unreadable(query, "it nests too deeply"));
    }
    if !durations::fit(query) {
        return Err(unreadable(query, durations::TOO_LONG));
    }
    let mut expression = parser::parse(query).map_err(|error| unreadable(query, &error))?;
    let added: Vec<Matcher> = labels.iter().map(|(name, value)| Matcher::new(MatchOp::Equal, name, value)).collect();
    add(&mut expression, &added).map_err(|why| unreadable(query, why))?;
    let text = expression.to_string();
    // What is sent must mean what was built: a query that the writer cannot express faithfully is not sent at all.
    let read = parser::parse(&text).ok().and_then(|mut read| add(&mut read, &added).is_ok().then_some(read));
    match read {
        Some(read) if same(&read, &expression) => Ok(text),
        _ => Err(Failure::new(
            &INTERNAL,
            format!(
                "the fixed matchers cannot be added to the query `{}` without changing its meaning",
                printable(query)
            ),
        )
        .hint("write the query more simply")),
    }
}

fn unreadable(query: &str, why: &str) -> Failure {
    Failure::new(&SCRIPT, format!("the query `{}` cannot be read: {}", printable(query), printable(why)))
}

/// No less than the depth of a query's tree: its open brackets, and all its operators, as a chain of them is a tree that
/// leans to one side. What stands in strings and braces is left out.
fn nesting(query: &str) -> usize {
    let (mut depth, mut deepest, mut operators) = (0_usize, 0, 0);
    let mut quote = None;
    let (mut escaped, mut in_braces) = (false, false);
    let mut word = String::new();
    // The blank ends the last word.
    for c in query.chars().chain([' ']) {
        if quote.is_none() && (c.is_alphanumeric() || c == '_') {
            word.extend(c.to_lowercase());
            continue;
        }
        operators += usize::from(matches!(word.as_str(), "and" | "or" | "unless" | "atan2"));
        word.clear();
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(mark), '\\') if mark != '`' => escaped = true,
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{' | '}') => in_braces = c == '{',
            (None, _) if in_braces => {}
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '!' | '=') => operators += 1,
            (None, _) => {}
        }
        deepest = deepest.max(depth);
    }
    deepest + operators
}

fn add(expression: &mut Expr, added: &[Matcher]) -> Result<(), &'static str> {
    match expression {
        Expr::VectorSelector(selector) => add_to(selector, added),
        Expr::MatrixSelector(selector) => add_to(&mut selector.vs, added),
        Expr::Aggregate(aggregate) => {
            if let Some(parameter) = &mut aggregate.param {
                add(parameter, added)?;
            }
            add(&mut aggregate.expr, added)
        }
        Expr::Unary(unary) => add(&mut unary.expr, added),
        Expr::Binary(binary) => {
            add(&mut binary.lhs, added)?;
            add(&mut binary.rhs, added)
        }
        Expr::Paren(paren) => add(&mut paren.expr, added),
        Expr::Subquery(subquery) => add(&mut subquery.expr, added),
        Expr::Call(call) => call.args.args.iter_mut().try_for_each(|argument| add(argument, added)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(()),
        Expr::Extension(_) => Err("it has an extension"),
    }
}

fn add_to(selector: &mut VectorSelector, added: &[Matcher]) -> Result<(), &'static str> {
    let Matchers { matchers, or_matchers } = &mut selector.matchers;
    if !or_matchers.is_empty() {
        return Err("matchers joined by `or` are not PromQL");
    }
    for matcher in added {
        if !matchers.contains(matcher) {
            matchers.push(matcher.clone());
        }
    }
    // They are written in this order, so a query that was read back has it too.
    matchers.sort_by_key(ToString::to_string);
    Ok(())
}

/// Equality, but numbers that are not numbers equal each other.
fn same(one: &Expr, other: &Expr) -> bool {
    one == other || format!("{one:?}") == format!("{other:?}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use proptest::prelude::*;

    use super::*;

    fn eu1() -> BTreeMap<String, String> {
        BTreeMap::from([("cluster".to_owned(), "eu1".to_owned())])
    }

    #[test]
    fn every_selector_gets_them() {
        for (query, sent) in [
            ("up", r#"up{cluster="eu1"}"#),
            (r#"up{cluster="eu1"}"#, r#"up{cluster="eu1"}"#),
            (r#"up{cluster="us1"}"#, r#"up{cluster="eu1",cluster="us1"}"#),
            (r#"{__name__=~"istio_.*"}"#, r#"{__name__=~"istio_.*",cluster="eu1"}"#),
            (
                r#"sum by (response_flags) (increase(istio_requests_total{reporter="source"}[30s]))"#,
                r#"sum by (response_flags) (increase(istio_requests_total{cluster="eu1",reporter="source"}[30s]))"#,
            ),
            (
                "histogram_quantile(0.95, sum by (le) (rate(d_bucket[1m] offset 5m)))",
                r#"histogram_quantile(0.95, sum by (le) (rate(d_bucket{cluster="eu1"}[1m] offset 5m)))"#,
            ),
            (
                "max_over_time(rate(a[1m])[10m:30s]) > bool on (pod) group_left (node) -b",
                r#"max_over_time(rate(a{cluster="eu1"}[1m])[10m:30s]) > bool on (pod) group_left (node) -b{cluster="eu1"}"#,
            ),
            (r#"topk(scalar(k), a{x="}{\"("})"#, r#"topk(scalar(k{cluster="eu1"}), a{cluster="eu1",x="}{\"("})"#),
            ("a unless b or c", r#"a{cluster="eu1"} unless b{cluster="eu1"} or c{cluster="eu1"}"#),
            ("vector(1) + time()", "vector(1) + time()"),
        ] {
            assert_eq!(fixed(query, &eu1()).unwrap(), sent, "{query}");
        }
    }

    #[test]
    fn a_value_cannot_end_its_string() {
        let odd = BTreeMap::from([("cluster".to_owned(), "a\"} or up{x=\"\\\n".to_owned())]);
        let sent = fixed("up", &odd).unwrap();
        let Expr::VectorSelector(selector) = parser::parse(&sent).unwrap() else { panic!("{sent}") };
        assert_eq!(selector.matchers.matchers, vec![Matcher::new(MatchOp::Equal, "cluster", "a\"} or up{x=\"\\\n")]);
    }

    #[test]
    fn what_cannot_be_read_is_not_sent() {
        for query in [
            "sum(",
            "up{",
            "",
            "up{a=\"b\" or c=\"d\"}",
            &"(".repeat(5000),
            &"-".repeat(5000),
            &"a + ".repeat(50_000),
            &"a or ".repeat(50_000),
        ] {
            assert_eq!(fixed(query, &eu1()).unwrap_err().code.name, SCRIPT.name, "{query:.20}");
        }
        assert_eq!(fixed("sum(", &BTreeMap::new()).unwrap(), "sum(");
        let pods = format!("up{{pod=~\"{}\"}}", "front-7c9-x|".repeat(300));
        assert!(fixed(&pods, &eu1()).is_ok(), "a long pattern is not deep");
    }

    /// Counts the selectors of a query, and those of them that carry the label.
    fn selectors(expression: &Expr) -> (usize, usize) {
        let matcher = Matcher::new(MatchOp::Equal, "cluster", "eu1");
        let of = |selector: &VectorSelector| (1, usize::from(selector.matchers.matchers.contains(&matcher)));
        let sum = |parts: Vec<(usize, usize)>| parts.into_iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        match expression {
            Expr::VectorSelector(selector) => of(selector),
            Expr::MatrixSelector(selector) => of(&selector.vs),
            Expr::Aggregate(e) => sum(e.param.iter().map(|p| selectors(p)).chain([selectors(&e.expr)]).collect()),
            Expr::Unary(e) => selectors(&e.expr),
            Expr::Binary(e) => sum(vec![selectors(&e.lhs), selectors(&e.rhs)]),
            Expr::Paren(e) => selectors(&e.expr),
            Expr::Subquery(e) => selectors(&e.expr),
            Expr::Call(e) => sum(e.args.args.iter().map(|a| selectors(a)).collect()),
            _ => (0, 0),
        }
    }

    fn queries() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "[a-z]{1,4}(_total)?(\\{[a-z]{1,3}(=|!=|=~|!~)\"[a-z.0-9]{0,4}\"\\})?( offset -?[1-9]m)?( @ [0-9]{1,6})?",
            "[0-9]{1,3}(\\.[0-9]{1,3})?",
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                (
                    inner.clone(),
                    inner.clone(),
                    "[-+*/%^]|and|or|unless|==|> bool|[*] on [(]a[)]|/ ignoring [(]a[)] group_left [(]b[)]"
                )
                    .prop_map(|(a, b, op)| format!("{a} {op} {b}")),
                inner.clone().prop_map(|a| format!("({a})")),
                inner.clone().prop_map(|a| format!("-{a}")),
                inner.clone().prop_map(|a| format!("sum by (x) ({a})")),
                inner.clone().prop_map(|a| format!("quantile without (x, y) (0.9, {a})")),
                inner.clone().prop_map(|a| format!("abs({a})")),
                inner.prop_map(|a| format!("max_over_time(({a})[10m:1m] offset 1h)")),
                "[a-z]{1,4}".prop_map(|a| format!("rate({a}[5m])")),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_text_panics(query in "\\PC{0,60}|[a-z(){}\\[\\]\"=~!,:@ 0-9\\-]{0,60}") {
            let _ = fixed(&query, &eu1());
        }

        #[test]
        fn all_selectors_of_what_is_sent_carry_the_label(query in queries()) {
            if let Ok(read) = parser::parse(&query) {
                let sent = fixed(&query, &eu1()).unwrap();
                let (all, with) = selectors(&parser::parse(&sent).unwrap());
                prop_assert_eq!(all, with, "{}", sent);
                prop_assert_eq!(all, selectors(&read).0, "{}", sent);
            }
        }
    }
}
