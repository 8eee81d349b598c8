//! `Proxies.stats(filter)`: the statistics of the proxies whose names match a regular expression.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::ENVOY_FILTER;
use crate::descriptor::{self, param};
use crate::envoy::admin;
use crate::proxies::Proxies;
use crate::page::gather::{Ask, gather};
use crate::page::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "stats",
    receiver: Some("Proxies"),
    params: &[param("filter", Type::String, "a regular expression (RE2) for their names")],
    returns: "Page",
    class: Some(Class::Read),
    summary: "The statistics of the proxies whose names match a regular expression.",
    doc: "From `/stats?format=json&filter=` (RE2, found anywhere in a name). What Istio does not export is absent, which is not zero. Histograms are left out. Each row has `name`, `value` (int since the proxy started for counters, now for gauges, string for texts), `proxy`.",
    errors: &[&ENVOY_FILTER],
    permissions: descriptor::FORWARD,
    search: &["istioctl experimental envoy-stats", "counters", "gauges"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").stats("^server[.]total_connections$").rows().len()"#, expect: Expect::Value("3") },
        Example { world: "breaker-default-stats", script: r#"proxies("front").stats("outbound[|].*upstream_rq_pending_overflow")"#, expect: Expect::Contains("not exported") },
        Example { world: "healthy", script: r#"proxies("front").stats("(")"#, expect: Expect::Fails("meshbook::envoy::filter") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, proxies) = (call.run(), call.receiver::<Proxies>()?);
    let filter = call.string(0)?;
    if filter.is_empty() {
        return Err(Failure::new(&ENVOY_FILTER, "an empty filter would fetch every statistic of every proxy")
            .hint("write a regular expression, such as `^server[.]memory`"));
    }
    regex::Regex::new(&filter).map_err(|error| {
        let what = error.to_string();
        let last = what.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Failure::new(&ENVOY_FILTER, format!("`{}` is no regular expression: {last}", crate::text::first_line(&filter)))
            .hint("escape what is meant as it is, such as `[|]` or `[.]`")
    })?;
    let ask = Ask {
        what: "statistics".into(),
        columns: read::STATS,
        page: &|namespace, pod| admin::stats_by(namespace, pod, &filter),
        read: &read::stats,
        empty: Some(format!("no statistic matches `{}`: Istio exports few by default, `proxyStatsMatcher` adds others", crate::text::first_line(&filter))),
        notes: Vec::new(),
    };
    Ok(Dynamic::from(gather(run, &proxies, ask)?))
}
