//! What a person sees: the report of a run as it happens, questions, tables, differences.

pub mod approver;
pub mod chart;
pub mod closing;
pub mod diff;
pub mod escape;
pub mod grid;
pub mod live;
pub mod look;
pub mod many;
pub mod pager;
pub mod reporter;
pub mod screen;
pub mod table;
pub mod timeline;

use std::time::Duration;

use meshbook_runtime::value::Span;

/// A time that something took, as people say it: `350ms`, `1.5s`, `2m3s`.
pub fn took(took: Duration) -> String {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match millis {
        0 => "0s".into(),
        1..1000 => format!("{millis}ms"),
        1000..10_000 if millis % 1000 >= 100 => format!("{}.{}s", millis / 1000, millis % 1000 / 100),
        _ => Span(Duration::from_secs(millis / 1000)).to_string(),
    }
}

/// `1 change`, `3 changes`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_a_person_needs_them() {
        for (millis, text) in [
            (0, "0s"),
            (350, "350ms"),
            (1000, "1s"),
            (1560, "1.5s"),
            (9999, "9.9s"),
            (12_345, "12s"),
            (123_456, "2m3s"),
        ] {
            assert_eq!(took(Duration::from_millis(millis)), text);
        }
    }
}
