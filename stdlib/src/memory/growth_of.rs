//! `SidecarMemory.growth()`: how fast it grows.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::Missing;
use rhai::Dynamic;

use crate::descriptor;
use crate::memory::SidecarMemory;
use crate::metric::{Metric, Unit};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "growth",
    receiver: Some("SidecarMemory"),
    returns: "Metric",
    summary: "How fast the working set of the sidecar grows that grows most: bytes in an hour. Negative if all shrink.",
    doc: "The median of the slopes between all pairs of samples (Theil and Sen) over the longest life of the process in the span, without its first two minutes; so neither a restart nor a burst makes one. It compares with quantities: `growth() > most`, where `most` is a parameter of type quantity. Missing with fewer than eight samples or less than four minutes.",
    errors: &[&NO_DATA],
    search: &["slope", "leak", "deriv", "over time"],
    examples: &[
        Example { world: "memory-leak", script: r#"workload("graph-core").sidecar_memory(over("30m")).growth()"#, expect: Expect::Contains("MiB an hour") },
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("30m")).growth()"#, expect: Expect::Value("0 bytes an hour") },
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("1m")).growth().is_missing()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let memory = call.receiver::<SidecarMemory>()?;
    let seen = memory.seen()?;
    let slopes = seen.sidecars.iter().filter_map(|one| one.slope.as_ref().ok());
    let most = slopes.map(|slope| slope.per_second * 3600.0).reduce(f64::max);
    let why = || {
        let missing = seen.sidecars.iter().find_map(|one| one.slope.as_ref().err()).cloned();
        missing.unwrap_or_else(|| Missing::NoSeries("no sidecar".into()))
    };
    let what = format!("growth of {}", memory.what());
    Ok(Dynamic::from(Metric::of(what, Unit::BytesPerHour, most.ok_or_else(why))))
}
