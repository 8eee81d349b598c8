//! `Answers.slowest()`: the longest that one request took.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::metric::{Metric, Unit};
use crate::request::Answers;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "slowest",
    receiver: Some("Answers"),
    returns: "Metric",
    summary: "The longest that one of the requests took, answered or not: a time, by curl's own clock.",
    errors: &[&NO_DATA],
    search: &["latency", "time_total", "duration"],
    examples: &[Example {
        world: "healthy",
        script: r#"workload("front").request(host("graph-core"), "/", #{ count: 3 }).slowest() < over("1s")"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let answers = call.receiver::<Answers>()?;
    Ok(Dynamic::from(Metric::of(format!("the slowest of {}", answers.what()), Unit::Seconds, Ok(answers.slowest()))))
}
