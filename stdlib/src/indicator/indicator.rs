//! `indicator(what, unit, query)`: what a query measures, for a verdict.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::indicator::{Unit, gather};
use crate::text::first_line;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "indicator",
    params: &[
        param("what", Type::String, "what it measures, in a few words"),
        param("unit", Type::String, "`\"share\"` (0 to 1), `\"seconds\"`, `\"per second\"`, `\"bytes\"`, or empty")
            .naming(Names::OneOf(&["share", "seconds", "per second", "bytes"])),
        param("query", Type::String, "PromQL").naming(Names::PromQl),
    ],
    returns: "Indicator",
    class: Some(Class::Read),
    summary: "Measures what a query says now, for each of its series.",
    doc: "Asks Prometheus the query, and for each metric in it how old its newest sample is. So no data has a reason: a metric that is not exported, one that was not scraped for two minutes, a selection without series, a share of nothing (NaN). Series that are NaN are left out; a division of something by nothing is infinite, and beyond every bound.",
    errors: &[&TYPE],
    permissions: descriptor::PROMETHEUS,
    search: &["PromQL", "metric", "panel", "SLI", "threshold"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"indicator("two", "", "vector(2)").at_most(3).is_beyond()"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "healthy",
            script: r#"indicator("gone", "", "rate(no_such_total[5m])").why()"#,
            expect: Expect::Contains("not exported: no_such_total"),
        },
        Example {
            world: "healthy",
            script: r#"indicator("x", "percent", "vector(2)")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (what, unit, query) = (call.string(0)?, call.string(1)?, call.string(2)?);
    let unit = Unit::ALL.iter().find(|(name, _)| *name == unit).map(|(_, unit)| *unit).ok_or_else(|| {
        let known: Vec<String> = Unit::ALL.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        Failure::new(&TYPE, format!("`{}` is not a unit", first_line(&unit)))
            .hint(format!("write {}", known.join(", ")))
    })?;
    let measured = gather::gather(call.run(), &what, unit, &query)?;
    saw(call, measured.text());
    Ok(Dynamic::from(measured))
}
