//! Kubeconfigs. No credential plugin runs: that happens when a connection is opened.
//!
//! Beyond "no panic": the context that was chosen is one that the text names; what is refused says why.

use std::sync::LazyLock;

use meshbook_runtime::transport::kubeconfig::{Environment, Source, choose};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime without threads"));

/// See the module.
pub fn run(text: &str) {
    // Files that a kubeconfig names are read; a device has no end.
    if text.contains("/dev") || text.contains("/proc") || text.contains("/sys") {
        return;
    }
    match RUNTIME.block_on(choose(Source::Text(text), None, &Environment::default())) {
        Ok(chosen) => assert!(!chosen.context.is_empty()),
        Err(failure) => assert!(!failure.message.is_empty()),
    }
}
