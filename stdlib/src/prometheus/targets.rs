//! `prom::targets()`: what Prometheus scrapes.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::prometheus::pages;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "prom::targets",
    returns: "List<Target>",
    class: Some(Class::Read),
    summary: "What Prometheus scrapes, and how the last scrape of each went.",
    doc: "`/api/v1/targets?state=active`. A target that is down is why metrics are missing.",
    errors: &[&NO_DATA],
    permissions: descriptor::PROMETHEUS,
    search: &["scrape", "up", "health"],
    examples: &[
        Example { world: "healthy", script: r#"prom::targets().all(|target| target.is_up())"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"prom::targets().filter(|target| target.label("app") == "istiod").len()"#, expect: Expect::Value("1") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    match pages::targets(call.run())? {
        Ok(found) => Ok(Dynamic::from(List::new(found))),
        Err(missing) => Err(missing.failure("the list of targets")),
    }
}
