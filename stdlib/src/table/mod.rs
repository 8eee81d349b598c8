//! The table: several values as rows under headings.

use std::sync::Arc;

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::{Noun, a_type};
use meshbook_runtime::value::List;
use meshbook_runtime::value::Table as Rows;
use rhai::{Array, Dynamic};
use serde_json::{Value, json};

use crate::show;

/// Rows under headings.
#[derive(Clone, Debug)]
pub struct Table(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rows: Rows,
    json: Value,
}

/// The items of an array or a list.
///
/// # Errors
/// `TYPE` for anything else.
pub fn items(value: &Dynamic) -> Result<Vec<Dynamic>, Failure> {
    if let Some(list) = value.clone().try_cast::<List>() {
        return Ok(list.items().to_vec());
    }
    let array = value.clone().try_cast::<Array>();
    array.ok_or_else(|| Failure::new(&TYPE, format!("rows must be an array or a list, not {}", a_type(value))))
}

impl Table {
    /// Rows of cells under the given headings.
    ///
    /// # Errors
    /// `TYPE` if a row is no array, or has another number of cells.
    pub fn of_cells(title: &str, columns: &[String], rows: &[Dynamic]) -> Result<Table, Failure> {
        let mut table = Rows { title: title.to_owned(), columns: columns.to_vec(), ..Rows::default() };
        let mut json = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let cells =
                row.clone().try_cast::<Array>().filter(|cells| cells.len() == columns.len()).ok_or_else(|| {
                    Failure::new(
                        &TYPE,
                        format!("row {} of the table is not an array of {} cells", index + 1, columns.len()),
                    )
                })?;
            table.rows.push(cells.iter().map(show::text).collect());
            json.push(columns.iter().zip(&cells).map(|(name, cell)| (name.to_lowercase(), show::json(cell))).collect());
        }
        Ok(Table(Arc::new(Inner { rows: table, json: Value::Array(json) })))
    }

    /// Nouns whose own tables have the same headings, one below the other.
    ///
    /// # Errors
    /// `TYPE` if their headings differ, or one has none.
    pub fn of_nouns(title: &str, nouns: &[Dynamic]) -> Result<Table, Failure> {
        let mut table = Rows::line(title);
        for noun in nouns {
            let own = show::table(noun);
            if own.columns.is_empty() || (!table.columns.is_empty() && table.columns != own.columns) {
                return Err(Failure::new(
                    &TYPE,
                    format!("{} does not stand under the headings of the others", a_type(noun)),
                )
                .hint(
                    "give the headings: table(title, rows, [\"ONE\", \"TWO\"]), where each row is an array of cells",
                ));
            }
            table.columns = own.columns;
            table.rows.extend(own.rows);
            for note in own.notes {
                if !table.notes.contains(&note) {
                    table.notes.push(note);
                }
            }
        }
        Ok(Table(Arc::new(Inner { rows: table, json: nouns.iter().map(show::json).collect() })))
    }
}

impl Noun for Table {
    const NAME: &'static str = "Table";
    const DOC: &'static str = "Values as rows under headings.";

    fn text(&self) -> String {
        self.0.rows.title.clone()
    }

    fn table(&self) -> Rows {
        self.0.rows.clone()
    }

    fn json(&self) -> Value {
        json!({ "title": self.0.rows.title, "rows": self.0.json })
    }
}
