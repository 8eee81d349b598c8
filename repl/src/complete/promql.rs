//! What could stand at the end of a query that is being typed: a metric, a label, or a value of a label.

use super::chain::word_start;

/// What is being typed at the end of a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// The name of a metric.
    Metric,
    /// A label; of this metric if one stands before.
    Label(Option<&'a str>),
    /// A value of a label.
    Value {
        /// The metric, if one stands before.
        metric: Option<&'a str>,
        /// The label.
        label: &'a str,
    },
}

/// What is being typed, and where it begins. A quote may be escaped, as it is inside a string of a script.
pub(crate) fn place(query: &str) -> Option<(usize, Place<'_>)> {
    let (mut brace, mut quote, mut brackets) = (None, None, Vec::new());
    let mut letters = query.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' if letters.peek().is_some_and(|(_, next)| *next != '"') => {
                letters.next();
            }
            '\\' => {}
            '"' => quote = if quote.is_some() { None } else { Some(at + 1) },
            _ if quote.is_some() => {}
            '{' => brace = Some(at),
            '}' => brace = None,
            '(' => brackets.push(at),
            ')' => {
                brackets.pop();
            }
            _ => {}
        }
    }
    let name_before = |at: usize| {
        let text = query[..at].trim_end();
        Some(&text[name_start(text)..]).filter(|name| !name.is_empty())
    };
    let metric = brace.and_then(name_before);
    if let Some(begun) = quote {
        brace?;
        let operator = query[..begun - 1].trim_end_matches('\\').trim_end();
        let label = operator.trim_end_matches(['=', '!', '~']);
        let label = &label[word_start(label.trim_end())..].trim_end();
        return (!label.is_empty() && label.len() < operator.len()).then_some((begun, Place::Value { metric, label }));
    }
    let start = name_start(query);
    let before = query[..start].trim_end();
    if brace.is_some() {
        return before.ends_with(['{', ',']).then_some((start, Place::Label(metric)));
    }
    let grouped = brackets.last().and_then(|at| name_before(*at));
    match grouped {
        Some("by" | "without" | "on" | "ignoring" | "group_left" | "group_right") => Some((start, Place::Label(None))),
        // A span in brackets, or a number.
        _ if before.ends_with('[') || query[start..].starts_with(|c: char| c.is_ascii_digit()) => None,
        _ => Some((start, Place::Metric)),
    }
}

/// Where the name at the end begins; a metric's may hold colons.
fn name_start(text: &str) -> usize {
    let mut start = word_start(text);
    while let Some(before) = text[..start].strip_suffix(':') {
        start = word_start(before);
    }
    start
}

/// Whether this is a name as Prometheus takes it without quotes: only such a one is put into a page's path or a selector.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_typed_is_told_from_what_stands_before() {
        let metric = Some("istio_requests_total");
        for (query, begun, what) in [
            ("", "", Place::Metric),
            ("sum(rate(istio_re", "istio_re", Place::Metric),
            ("a:b:c", "a:b:c", Place::Metric),
            ("istio_requests_total{", "", Place::Label(metric)),
            ("istio_requests_total{a=\"b\", repo", "repo", Place::Label(metric)),
            ("{repo", "repo", Place::Label(None)),
            ("x / istio_requests_total{reporter=\"so", "so", Place::Value { metric, label: "reporter" }),
            ("istio_requests_total{reporter =~ \\\"so", "so", Place::Value { metric, label: "reporter" }),
            ("sum by (destination_", "destination_", Place::Label(None)),
            ("sum by (a, des", "des", Place::Label(None)),
            ("sum by (a) (istio", "istio", Place::Metric),
        ] {
            let found = place(query).map(|(start, what)| (&query[start..], what));
            assert_eq!(found, Some((begun, what)), "{query}");
        }
        for query in ["rate(x[", "rate(x[5", "x{a", "x{a=", "label_replace(x, \"a"] {
            let found = place(query);
            assert!(query == "x{a" || found.is_none(), "{query}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn no_query_panics(query in "\\PC{0,20}|[a-z{}()=~!\",:\\\\ ]{0,20}") {
            if let Some((start, _)) = place(&query) {
                prop_assert!(query.is_char_boundary(start));
            }
        }
    }
}
