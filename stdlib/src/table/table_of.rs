//! `table(title, rows[, columns])`: several values as one table.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::show;
use crate::table::{Table, items};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "table",
    params: &[
        param("title", Type::String, "one line above it"),
        param("rows", Type::Any, "an array or a list of nouns, or of arrays of cells"),
        optional("columns", Type::Any, "()", "an array of headings"),
    ],
    returns: "Table",
    summary: "Several values as rows under headings, for `show`.",
    doc: "Nouns whose own tables have the same headings stand below each other; the record and `-o json` keep each as it is. With `columns`, each row is an array of as many cells.",
    errors: &[&TYPE],
    search: &["rows", "columns", "report"],
    examples: &[
        Example { world: "healthy", script: r#"table("what is", [["a", 1], ["b", 2]], ["NAME", "COUNT"])"#, expect: Expect::Value("what is") },
        Example { world: "healthy", script: r#"table("indicators", [indicator("one", "", "vector(1)"), indicator("two", "", "vector(2)")])"#, expect: Expect::Value("indicators") },
        Example { world: "healthy", script: r#"table("x", [1, 2])"#, expect: Expect::Fails("meshbook::script::type") },
        Example { world: "healthy", script: r#"table("x", [["a"]], ["NAME", "COUNT"])"#, expect: Expect::Fails("meshbook::script::type") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (title, rows) = (call.string(0)?, items(&call.any(1))?);
    if !call.given(2) {
        return Ok(Dynamic::from(Table::of_nouns(&title, &rows)?));
    }
    let columns: Vec<String> = items(&call.any(2))?.iter().map(show::text).collect();
    Ok(Dynamic::from(Table::of_cells(&title, &columns, &rows)?))
}
