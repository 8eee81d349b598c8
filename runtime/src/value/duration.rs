//! Spans of time: `30s`, `1m30s`, `2h`. Never a bare number.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span of time, at least one millisecond, at most 366 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

const LONGEST: u64 = 366 * 24 * 3600 * 1000;

impl FromStr for Span {
    type Err = String;

    /// Reads Prometheus' and Go's common form: numbers with units `ms s m h d`, longest first, each at most once.
    fn from_str(text: &str) -> Result<Self, String> {
        let is = |what: &str| format!("`{text}` {what}; write for example 500ms, 30s, 1m30s, 2h");
        let wrong = || is("is not a duration");
        let mut rest = text;
        let mut total: u64 = 0;
        let mut ceiling = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let unit: u64 = match &rest[..letters] {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(wrong()),
            };
            if unit >= ceiling {
                return Err(wrong());
            }
            ceiling = unit;
            rest = &rest[letters..];
            total = number
                .checked_mul(unit)
                .and_then(|part| total.checked_add(part))
                .filter(|t| *t <= LONGEST)
                .ok_or_else(|| is("is too long: a duration is at most 366d"))?;
        }
        if text.is_empty() {
            return Err(wrong());
        }
        if total == 0 {
            Err(is("is too short: a duration is at least 1ms"))
        } else {
            Ok(Span(Duration::from_millis(total)))
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(LONGEST);
        for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")] {
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write_and_refuses_the_rest() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("1m30s", 90_000), ("2h", 7_200_000), ("1d", 86_400_000)]
        {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))), "{text}");
        }
        for text in ["", "30", "s", "0s", "30x", "30s1m", "1m1m", "-5s", "2.5s", "9999999999999999999h", "400d", "1é"]
        {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(millis in 1..=LONGEST) {
            let span = Span(Duration::from_millis(millis));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }

        #[test]
        fn nothing_panics(text in ".{0,20}") {
            let _ = text.parse::<Span>();
        }
    }
}
