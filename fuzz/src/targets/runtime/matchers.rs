//! Fixed matchers in queries that people write.
//!
//! Beyond "no panic": every selector of the query that is sent has the fixed matcher, and adding it again changes nothing.

use std::collections::BTreeMap;

use meshbook_runtime::transport::prometheus::matchers::fixed;
use promql_parser::parser::{Expr, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};

struct Selectors;

impl Selectors {
    fn has_it(selector: &VectorSelector) {
        let matchers = &selector.matchers;
        assert!(matchers.or_matchers.is_empty());
        assert!(matchers.matchers.iter().any(|m| m.to_string() == r#"cluster="eu1""#), "{selector}");
    }
}

impl ExprVisitor for Selectors {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Self::Error> {
        match expression {
            Expr::VectorSelector(selector) => Self::has_it(selector),
            Expr::MatrixSelector(matrix) => Self::has_it(&matrix.vs),
            _ => {}
        }
        Ok(true)
    }
}

/// See the module.
pub fn run(query: &str) {
    let labels = BTreeMap::from([("cluster".to_owned(), "eu1".to_owned())]);
    let Ok(sent) = fixed(query, &labels) else { return };
    let read = parse(&sent).expect("what is sent can be read");
    let Ok(true) = walk_expr(&mut Selectors, &read) else { panic!("the walk goes to its end") };
    assert_eq!(fixed(&sent, &labels).ok().as_ref(), Some(&sent));
}
