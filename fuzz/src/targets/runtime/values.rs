//! Durations, quantities and approvals.
//!
//! Beyond "no panic": a duration prints what reads back as itself; a quantity keeps its text, and its negative is worth
//! the negative; an approval names a kind in lower case and at least one change.

use meshbook_runtime::gate::Approval;
use meshbook_runtime::value::{Quantity, Span};

/// See the module.
pub fn run(text: &str) {
    if let Ok(span) = text.parse::<Span>() {
        assert_eq!(span.to_string().parse(), Ok(span));
    }
    if let Ok(quantity) = text.parse::<Quantity>() {
        assert_eq!(quantity.to_string(), text);
        if !text.starts_with('-') {
            let negative: Quantity = format!("-{text}").parse().expect("only the sign differs");
            assert_eq!(negative.milli(), -quantity.milli());
        }
    }
    if let Ok(approval) = text.parse::<Approval>() {
        assert!(!approval.kind.is_empty() && approval.kind == approval.kind.to_ascii_lowercase());
        assert!(approval.count != Some(0) && approval.name.as_deref() != Some(""));
    }
}
