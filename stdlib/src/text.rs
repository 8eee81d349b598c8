//! Words and figures in sentences.

/// The first line of a foreign text, cut to what fits into a message, without control characters.
pub fn first_line(text: &str) -> String {
    line(text, 160)
}

/// The same of a refusal, whose reason stands at its end.
pub fn reason(text: &str) -> String {
    line(text, 600)
}

fn line(text: &str, most: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut cut: String = line.chars().filter(|c| !c.is_control()).take(most).collect();
    if line.chars().count() > most {
        cut.push('…');
    }
    cut
}

/// `one, two and three`.
pub fn and(items: &[String]) -> String {
    match items {
        [] => "none".into(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The first few, and how many more there are.
pub fn some(items: &[String], most: usize) -> String {
    if items.len() <= most {
        and(items)
    } else {
        format!("{} and {} more", items[..most].join(", "), items.len() - most)
    }
}

/// A count with its noun: `1 proxy`, `3 proxies`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// A figure as people read it: whole from 100 on, else with at most three significant digits.
pub fn figure(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 || v == v.trunc() => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    // Thousands are set apart by a comma, which no decimal point can be taken for.
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = text.split_once('.').map_or((text, String::new()), |(w, f)| (w, format!(".{f}")));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && whole.chars().all(|c| c.is_ascii_digit()) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}

/// A time as people read it: milliseconds below one second.
pub fn time(seconds: f64) -> String {
    if seconds.abs() < 0.9995 {
        format!("{} ms", figure((seconds * 1000.0).round()))
    } else {
        format!("{} s", figure(seconds))
    }
}

/// An amount of memory as people read it, in units of 1024.
pub fn bytes(value: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB")];
    let (factor, unit) = UNITS.into_iter().find(|(factor, _)| value.abs() >= factor * 0.9995).unwrap_or((1.0, "bytes"));
    format!("{} {unit}", figure(value / factor))
}

/// A part of a whole, in per cent.
pub fn percent(part: f64) -> String {
    format!("{} %", figure((part * 1000.0).round() / 10.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn figures_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (62_072.0, "62,072"),
            (1_234_567.8, "1,234,568"),
            (0.1234, "0.123"),
            (12.34, "12.3"),
            (-1500.0, "-1,500"),
            (999.0, "999"),
        ] {
            assert_eq!(figure(value), text);
        }
        assert_eq!(percent(0.333), "33.3 %");
        assert_eq!((time(0.0484), time(4.875), time(0.9999)), ("48 ms".into(), "4.88 s".into(), "1 s".into()));
    }

    #[test]
    fn lists_and_lines() {
        let names = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(and(&names), "a, b and c");
        assert_eq!(some(&names, 2), "a, b and 1 more");
        assert_eq!(first_line("one\u{1b}[31m\ntwo"), "one[31m");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,400}", value in proptest::num::f64::ANY) {
            let _ = first_line(&text);
            let _ = figure(value);
        }
    }
}
