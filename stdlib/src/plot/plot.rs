//! `plot(title, series)`: series over time, as curves.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::noun::{Noun, a_type};
use meshbook_runtime::value::{Drawing, Table as Rows};
use rhai::Dynamic;
use serde_json::json;

use crate::descriptor::{self, param};
use crate::series::Series;
use crate::table::{Table, items};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "plot",
    params: &[param("title", Type::String, "one line above it"), param("series", Type::Any, "a Series, or a list of them")],
    summary: "Puts series on the screen as curves, and their points into the record.",
    doc: "A terminal draws up to four series on the same axes. More of them, and all where there is no terminal, are a line of blocks each, from the smallest value of the series to its largest. Where there are no data there is a gap, marked `·`: it is not zero. `-o json` has every point: `[seconds since 1970, value]`.",
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
    let series: Vec<Series> = all.into_iter().filter_map(|one| one.try_cast::<Series>()).collect();
    call.run().show(Rows { drawing: Series::plot(&series).map(Drawing::Plot), ..table.table() }, table.json());
    Ok(Dynamic::UNIT)
}
