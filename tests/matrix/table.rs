//! The matrix as a table.

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use crate::cell::{Cell, Part};
use crate::expected::Expected;

/// Prints all cells: the worlds as they are as a table, the others as counts.
pub fn print(expected: &Expected, cells: &[Cell]) {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).force_no_tty();
    table.set_header(std::iter::once("world").chain(expected.runbooks.iter().map(String::as_str)));
    for world in &expected.worlds {
        let of = |runbook: &String| {
            let cell = cells
                .iter()
                .find(|cell| cell.part == Part::Table && cell.world == world.name && cell.runbook == *runbook);
            cell.map(|cell| {
                let mark = if !cell.wrong.is_empty() {
                    "WRONG "
                } else if cell.own {
                    "* "
                } else {
                    ""
                };
                format!("{mark}{}", cell.outcome)
            })
        };
        let row: Vec<Option<String>> = expected.runbooks.iter().map(of).collect();
        if row.iter().any(Option::is_some) {
            table.add_row(std::iter::once(world.name.clone()).chain(row.into_iter().map(Option::unwrap_or_default)));
        }
    }
    println!("{table}\n* the world's own runbook");
    let parts = [
        (Part::Seeds, "varied by seed"),
        (Part::Two, "with two faults"),
        (Part::InVain, "with a cure that does not help"),
        (Part::Blind, "with missing evidence"),
    ];
    for (part, what) in parts {
        let of: Vec<&Cell> = cells.iter().filter(|cell| cell.part == part).collect();
        let wrong = of.iter().filter(|cell| !cell.wrong.is_empty()).count();
        let took: std::time::Duration = of.iter().map(|cell| cell.took).sum();
        println!("{what}: {} runs in {} s of one processor, {wrong} wrong", of.len(), took.as_secs());
    }
}
