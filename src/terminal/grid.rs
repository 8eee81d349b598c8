//! Rows under headings, in the width that there is.
//!
//! A cell is broken between words as long as that reads well. Where it does not, whole columns are left out, those on
//! the right first, and their names are answered.

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table as Grid, Width, presets};
use unicode_width::UnicodeWidthStr;

use super::escape;
use super::look::Look;

/// Whether a cell, by its row and column, has changed since it was last seen.
pub type Mark<'a> = &'a dyn Fn(usize, usize) -> bool;

/// Between two columns.
const GAP: usize = 2;
/// Prose may be broken into lines so narrow.
const PROSE: usize = 24;
/// Words up to this width, such as the names of pods, are not broken: they are copied.
const WORD: usize = 48;

/// The columns that a text takes.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Rows under headings, all of them however narrow.
pub fn lines(columns: &[impl AsRef<str>], rows: &[Vec<String>], look: Look, indent: usize) -> Vec<String> {
    let cells = Cells::new(columns, rows, &|_, _| false);
    let all: Vec<usize> = (0..columns.len()).collect();
    cells.lines(&all, look, indent)
}

/// Rows under headings, and the names of the columns for which there is no room.
pub fn folded(
    columns: &[String],
    rows: &[Vec<String>],
    look: Look,
    indent: usize,
    changed: Mark,
) -> (Vec<String>, Vec<String>) {
    let cells = Cells::new(columns, rows, changed);
    let kept = match look.width {
        Some(width) => fitting(&cells.needs(), room(width, indent)),
        None => (0..columns.len()).collect(),
    };
    let left_out = (0..columns.len()).filter(|index| !kept.contains(index)).map(|index| columns[index].clone());
    (cells.lines(&kept, look, indent), left_out.collect())
}

fn room(width: usize, indent: usize) -> usize {
    width.saturating_sub(indent).max(20)
}

/// What a column needs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Need {
    /// To have each of its cells' lines on one line.
    whole: usize,
    /// To be read at all.
    least: usize,
}

/// The columns that fit: the first always, then as many from the left as can be read, then those further right for
/// which there is room nevertheless.
fn fitting(needs: &[Need], room: usize) -> Vec<usize> {
    let taken = |kept: &[usize]| {
        kept.iter().map(|index| needs[*index].least).sum::<usize>() + kept.len().saturating_sub(1) * GAP
    };
    let mut count = needs.len();
    while count > 1 && taken(&(0..count).collect::<Vec<_>>()) > room {
        count -= 1;
    }
    let mut kept: Vec<usize> = (0..count).collect();
    for index in count..needs.len() {
        kept.push(index);
        if taken(&kept) > room {
            kept.pop();
        }
    }
    kept
}

/// The width of each column: as little as it can be read in, and what is left for those that miss the least.
fn widths(needs: &[Need], room: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = needs.iter().map(|need| need.least).collect();
    let mut left = room.saturating_sub(widths.iter().sum::<usize>() + needs.len().saturating_sub(1) * GAP);
    let mut order: Vec<usize> = (0..needs.len()).collect();
    order.sort_by_key(|index| needs[*index].whole - needs[*index].least);
    for (place, index) in order.iter().enumerate() {
        let share = left / (order.len() - place);
        let more = share.min(needs[*index].whole - needs[*index].least);
        widths[*index] += more;
        left -= more;
    }
    widths
}

/// Cells that are safe for a terminal.
struct Cells {
    columns: Vec<String>,
    /// Each with whether it is marked.
    rows: Vec<Vec<(String, bool)>>,
}

impl Cells {
    fn new(columns: &[impl AsRef<str>], rows: &[Vec<String>], changed: Mark) -> Cells {
        let cell = |row: usize, column: usize, text: &str| {
            let mut safe = escape::lines(text).collect::<Vec<_>>().join("\n");
            let marked = changed(row, column);
            if marked {
                safe.push_str(" *");
            }
            (safe, marked)
        };
        Cells {
            columns: columns.iter().map(|column| escape::line(column.as_ref()).into_owned()).collect(),
            rows: rows
                .iter()
                .enumerate()
                .map(|(row, cells)| cells.iter().enumerate().map(|(column, text)| cell(row, column, text)).collect())
                .collect(),
        }
    }

    fn needs(&self) -> Vec<Need> {
        let need = |(index, heading): (usize, &String)| {
            let texts = || {
                let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|(text, _)| text.as_str());
                std::iter::once(heading.as_str()).chain(cells)
            };
            let whole = texts().flat_map(str::lines).map(width).max().unwrap_or_default();
            let word = texts().flat_map(str::split_whitespace).map(width).max().unwrap_or_default();
            // What the row is about is never broken if it can be helped.
            let word = if index == 0 { word } else { word.min(WORD) };
            Need { whole, least: word.max(whole.div_ceil(2).min(PROSE)).min(whole) }
        };
        self.columns.iter().enumerate().map(need).collect()
    }

    /// The given columns.
    fn lines(&self, kept: &[usize], look: Look, indent: usize) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING).force_no_tty();
        grid.set_header(kept.iter().map(|index| Cell::new(&self.columns[*index])));
        if look.colour {
            grid.enforce_styling();
        }
        for row in &self.rows {
            grid.add_row(kept.iter().filter_map(|index| row.get(*index)).map(|(text, marked)| {
                let cell = Cell::new(text);
                if *marked && look.colour { cell.fg(Color::Yellow) } else { cell }
            }));
        }
        for (place, column) in grid.column_iter_mut().enumerate() {
            column.set_padding((0, if place + 1 < kept.len() { GAP as u16 } else { 0 }));
        }
        if let Some(width) = look.width {
            let (all, room) = (self.needs(), room(width, indent));
            let needs: Vec<Need> = kept.iter().map(|index| all[*index]).collect();
            grid.set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(u16::try_from(room).unwrap_or(u16::MAX));
            // Where even the least is too much, the grid breaks words as it finds best.
            let widths = widths(&needs, room);
            if widths.iter().sum::<usize>() + kept.len().saturating_sub(1) * GAP <= room {
                for (place, (column, width)) in grid.column_iter_mut().zip(widths).enumerate() {
                    let padded = width + if place + 1 < kept.len() { GAP } else { 0 };
                    let fixed = Width::Fixed(u16::try_from(padded.max(1)).unwrap_or(u16::MAX));
                    column.set_constraint(ColumnConstraint::Absolute(fixed));
                }
            }
        }
        grid.lines()
            .enumerate()
            .map(|(index, line)| {
                let line = line.trim_end();
                if index == 0 { look.dim(line) } else { line.to_owned() }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(width: usize) -> Look {
        Look { live: true, symbols: true, width: Some(width), ..Look::PLAIN }
    }

    #[test]
    fn wide_characters_keep_the_columns_straight() {
        let columns = ["NAME", "注記", "READY"].map(str::to_owned);
        let rows = [
            ["日本語サービス".to_owned(), "🚀 launched".to_owned(), "1/1".to_owned()].to_vec(),
            ["front".to_owned(), "é".to_owned(), "0/1".to_owned()].to_vec(),
        ];
        let (lines, _) = folded(&columns, &rows, at(80), 0, &|_, _| false);
        let starts = ["READY", "1/1", "0/1"].map(|text| {
            lines.iter().find_map(|line| line.find(text).map(|byte| width(&line[..byte]))).unwrap_or_default()
        });
        assert_eq!(starts, [29, 29, 29], "{}", lines.join("\n"));
    }

    #[test]
    fn columns_on_the_right_go_first_unless_a_narrow_one_still_fits() {
        let need = |whole: usize, least: usize| Need { whole, least };
        let needs = [need(30, 30), need(40, 24), need(200, 24), need(3, 3)];
        assert_eq!(fitting(&needs, 200), [0, 1, 2, 3]);
        assert_eq!(fitting(&needs, 80), [0, 1, 3]);
        assert_eq!(fitting(&needs, 10), [0]);
        assert_eq!(widths(&needs, 120), [30, 40, 41, 3]);
    }

    #[test]
    fn a_cell_that_changed_is_marked_with_and_without_colour() {
        let rows = [["a".to_owned(), "1".to_owned()].to_vec()];
        let columns = ["NAME", "READY"].map(str::to_owned);
        let marked = |look| folded(&columns, &rows, look, 0, &|_, column| column == 1).0;
        assert_eq!(marked(at(40)), ["NAME  READY", "a     1 *"]);
        let coloured = marked(Look { colour: true, ..at(40) });
        assert!(coloured[1].contains("\u{1b}[") && coloured[1].contains("1 *"), "{coloured:?}");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            rows in proptest::collection::vec(proptest::collection::vec("[a-z /日本🚀]{0,40}", 4), 1..6),
            width in 40_usize..200,
        ) {
            let columns = ["ONE", "TWO", "THREE", "FOUR"].map(str::to_owned);
            let (lines, left_out) = folded(&columns, &rows, at(width), 0, &|_, _| false);
            for line in &lines {
                prop_assert!(super::width(line) <= width, "{line:?} at {width}");
            }
            prop_assert_eq!(left_out.is_empty(), columns.iter().all(|name| lines[0].contains(name.as_str())));
        }
    }
}
