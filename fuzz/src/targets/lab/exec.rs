//! Commands in a sidecar: one word a line.
//!
//! Beyond "no panic": it ends, and what fails says so on standard error, but for a curl that was asked to be silent.

use std::sync::LazyLock;

use crate::cluster::{Cluster, RUNTIME};

static CLUSTER: LazyLock<(Cluster, String)> = LazyLock::new(|| {
    let cluster = Cluster::start("breaker");
    let pod = cluster.pod("summit", "front");
    (cluster, pod)
});

/// See the module.
pub fn run(text: &str) {
    let words: Vec<String> = text.lines().map(str::to_owned).collect();
    // What a POST switches would stay for the next input.
    if words.iter().any(|word| word.eq_ignore_ascii_case("POST")) {
        return;
    }
    let (cluster, pod) = &*CLUSTER;
    let ended = RUNTIME.block_on(cluster.server.execute("summit", pod, &words));
    let silent = words.first().is_some_and(|program| program.ends_with("curl"));
    assert!(ended.code == 0 || silent || !ended.stderr.is_empty(), "{words:?}: {ended:?}");
}
