//! `ControlPlane.sync_state()`: the sync state of every proxy.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::{ControlPlane, pages};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "sync_state",
    receiver: Some("ControlPlane"),
    returns: "Page",
    summary: "The sync state of every proxy, from every istiod of every revision: sent and acknowledged by type. A proxy that no istiod knows is a row too.",
    doc: "From `/debug/syncz` of each istiod, as `control_plane()` read it: each istiod lists only its own proxies. `cds`, `lds`, `eds`, `rds` are `SYNCED`, `STALE` (sent and not acknowledged), `NOT SENT`, `ERROR` (refused) or `-` (not subscribed). Each row has `proxy` (`POD.NAMESPACE`), `revision`, `istiod` (empty if none knows it), `version`, the four types, `refused` (array of reasons), `synced` (bool). Acknowledged is not effective: `carries` compares the configuration itself, and an istiod that has lost its watch sends what is old: it is named below.",
    search: &["proxy-status", "SYNCED", "STALE", "NOT SENT", "syncz", "CDS", "LDS", "EDS", "RDS"],
    examples: &[
        Example { world: "healthy", script: r#"control_plane().sync_state().rows().filter(|one| !one.synced).len()"#, expect: Expect::Value("0") },
        Example { world: "healthy", script: r#"control_plane().sync_state().rows()[0].cds"#, expect: Expect::Value("SYNCED") },
        Example { world: "control-plane-wrong-selector", script: r#"control_plane().sync_state().rows().filter(|one| one.istiod == "").len() > 0"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(pages::sync(&call.receiver::<ControlPlane>()?)))
}
