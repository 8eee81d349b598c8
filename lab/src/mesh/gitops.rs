//! GitOps controllers: each owns some objects and writes what git says into them again, some time after they differ.
//!
//! So does Argo CD with `selfHeal` (after `--self-heal-timeout-seconds`, 5 by default:
//! <https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/>), and Flux at its Kustomization's interval. What git says
//! is what the world begins with.

use jiff::Timestamp;
use serde_json::Value;

use crate::store::{Object, Store};
use crate::world::gitops::GitOps;

/// All of them.
pub struct Owners(Vec<Owned>);

struct Owned {
    by: GitOps,
    git: Object,
    due: Option<Timestamp>,
}

impl Owners {
    /// Those of a world, whose objects are in the store as git says.
    pub fn new(all: &[GitOps], namespace: &str, store: &Store) -> Owners {
        let owned = |by: &GitOps| {
            let namespace = by.namespace.as_deref().unwrap_or(namespace);
            let git = store.get(&by.group, &by.resource, namespace, &by.name)?;
            Some(Owned { by: by.clone(), git, due: None })
        };
        Owners(all.iter().filter_map(owned).collect())
    }

    /// When the next of them writes.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(|owned| owned.due).min()
    }

    /// Looks at what they own, and writes back what is due.
    pub fn reconcile(&mut self, store: &Store, now: Timestamp) {
        for owned in &mut self.0 {
            let meta = |key: &str| owned.git["metadata"][key].as_str().unwrap_or_default().to_owned();
            let live = store.get(&owned.by.group, &owned.by.resource, &meta("namespace"), &meta("name"));
            let Some(live) = live.filter(|live| live["spec"] != owned.git["spec"]) else {
                owned.due = None;
                continue;
            };
            if *owned.due.get_or_insert(now + owned.by.after.0) <= now {
                owned.due = None;
                let mut back: Value = (*live).clone();
                back["spec"] = owned.git["spec"].clone();
                store.put(back, &owned.by.manager);
            }
        }
    }
}
