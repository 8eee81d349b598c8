//! Tables: headings in upper case as kubectl's, no borders, as wide as the terminal at most.

use meshbook_runtime::value::{Drawing, Table};

use super::chart;
use super::diff;
use super::escape;
use super::grid::{self, Mark};
use super::look::Look;

/// How a person sees the columns for which a prompt has no room.
pub const AT_PROMPT: &str = ":x shows every column";
/// How a person sees the columns for which a run's report has no room.
pub const IN_RUN: &str = "a wider terminal or `-o json` has them";

/// The lines of a shown value: its title, rows under headings, notes. `folded` says how to see the columns for which
/// there is no room.
pub fn lines(table: &Table, look: Look, indent: usize, folded: &str) -> Vec<String> {
    marked(table, look, indent, folded, &|_, _| false)
}

/// The same, with a mark at each cell, by row and column, that has changed.
pub fn marked(table: &Table, look: Look, indent: usize, folded: &str, changed: Mark) -> Vec<String> {
    let mut lines = title(table, look);
    match &table.drawing {
        Some(Drawing::Plot(plot)) if chart::can_draw(plot, look) => lines.extend(chart::lines(plot, look, indent)),
        Some(Drawing::Diff(hunks)) if look.live => lines.extend(hunks.iter().flat_map(|hunk| diff::hunk(hunk, look))),
        _ => {
            let (rows, left_out) = grid::folded(&table.columns, &table.rows, look, indent, changed);
            lines.extend(rows);
            if !left_out.is_empty() {
                let names = left_out.join(", ");
                lines.push(look.dim(format!("no room for {}: {folded}", escape::line(&names))));
            }
        }
    }
    lines.extend(notes(table, look));
    lines
}

/// The rows one after another, a line for each column, so that no cell has to share its line.
pub fn records(table: &Table, look: Look) -> Vec<String> {
    if table.rows.is_empty() {
        return lines(table, look, 0, AT_PROMPT);
    }
    let names: Vec<_> = table.columns.iter().map(|column| escape::line(column)).collect();
    let widest = names.iter().map(|name| grid::width(name)).max().unwrap_or_default();
    let mut lines = title(table, look);
    for (index, row) in table.rows.iter().enumerate() {
        lines.push(look.dim(format!("-- {} of {}", index + 1, table.rows.len())));
        for (name, cell) in names.iter().zip(row) {
            let heading = format!("{name}{}  ", " ".repeat(widest - grid::width(name)));
            let below = " ".repeat(widest + 2);
            let texts = escape::lines(cell).flat_map(|text| {
                let room = look.width.map_or(usize::MAX, |width| width.saturating_sub(widest + 2).max(20));
                let options = textwrap::Options::new(room).word_splitter(textwrap::WordSplitter::NoHyphenation);
                textwrap::wrap(&text, options).into_iter().map(|text| text.into_owned()).collect::<Vec<_>>()
            });
            let before = lines.len();
            for text in texts {
                let lead = if lines.len() == before { &heading } else { &below };
                lines.push(format!("{lead}{text}"));
            }
            if lines.len() == before {
                lines.push(heading.trim_end().to_owned());
            }
        }
    }
    lines.extend(notes(table, look));
    lines
}

fn title(table: &Table, look: Look) -> Vec<String> {
    if table.title.is_empty() {
        return Vec::new();
    }
    escape::lines(&table.title)
        .map(|title| if table.rows.is_empty() { title.into_owned() } else { look.bold(title) })
        .collect()
}

fn notes(table: &Table, look: Look) -> Vec<String> {
    let notes = table.notes.iter().flat_map(|note| escape::lines(note));
    // Branches of a tree, and the mark of a gap, are drawn with what the terminal has.
    let drawn = notes.map(|note| match look.symbols || look.width.is_none() {
        true => note,
        false => note.replace("├─", "|-").replace("└─", "`-").replace('·', ".").into(),
    });
    drawn.map(|note| look.dim(note)).collect()
}

#[cfg(test)]
mod tests {
    use meshbook_runtime::value::Hunk;

    use super::*;

    fn sample() -> Table {
        let mut table = Table::new("Refused in the last 30s", &["PROXY", "SIDE", "REFUSED"]);
        table.row(["summit/front-7d4b9c6f5d-x2x8k".into(), "outbound to graph-core".into(), "1204".into()]);
        table.row(["summit/front-\u{1b}[31m".into(), "outbound".into(), "9".into()]);
        table.note("source: Prometheus");
        table
    }

    #[test]
    fn a_pipe_gets_every_row_on_one_line() {
        let expected = [
            "Refused in the last 30s",
            "PROXY                          SIDE                    REFUSED",
            "summit/front-7d4b9c6f5d-x2x8k  outbound to graph-core  1204",
            "summit/front-\\u{1b}[31m        outbound                9",
            "source: Prometheus",
        ];
        assert_eq!(lines(&sample(), Look::PLAIN, 0, IN_RUN), expected);
    }

    #[test]
    fn a_narrow_terminal_wraps_then_folds_and_says_which() {
        let at = |width| Look { live: true, symbols: true, width: Some(width), ..Look::PLAIN };
        assert_eq!(
            lines(&sample(), at(58), 2, AT_PROMPT)[1..4],
            [
                "PROXY                          SIDE              REFUSED",
                "summit/front-7d4b9c6f5d-x2x8k  outbound to       1204",
                "                               graph-core",
            ]
        );
        assert_eq!(
            lines(&sample(), at(48), 2, AT_PROMPT),
            [
                "Refused in the last 30s",
                "PROXY                          SIDE",
                "summit/front-7d4b9c6f5d-x2x8k  outbound to",
                "                               graph-core",
                "summit/front-\\u{1b}[31m        outbound",
                "no room for REFUSED: :x shows every column",
                "source: Prometheus",
            ]
        );
    }

    #[test]
    fn each_row_stands_for_itself_and_nothing_of_it_is_lost() {
        let mut table = Table::new("t", &["NAME", "名前"]);
        table.row(["a\u{1b}[2J".into(), "one two three four five six".into()]).row(["b".into(), String::new()]);
        assert_eq!(
            records(&table, Look { width: Some(26), ..Look::PLAIN }),
            [
                "t",
                "-- 1 of 2",
                "NAME  a\\u{1b}[2J",
                "名前  one two three four",
                "      five six",
                "-- 2 of 2",
                "NAME  b",
                "名前"
            ]
        );
    }

    #[test]
    fn a_difference_is_one_on_a_terminal_and_rows_in_a_pipe() {
        let mut table = Table::new("one is otherwise", &["FIELD", "THERE", "IN MOST"]);
        table.row(["max_connections".into(), "4".into(), "500".into()]).note("└─ a branch");
        let fields = vec![
            ("max_connections".into(), Some("500".into()), Some("4".into())),
            (String::new(), None, Some("{}".into())),
        ];
        table.drawing = Some(Drawing::Diff(vec![Hunk { heading: "cluster a: - most, + one".into(), fields }]));
        let look = Look { live: true, width: Some(80), ..Look::PLAIN };
        assert_eq!(
            lines(&table, look, 0, IN_RUN),
            [
                "one is otherwise",
                "cluster a: - most, + one",
                "  - max_connections: 500",
                "  + max_connections: 4",
                "  + all of it: {}",
                "`- a branch"
            ]
        );
        assert_eq!(lines(&table, Look::PLAIN, 0, IN_RUN)[2], "max_connections  4      500");
        assert!(records(&table, look).contains(&"IN MOST  500".to_owned()));
    }

    #[test]
    fn a_value_of_one_line_is_that_line() {
        assert_eq!(lines(&Table::line("503 from graph-core"), Look::PLAIN, 0, IN_RUN), ["503 from graph-core"]);
    }
}
