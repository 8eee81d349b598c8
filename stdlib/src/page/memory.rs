//! `Proxies.memory()`: what the allocators of the proxies have taken.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::envoy::admin;
use crate::proxies::Proxies;
use crate::page::gather::{Ask, gather};
use crate::page::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "memory",
    receiver: Some("Proxies"),
    returns: "Page",
    class: Some(Class::Read),
    summary: "What the allocators of the proxies have taken.",
    doc: "From `/memory` (`envoy.admin.v3.Memory`). Each row has `allocated`, `heap_size`, `pageheap_free`, `total_thread_cache`, `total_physical_bytes` (`()` where an Envoy does not say), all in bytes (float), `proxy`.",
    permissions: descriptor::FORWARD,
    search: &["heap", "allocator", "OOM"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").memory().rows()[0].allocated > 1000000"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, proxies) = (call.run(), call.receiver::<Proxies>()?);
    let ask = Ask {
        what: "memory".into(),
        columns: read::MEMORY,
        page: &|namespace, pod| admin::heap(namespace, pod),
        read: &read::memory,
        empty: None,
        notes: Vec::new(),
    };
    Ok(Dynamic::from(gather(run, &proxies, ask)?))
}
