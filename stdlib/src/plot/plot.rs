//! `plot(title, series)`: series over time, as lines of blocks.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::noun::{Noun, a_type};
use meshbook_runtime::value::Table as Rows;
use rhai::Dynamic;
use serde_json::json;

use crate::descriptor::{self, param};
use crate::series::Series;
use crate::table::{Table, items};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "plot",
    params: &[param("title", Type::String, "one line above it"), param("series", Type::Any, "a Series, or a list of them")],
    summary: "Puts series on the screen as lines of blocks, and their points into the record.",
    doc: "Each line goes from the smallest value of its series to its largest; a gap is a blank. `-o json` has every point: `[seconds since 1970, value]`.",
    errors: &[&TYPE],
    search: &["graph", "chart", "sparkline", "trend"],
    examples: &[
        Example { world: "healthy", script: r#"plot("requests", prom::range("sum(rate(istio_requests_total[1m]))", over("3m"))); "shown""#, expect: Expect::Value("shown") },
        Example { world: "healthy", script: r#"plot("x", 3)"#, expect: Expect::Fails("meshbook::script::type") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let value = call.any(1);
    let all = if value.is::<Series>() { vec![value] } else { items(&value)? };
    if let Some(other) = all.iter().find(|one| !one.is::<Series>()) {
        return Err(Failure::new(&TYPE, format!("only a Series can be plotted, not {}", a_type(other)))
            .hint("prom::range(query, over) gives series"));
    }
    if all.is_empty() {
        call.run().show(Rows::line(format!("{}: no series", call.string(0)?)), json!([]));
        return Ok(Dynamic::UNIT);
    }
    let table = Table::of_nouns(&call.string(0)?, &all)?;
    call.run().show(table.table(), table.json());
    Ok(Dynamic::UNIT)
}
