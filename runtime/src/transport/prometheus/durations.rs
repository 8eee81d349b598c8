//! Numbers where a query wants a duration: `[300]`, `[1h:60]`, `offset 300`, in seconds.
//!
//! The parser takes a process down that hands it more seconds than a duration holds, or none (`[1e30]`, `[NaN]`), so that
//! such a query is refused before it is parsed. No real one has them.

/// So many seconds, some 30 million years, are no duration that anybody means.
const LONGEST: f64 = 1e15;

/// Why a query whose durations do not [`fit()`] is refused.
pub const TOO_LONG: &str = "a duration in it is longer than any, or is no number";

/// Whether the parser can read every duration of a query.
pub fn fit(query: &str) -> bool {
    let mut rest = query;
    // Whether a duration may stand here.
    let mut wanted = false;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let length = match first {
            '"' | '\'' | '`' => quoted(rest, first),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            c if is_word(c) => {
                // The name of a recording rule has colons.
                let name = !c.is_ascii_digit() && c != '.' && !wanted;
                let mut length = rest.find(|c| !(is_word(c) || name && c == ':')).unwrap_or(rest.len());
                // The sign of an exponent is part of a number.
                if c.is_ascii_digit() && rest[..length].ends_with(['e', 'E']) && rest[length..].starts_with(['+', '-'])
                {
                    let digits = &rest[length + 1..];
                    length += 1 + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
                }
                let word = &rest[..length];
                if wanted && word.parse::<f64>().is_ok_and(|seconds| !(0.0..LONGEST).contains(&seconds)) {
                    return false;
                }
                wanted = word.eq_ignore_ascii_case("offset");
                length
            }
            c => {
                wanted = matches!(c, '[' | ':') || wanted && (c.is_whitespace() || matches!(c, '+' | '-'));
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    true
}

/// How long the text in quotes is that begins here; to the end if its quotes do not close.
fn quoted(text: &str, mark: char) -> usize {
    let mut escaped = false;
    let closing = text.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == mark && !escaped;
        escaped = *c == '\\' && !escaped && mark != '`';
        closes
    });
    closing.map_or(text.len(), |(place, c)| place + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parser_cannot_hold_is_told() {
        for good in
            ["a[5m]", "a[300]", "a[1h:60] offset -300", "a > 1e300", "x:inf:y", "a{b=\"[1e300]\"}", "a # [1e300]"]
        {
            assert!(fit(good), "{good}");
            let _ = promql_parser::parser::parse(good);
        }
        for bad in ["a[18446744073709551616]", "a[ 1e30 ]", "a[5m:1e+30]", "a offset 1e30", "a OFFSET - Inf", "a[NaN]"]
        {
            assert!(!fit(bad), "{bad}");
        }
    }
}
