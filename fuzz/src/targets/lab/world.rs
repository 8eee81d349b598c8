//! World files, variations of them, and small worlds set in motion.
//!
//! Beyond "no panic": a world that is read can be started, and its time goes on; what is refused says why.

use std::time::Duration;

use meshbook_lab::{LabClock, Mesh, Store, World};

/// What a world of the corpus has; a larger one only takes longer.
const MOST_PODS: usize = 40;

/// See the module.
pub fn run(text: &str) {
    let world = match World::parse(text) {
        Ok(world) => world,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    for path in text.lines().take(8) {
        let _ = world.clone().set(path, 1);
    }
    let pods = world.spec().workload.iter().fold(0_usize, |sum, workload| sum.saturating_add(workload.replicas));
    if pods > MOST_PODS {
        return;
    }
    let world = world.set("warm_up", "2s").expect("every world has a history");
    let clock = LabClock::default();
    let mesh = Mesh::start(world.spec(), Store::new(clock.clone()), clock);
    let before = mesh.now();
    mesh.advance(Duration::from_secs(1));
    assert!(mesh.now() > before);
}
