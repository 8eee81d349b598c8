//! The world of a test: one of the lab's, with small changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use meshbook_lab::world::World as LabWorld;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

/// A world of the lab.
#[derive(Clone, Debug)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Two worlds of the same name are not the same world: each has a lab of its own.
    id: u64,
    world: LabWorld,
    changes: Vec<String>,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl World {
    /// A world as it is.
    pub fn new(world: LabWorld) -> Self {
        Self::changed(world, Vec::new())
    }

    /// Another world, which differs from this one as `change` says.
    pub fn with(&self, world: LabWorld, change: String) -> Self {
        Self::changed(world, self.0.changes.iter().cloned().chain([change]).collect())
    }

    fn changed(world: LabWorld, changes: Vec<String>) -> Self {
        World(Arc::new(Inner { id: NEXT.fetch_add(1, Ordering::Relaxed), world, changes }))
    }

    /// Tells it from every other.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The lab's world.
    pub fn lab(&self) -> &LabWorld {
        &self.0.world
    }
}

impl Noun for World {
    const NAME: &'static str = "World";
    const DOC: &'static str = "A world of the lab, in which a test plays. Its lab starts with the first `run` or `host`, and lives as long as the test.";

    fn text(&self) -> String {
        let name = self.0.world.name();
        if self.0.changes.is_empty() {
            format!("world {name}")
        } else {
            format!("world {name} with {}", self.0.changes.join(", "))
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::line(self.text());
        table.note(self.0.world.spec().summary.clone());
        table
    }

    fn json(&self) -> Value {
        json!({ "world": self.0.world.name(), "changes": self.0.changes })
    }
}
