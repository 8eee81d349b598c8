//! `prom::query(query)`: one number from Prometheus.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{BAD_ANSWER, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use meshbook_runtime::value::Missing;
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::metric::Metric;
use crate::prometheus::{ask, refused};
use crate::text::first_line;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "prom::query",
    params: &[param("query", Type::String, "PromQL").naming(Names::PromQl)],
    returns: "Metric",
    class: Some(Class::Read),
    summary: "Asks Prometheus a query that has one number as its answer.",
    doc: "PromQL, evaluated now. No series is missing data and not zero; NaN is missing data too. A query with several series is refused: aggregate it, so that it is plain which number is meant.",
    errors: &[&BAD_ANSWER],
    permissions: descriptor::PROMETHEUS,
    search: &["PromQL", "metric"],
    examples: &[
        Example { world: "healthy", script: r#"prom::query("vector(3)") > 2"#, expect: Expect::Value("true") },
        Example {
            world: "healthy",
            script: r#"prom::query("no_such_metric") > 2"#,
            expect: Expect::Fails("meshbook::data::missing"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let query = call.string(0)?;
    let value = match ask(call.run(), &format!("query {}", first_line(&query)), query.clone())? {
        Ok(series) => match series.as_slice() {
            [] => Err(Missing::NoSeries(first_line(&query))),
            [one] => one.last().map(|sample| sample.1).ok_or_else(|| Missing::NoSeries(first_line(&query))),
            several => {
                return Err(refused(
                    &query,
                    &format!("it has {} series; aggregate them to one, for example by sum(…)", several.len()),
                ));
            }
        },
        Err(missing) => Err(missing),
    };
    let metric = Metric::new(first_line(&query), value);
    saw(call, metric.text());
    Ok(Dynamic::from(metric))
}
