//! istiod: sees changed objects, and pushes each proxy its configuration after a delay.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::kubernetes::{PodKey, second};
use super::seed;
use crate::world::Spec;

pub mod authentication;
pub mod authorization;
pub mod config;
pub mod debug;
pub mod gateway;
pub mod plane;
pub mod routes;
pub mod rules;
mod sidecar;
pub mod writes;

use config::Snapshot;
use plane::Plane;

/// A push on its way to a proxy.
pub struct Push {
    /// When it arrives.
    pub due: Timestamp,
    /// What istiod saw.
    pub snapshot: Arc<Snapshot>,
    /// Its number.
    pub number: u64,
}

/// The control plane's own state.
pub struct Istiod {
    seed: u64,
    shortest: Duration,
    longest: Duration,
    /// Whether it pushes at all.
    pub down: bool,
    /// The last snapshot that was pushed to anybody.
    pub snapshot: Arc<Snapshot>,
    /// How many pushes there were.
    pub pushes: u64,
    /// Pushes on their way, by proxy; a later one replaces an earlier.
    pub pending: BTreeMap<PodKey, Push>,
    /// Proxies that get their pushes later (or, `None`, never).
    pub laggards: BTreeMap<PodKey, Option<Duration>>,
    /// What was last sent to each proxy and when it connected.
    pub sent: BTreeMap<PodKey, Sent>,
    /// Who is connected to which istiod.
    pub plane: Plane,
}

/// What istiod remembers of a connected proxy.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The number of the connection.
    pub connection: u64,
    /// When the proxy connected.
    pub connected: Timestamp,
    /// The number of the last push sent, and when.
    pub sent: (u64, Timestamp),
    /// The number of the last push that the proxy acknowledged.
    pub acked: u64,
}

impl Istiod {
    /// An istiod that has pushed nothing yet.
    pub fn new(spec: &Spec, snapshot: Snapshot) -> Self {
        Istiod {
            seed: spec.seed,
            shortest: spec.cluster.push_min.0,
            longest: spec.cluster.push_max.0.max(spec.cluster.push_min.0),
            down: spec.faults.istiod_down,
            snapshot: Arc::new(snapshot),
            pushes: 0,
            pending: BTreeMap::new(),
            laggards: BTreeMap::new(),
            sent: BTreeMap::new(),
            plane: Plane::default(),
        }
    }

    /// The version text of the next push.
    pub fn next_version(&self, now: Timestamp) -> String {
        version(now, self.pushes + 1)
    }

    /// Sends a new snapshot to every proxy; each gets it after its own delay.
    pub fn push(&mut self, snapshot: Snapshot, proxies: impl Iterator<Item = PodKey>, now: Timestamp) {
        self.pushes += 1;
        self.snapshot = Arc::new(snapshot);
        for key in proxies {
            match self.plane.istiod_of(&key).cloned() {
                Some(istiod) if !self.plane.stale.contains_key(&istiod) => {
                    *self.plane.pushes.entry(istiod).or_default() += 1
                }
                // Without a connection, or from an istiod that learned nothing, nothing comes.
                _ => continue,
            }
            let lag = match self.laggards.get(&key) {
                Some(None) => {
                    self.note_sent(&key, now);
                    continue;
                }
                Some(Some(lag)) => *lag,
                None => Duration::ZERO,
            };
            let draw = seed::unit(seed::hash(self.seed, &["push", &key.0, &key.1, &self.pushes.to_string()]));
            let delay = self.shortest + (self.longest - self.shortest).mul_f64(draw) + lag;
            self.note_sent(&key, now);
            self.pending.insert(key, Push { due: now + delay, snapshot: self.snapshot.clone(), number: self.pushes });
        }
    }

    /// A proxy connects.
    pub fn connect(&mut self, key: &PodKey, now: Timestamp) {
        let connection = self.sent.len() as u64 + 1;
        self.sent.entry(key.clone()).or_insert(Sent {
            connection,
            connected: now,
            sent: (self.pushes, now),
            acked: self.pushes,
        });
    }

    /// Sends a proxy that has just connected what its istiod knows.
    pub fn catch_up(&mut self, key: &PodKey, now: Timestamp) {
        let Some(istiod) = self.plane.istiod_of(key).cloned() else { return };
        let snapshot = self.plane.stale.get(&istiod).map_or(&self.snapshot, |(snapshot, _)| snapshot).clone();
        *self.plane.pushes.entry(istiod).or_default() += 1;
        self.pending.insert(key.clone(), Push { due: now + self.shortest, snapshot, number: self.pushes });
    }

    fn note_sent(&mut self, key: &PodKey, now: Timestamp) {
        let number = self.pushes;
        if let Some(sent) = self.sent.get_mut(key) {
            sent.sent = (number, now);
        }
    }

    /// When the next push arrives somewhere.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.pending.values().map(|push| push.due).min()
    }

    /// The pushes that have arrived by now.
    pub fn arrived(&mut self, now: Timestamp) -> Vec<(PodKey, Arc<Snapshot>)> {
        let due: Vec<PodKey> =
            self.pending.iter().filter(|(_, push)| push.due <= now).map(|(key, _)| key.clone()).collect();
        due.into_iter()
            .filter_map(|key| {
                let push = self.pending.remove(&key)?;
                if let Some(sent) = self.sent.get_mut(&key) {
                    sent.acked = push.number;
                }
                Some((key, push.snapshot))
            })
            .collect()
    }
}

/// istiod's version text of a push, such as `2026-01-05T09:00:00Z/4`.
pub fn version(now: Timestamp, number: u64) -> String {
    format!("{}/{number}", second(now))
}
