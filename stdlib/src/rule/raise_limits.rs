//! `Rule.raise_limits(limit)`: raises what refuses.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::LIMIT_RANGE;
use crate::descriptor::{self, param};
use crate::kubernetes::read;
use crate::rule::Rule;
use crate::rule::policy::raise;
use crate::text::count;

/// The largest value of the field, which is an int32.
const MOST: u32 = i32::MAX as u32;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "raise_limits",
    receiver: Some("Rule"),
    params: &[param("limit", Type::Int, "what each proxy may have open, from 1 to 2147483647")],
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Raises the limits that refuse to a number; answers whether anything had to be raised.",
    doc: "Only limits that are set and lower, at the places in the rule that govern the clusters that refuse: the rule itself, a subset, a port. Unset means unlimited and stays unset. Connections, pending requests and open requests are raised together, because each of them bounds the same requests. istiod pushes the change within seconds: nothing has to be restarted.",
    errors: &[&LIMIT_RANGE, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CHANGE_RULE,
    search: &["maxConnections", "http1MaxPendingRequests", "http2MaxRequests", "circuit breaker"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"for rule in host("graph-core").refusals(over("30s")).rules() { rule.raise_limits(500); }"#,
            expect: Expect::Changes(&[
                "DestinationRule summit/graph-core: spec.trafficPolicy.connectionPool.http.http1MaxPendingRequests",
                "DestinationRule summit/graph-core: spec.trafficPolicy.connectionPool.http.http2MaxRequests",
                "DestinationRule summit/graph-core: spec.trafficPolicy.connectionPool.tcp.maxConnections",
            ]),
        },
        Example {
            world: "breaker",
            script: r#"host("graph-core").rules().first().raise_limits(2)"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "breaker",
            script: r#"host("graph-core").rules().first().raise_limits(0)"#,
            expect: Expect::Fails("meshbook::rule::limit_range"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (rule, limit) = (call.receiver::<Rule>()?, call.int(0)?);
    let limit = u32::try_from(limit).ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
        Failure::new(&LIMIT_RANGE, format!("{limit} is no limit: write a whole number from 1 to {MOST}"))
            .unchanged(format!("{} was not changed", rule.text()))
    })?;
    let before = read::get(call.run(), rule.object())?;
    let mut after = before.clone();
    let raised = after.get_mut("spec").map(|spec| raise(spec, &rule.levels(), limit)).unwrap_or_default();
    if raised.is_empty() {
        call.run().warn(format!("{}: nothing to raise, no limit is set below {limit}", rule.text()));
        return Ok(Dynamic::from(false));
    }
    // Which they are, and what they were, is what the difference shows.
    let summary = format!("raise {} to {limit}", count(raised.len(), "limit", "limits"));
    let change = Change::new(rule.object().clone(), summary, before, after);
    Ok(Dynamic::from(call.run().change(change)?.is_made()))
}
