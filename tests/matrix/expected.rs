//! What has to come of each world: `expected.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// All of it.
pub struct Expected {
    /// Every runbook of `runbooks/troubleshooting/`, by its name without the ending.
    pub runbooks: Vec<String>,
    /// Every world of the lab in which something is wrong, in the lab's order; none that is there to rehearse a procedure on.
    pub worlds: Vec<Expectation>,
}

/// What has to come of one world.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The world.
    #[serde(skip)]
    pub name: String,
    /// The runbook that deals with it; absent if none does.
    pub runbook: Option<String>,
    /// Its parameters beside `service`.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// How that ends: `fixed`, or `found` where nothing that it may change helps.
    pub ending: Option<String>,
    /// Its exit code, where it fails.
    pub exit: Option<u8>,
    /// The true cause, in the words that triage ranks; absent where nothing is wrong.
    pub cause: Option<String>,
    /// Other runbooks that may find or name something here, because the same fault shows there too.
    #[serde(default)]
    pub also: BTreeSet<String>,
    /// The objects that may differ afterwards.
    #[serde(default)]
    pub changes: BTreeSet<String>,
    /// What has to be true of the state afterwards.
    #[serde(default)]
    pub state: Vec<State>,
}

/// One field of one object.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// `Kind namespace/name`.
    pub object: String,
    /// A JSON pointer.
    pub at: String,
    /// The field is a number, at least this one.
    pub least: Option<f64>,
    /// The field is a number, at most this one.
    pub most: Option<f64>,
    /// The field has this value.
    pub is: Option<Value>,
    /// There is no such field.
    #[serde(default)]
    pub absent: bool,
}

impl Expected {
    /// Reads it, and makes sure that no world and no runbook is left out.
    pub fn read() -> Self {
        let mut known: BTreeMap<String, Expectation> = toml::from_str(include_str!("expected.toml")).unwrap();
        // Worlds of procedures have no troubleshooting runbook.
        let operations = |name: &str| meshbook_lab::World::named(name).unwrap().spec().operations;
        let worlds = meshbook_lab::World::names().into_iter().filter(|world| !operations(&world.name)).map(|world| {
            let mut expectation = known
                .remove(&world.name)
                .unwrap_or_else(|| panic!("tests/matrix/expected.toml says nothing of world {}", world.name));
            expectation.name = world.name;
            expectation
        });
        let worlds: Vec<_> = worlds.collect();
        assert!(known.is_empty(), "tests/matrix/expected.toml speaks of unknown worlds: {:?}", known.keys());
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/troubleshooting");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut runbooks: Vec<String> = files
            .filter(|name| !name.ends_with(".test.rhai"))
            .filter_map(|name| name.strip_suffix(".rhai").map(str::to_owned))
            .collect();
        runbooks.sort_by_key(|name| (name == "triage", name.clone()));
        assert!(runbooks.len() > 2, "no runbooks");
        Expected { runbooks, worlds }
    }

    /// The expectation of a world.
    pub fn of(&self, world: &str) -> &Expectation {
        self.worlds.iter().find(|known| known.name == world).unwrap_or_else(|| panic!("there is no world {world}"))
    }
}
