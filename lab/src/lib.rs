//! An embedded mesh on loopback that a stock `kubectl`, and meshbook itself, can talk to.
//!
//! - [`clock`]: the lab's time; virtual in the process, at the pace of the wall clock for outside clients.
//! - [`store`]: the objects of the cluster, with resource versions and a change feed.
//! - [`api`]: the Kubernetes API server over the store.
//! - [`world`]: the files that describe a cluster, its workloads, its traffic and its fault.
//! - [`mesh`]: what moves in a world: traffic, istiod's propagation, Envoy's admin pages, Prometheus.

use std::sync::Arc;
use std::time::Duration;

pub mod api;
pub mod clock;
pub mod crd;
pub mod mesh;
pub mod store;
pub mod world;

pub use clock::LabClock;
pub use mesh::Mesh;
pub use store::Store;
pub use world::{World, WorldError};

/// How a lab's time moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Only by [`Lab::advance`]: a wait of ten minutes takes milliseconds.
    Virtual,
    /// With the wall clock, `speed` times as fast; for clients outside the process.
    Wall {
        /// Seconds of the lab for each second of the wall.
        speed: f64,
    },
}

/// Why a lab does not start.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The API server finds no port, or makes no certificate.
    #[error("the lab's API server does not start: {0}")]
    Server(#[from] std::io::Error),
    /// The pace is not a positive number.
    #[error("a lab cannot run at speed {0}: give a number above 0")]
    Speed(f64),
}

/// A running world: its API server on loopback, and everything behind it. It stops when dropped.
pub struct Lab {
    server: api::Server,
    mesh: Mesh,
    store: Store,
    clock: LabClock,
    kubeconfig: String,
    driver: Option<tokio::task::JoinHandle<()>>,
}

impl Lab {
    /// Starts a world: its objects, its history of traffic, and its API server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If the server finds no port, or the pace is not positive.
    pub async fn start(world: World, pace: Pace) -> Result<Lab, LabError> {
        if let Pace::Wall { speed } = pace
            && !(speed.is_finite() && speed > 0.0)
        {
            return Err(LabError::Speed(speed));
        }
        let spec = world.spec();
        let clock = match pace {
            Pace::Virtual => LabClock::default(),
            Pace::Wall { .. } => LabClock::before_present(spec.warm_up.0),
        };
        let store = Store::new(clock.clone());
        let mesh = Mesh::start(spec, store.clone(), clock.clone());
        let server = api::Server::start(store.clone(), clock.clone(), Arc::new(mesh.clone()), faults(spec)).await?;
        let kubeconfig = server.kubeconfig(&format!("lab-{}", world.name()), &spec.namespace);
        let driver = match pace {
            Pace::Virtual => None,
            Pace::Wall { speed } => Some(tokio::spawn(drive(mesh.clone(), speed))),
        };
        Ok(Lab { server, mesh, store, clock, kubeconfig, driver })
    }

    /// A kubeconfig (YAML) with the contexts `lab-WORLD` (may do everything, current) and `lab-WORLD-viewer`.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig.clone()
    }

    /// The lab's time.
    pub fn clock(&self) -> LabClock {
        self.clock.clone()
    }

    /// Moves the lab's time: traffic flows, pushes arrive, pods start, Prometheus scrapes.
    pub fn advance(&self, by: Duration) {
        self.mesh.advance(by);
    }

    /// The cluster's objects, to look at or to change behind a run's back.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// What moves behind the API server.
    pub fn mesh(&self) -> Mesh {
        self.mesh.clone()
    }

    /// The API server, for clients that take no kubeconfig.
    pub fn server(&self) -> &api::Server {
        &self.server
    }

    /// Where the API server listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

/// Moves a lab's time along with the wall clock.
async fn drive(mesh: Mesh, speed: f64) {
    let mut interval = tokio::time::interval(Duration::from_millis(50));
    let mut last = tokio::time::Instant::now();
    loop {
        let now = interval.tick().await;
        let passed = now.saturating_duration_since(last);
        last = now;
        mesh.advance(passed.mul_f64(speed));
    }
}

/// The faults of a world that concern its API server.
fn faults(spec: &world::Spec) -> api::Faults {
    let faults = &spec.faults;
    api::Faults {
        api_latency: faults.api_latency.0,
        too_many_requests: faults.too_many_requests.clone(),
        retry_after: Duration::from_secs(1),
        down: faults.api_down,
        denied: faults
            .denied
            .iter()
            .map(|denied| api::Denied {
                verb: denied.verb.clone(),
                group: denied.group.clone(),
                resource: denied.resource.clone(),
                namespace: denied.namespace.clone(),
            })
            .collect(),
        webhook_refuses: faults.webhook_refuses.clone(),
        webhook_unreachable: faults.istiod_down,
        interference: faults
            .interference
            .iter()
            .map(|other| api::Interference {
                group: other.group.clone(),
                resource: other.resource.clone(),
                namespace: other.namespace.clone().unwrap_or_else(|| spec.namespace.clone()),
                name: other.name.clone(),
                after_get: other.after_get,
                patch: other.patch.clone(),
                manager: other.manager.clone(),
            })
            .collect(),
    }
}
