//! Tables: headings in upper case as kubectl's, no borders, as wide as the terminal at most.

use comfy_table::{Cell, ContentArrangement, Table as Grid, presets};
use meshbook_runtime::value::Table;

use super::escape;
use super::look::Look;

/// The lines of a shown value: its title, rows under headings, notes.
pub fn lines(table: &Table, look: Look, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if !table.title.is_empty() {
        lines.extend(
            escape::lines(&table.title)
                .map(|title| if table.rows.is_empty() { title.into_owned() } else { look.bold(title) }),
        );
    }
    lines.extend(grid(&table.columns, &table.rows, look, indent));
    for note in &table.notes {
        lines.extend(escape::lines(note).map(|note| look.dim(note)));
    }
    lines
}

/// Rows under headings.
pub fn grid(columns: &[impl AsRef<str>], rows: &[Vec<String>], look: Look, indent: usize) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING).force_no_tty();
    if let Some(width) = look.width {
        let width = width.saturating_sub(indent).max(20);
        grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(width).unwrap_or(u16::MAX));
    }
    grid.set_header(columns.iter().map(|column| Cell::new(escape::line(column.as_ref()))));
    for row in rows {
        grid.add_row(row.iter().map(|cell| Cell::new(escape::lines(cell).collect::<Vec<_>>().join("\n"))));
    }
    for column in grid.column_iter_mut() {
        column.set_padding((0, 2));
    }
    grid.lines()
        .enumerate()
        .map(|(index, line)| {
            let line = line.trim_end();
            if index == 0 { look.dim(line) } else { line.to_owned() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

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
        assert_eq!(lines(&sample(), Look::PLAIN, 0), expected);
    }

    #[test]
    fn a_terminal_gets_no_line_that_it_would_break() {
        let look = Look { live: true, symbols: true, width: Some(44), ..Look::PLAIN };
        let lines = lines(&sample(), look, 4);
        assert!(lines.len() > 5, "{lines:?}");
        assert!(lines.iter().skip(1).all(|line| line.width() <= 40), "{lines:?}");
    }

    #[test]
    fn a_value_of_one_line_is_that_line() {
        assert_eq!(lines(&Table::line("503 from graph-core"), Look::PLAIN, 0), ["503 from graph-core"]);
    }
}
