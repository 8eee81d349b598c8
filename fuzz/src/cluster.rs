//! A world of the lab with its API server, for the targets that ask it something.

use std::sync::{Arc, LazyLock};

use meshbook_lab::api::{Faults, Server};
use meshbook_lab::{LabClock, Mesh, Store, World};
use tokio::runtime::{Builder, Runtime};

/// Where everything of one process runs.
pub static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime without threads"));

/// A world in which time stands still.
pub struct Cluster {
    /// Its objects.
    pub store: Store,
    /// Its pods and traffic.
    pub mesh: Mesh,
    /// Its API server.
    pub server: Server,
}

impl Cluster {
    /// Starts a world of the lab.
    pub fn start(world: &str) -> Self {
        let _ = meshbook_lab::crd::Catalog::get();
        let world = World::named(world).expect("the world is embedded");
        let clock = LabClock::default();
        let store = Store::new(clock.clone());
        let mesh = Mesh::start(world.spec(), store.clone(), clock.clone());
        let pods = Arc::new(mesh.clone());
        let server = Server::start(store.clone(), clock, pods, Faults::default());
        let server = RUNTIME.block_on(server).expect("there is a free port on loopback");
        Cluster { store, mesh, server }
    }

    /// The first pod of a workload.
    pub fn pod(&self, namespace: &str, workload: &str) -> String {
        let pods = self.store.list("", "pods", Some(namespace));
        let names = pods.iter().filter_map(|pod| pod["metadata"]["name"].as_str());
        let mut named = names.filter(|name| name.starts_with(&format!("{workload}-")));
        named.next().expect("the world has this workload").to_owned()
    }
}
