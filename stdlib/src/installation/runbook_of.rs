//! `Installation.runbook()`: what deals with what is wrong.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::diagnose;
use crate::descriptor;
use crate::installation::{Installation, Sort};

/// What creates what is not there.
const INSTALL: &str = "installation/install.rhai";

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "runbook",
    receiver: Some("Installation"),
    returns: "string",
    summary: "The runbook that deals with what is wrong; empty if nothing is.",
    doc: "An installation creates what is not there, and makes what is otherwise as it was rendered; why a workload does not roll out, a diagnosis of the control plane says.",
    errors: &[&NO_DATA],
    search: &["next"],
    examples: &[
        Example {
            world: "installation-webhook-gone",
            script: r#"installation().runbook()"#,
            expect: Expect::Value("installation/install.rhai"),
        },
        Example {
            world: "control-plane-crash-loop",
            script: r#"installation().runbook()"#,
            expect: Expect::Value("troubleshooting/control-plane-down.rhai"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let installation = call.receiver::<Installation>()?;
    let wrong = installation.wrong()?;
    let is_lost =
        |sort: Sort, why: Option<&str>| sort != Sort::Workload || why.is_some_and(|why| why.ends_with("not there"));
    let next = match wrong.as_slice() {
        [] => "",
        parts if parts.iter().any(|part| is_lost(part.sort, part.wrong.as_deref())) => INSTALL,
        _ => diagnose::RUNBOOK,
    };
    Ok(Dynamic::from(next))
}
