//! `:x [EXPR]`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::value::Table;
use meshbook_stdlib::show;

use super::Command;
use crate::front::Ink;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":x",
    takes: "[EXPR]",
    summary: "shows a value one row after another, a line for each column",
    help: "Without an expression it is the last result.",
    body,
};

fn body(session: &mut Session, expression: &str) -> Result<Next, Failure> {
    let Some(value) = session.value_of(expression)? else { return Ok(Next::Go) };
    let table = show::table(&value);
    let front = session.front();
    if table.rows.is_empty() {
        front.table(&table);
        return Ok(Next::Go);
    }
    if !table.title.is_empty() {
        front.print(&front.paint(Ink::Bold, &table.title));
    }
    expanded(&table).iter().for_each(|line| front.print(line));
    table.notes.iter().for_each(|note| front.print(&front.paint(Ink::Dim, note)));
    Ok(Next::Go)
}

/// A heading for each row, and a line for each of its cells.
fn expanded(table: &Table) -> Vec<String> {
    let widest = table.columns.iter().map(|column| column.chars().count()).max().unwrap_or_default();
    let rows = table.rows.iter().enumerate();
    rows.flat_map(|(index, row)| {
        let cells = table.columns.iter().zip(row).map(|(column, cell)| format!("{column:<widest$}  {cell}"));
        std::iter::once(format!("-- {} of {}", index + 1, table.rows.len())).chain(cells.collect::<Vec<_>>())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_stands_for_itself() {
        let mut table = Table::new("t", &["NAME", "IP"]);
        table.row(["a".into(), "10.0.0.1".into()]).row(["b".into(), String::new()]);
        assert_eq!(expanded(&table), ["-- 1 of 2", "NAME  a", "IP    10.0.0.1", "-- 2 of 2", "NAME  b", "IP    "]);
    }
}
