//! `Answers.flagged(flag)`: how many had this response flag.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::Missing;
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::metric::Metric;
use crate::request::Answers;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "flagged",
    receiver: Some("Answers"),
    params: &[param("flag", Type::String, "a response flag of Envoy: UO, UH, UF, URX, UT, NR, …")],
    returns: "Metric",
    summary: "How many requests had this response flag in the access log of the sidecar that took them; missing where it writes none.",
    doc: "Flags: <https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#command-operators>.",
    errors: &[&NO_DATA],
    search: &["response flags", "UO", "UH", "access log"],
    examples: &[Example {
        world: "no-healthy-upstream",
        script: r#"workload("front").request(host("graph-core"), "/", #{ count: 2 }).flagged("UH") == 2"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (answers, flag) = (call.receiver::<Answers>()?, call.string(0)?);
    let flagged = answers.flagged(&flag).map_err(Missing::NotExported);
    #[allow(clippy::cast_precision_loss, reason = "there are a hundred requests at most")]
    let flagged = flagged.map(|number| number as f64);
    Ok(Dynamic::from(Metric::new(format!("requests with flag {flag}"), flagged)))
}
