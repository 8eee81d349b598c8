//! `ControlPlane.causes()`: what is wrong.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::ControlPlane;
use crate::causes::Causes;
use crate::control_plane::diagnose::causes;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "causes",
    receiver: Some("ControlPlane"),
    returns: "Causes",
    summary: "What is wrong with the control plane: causes in fixed words, the gravest first, each with its evidence.",
    doc: "The words: no istiod, istiod crash loop, istiod does not start, NetworkPolicy blocks istiod, istiod Service selects nothing, webhook without endpoints, expired or wrong CA, stale istiod, slow API server, proxies without istiod.",
    search: &["diagnosis", "cause", "why"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane().causes()"#,
            expect: Expect::Value("nothing is wrong with the control plane"),
        },
        Example {
            world: "control-plane-crash-loop",
            script: r#"control_plane().causes().first()"#,
            expect: Expect::Value("istiod crash loop"),
        },
        Example {
            world: "control-plane-network-policy",
            script: r#"control_plane().causes().first()"#,
            expect: Expect::Value("NetworkPolicy blocks istiod"),
        },
        Example {
            world: "control-plane-wrong-selector",
            script: r#"control_plane().causes().first()"#,
            expect: Expect::Value("istiod Service selects nothing"),
        },
        Example {
            world: "control-plane-slow-api",
            script: r#"control_plane().causes().first()"#,
            expect: Expect::Value("slow API server"),
        },
        Example {
            world: "control-plane-webhook-without-endpoints",
            script: r#"control_plane().causes().first()"#,
            expect: Expect::Value("webhook without endpoints"),
        },
        Example {
            world: "control-plane-stale-istiod",
            script: r#"control_plane().causes().first()"#,
            expect: Expect::Value("stale istiod"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let plane = call.receiver::<ControlPlane>()?;
    let diagnosis = plane.outcome().and_then(|seen| causes(plane.root(), seen));
    Ok(Dynamic::from(Causes::new("the control plane", diagnosis)))
}
