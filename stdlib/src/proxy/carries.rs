//! `Proxy.carries(rules)`: whether it has received them.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA, NOT_FOUND};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::code::EMPTY;
use crate::descriptor::{self, param};
use crate::proxy::Proxy;
use crate::proxy::lag::lag;
use crate::rule::Rule;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "carries",
    receiver: Some("Proxy"),
    params: &[param("rules", Type::Any, "a Rule, or a list of them")],
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether the proxy's live configuration has the limits that the rules now prescribe, in every cluster that they govern.",
    doc: "Compares fields, of every subset and port: that istiod sent something, or that the proxy acknowledged something, is not enough. Who lags is shown by the `wait` that asks.",
    errors: &[&EMPTY, &NO_DATA, &NOT_FOUND],
    permissions: descriptor::CARRIES,
    search: &["propagated", "synced", "config dump", "xDS"],
    examples: &[Example {
        world: "breaker",
        script: r#"let refusals = host("graph-core").refusals(over("30s")); refusals.proxies().all(|proxy| proxy.carries(refusals.rules()))"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (proxy, given) = (call.receiver::<Proxy>()?, call.any(0));
    let rules = match given.clone().try_cast::<List>() {
        Some(list) => list.cast::<Rule>(),
        None => given.try_cast::<Rule>().into_iter().collect(),
    };
    if rules.is_empty() {
        return Err(Failure::new(&EMPTY, format!("{} was asked whether it carries no rule at all", proxy.text()))
            .hint("give it a Rule, or a list of them that is not empty"));
    }
    let lag = lag(call.run(), &proxy, &rules)?;
    saw(call, lag.clone().unwrap_or_else(|| format!("{} carries the limits", proxy.text())));
    Ok(Dynamic::from(lag.is_none()))
}
