//! Whether somebody else has set back what the run changed.
//!
//! A GitOps controller writes its objects anew from git, some seconds or minutes after they were changed: the proof then
//! fails for a reason that no diagnosis of the mesh shows.

use std::collections::BTreeSet;

use super::Run;
use super::ledger::State;
use crate::change::ownership::{gitops_owner, manager_of};
use crate::change::send;
use crate::record::event::Changing;

/// What to do about it.
pub(crate) const HINT: &str =
    "make the change where the owner of the object keeps it (in git), or suspend the owner first; then run this again";

impl Run {
    /// What somebody else has set back since this run changed it, and who, as a sentence. `None` if every change that has
    /// not been taken back stands, as far as it can be seen: an object that cannot be read is no evidence.
    pub(crate) fn changed_back(&self) -> Option<String> {
        let changes: Vec<Changing> = {
            let ledger = self.ledger.lock();
            let standing =
                ledger.entries.iter().rev().filter(|entry| matches!(entry.state, State::Unsettled | State::Settled));
            let sent = standing.map(|entry| entry.changing());
            sent.filter(|one| one.levels.is_none() && !one.creates() && !one.deletes).collect()
        };
        // A later change of the same field is the one that has to stand.
        let mut newer = BTreeSet::new();
        changes.iter().find_map(|changing| {
            let object = &changing.object;
            let fields: Vec<_> =
                changing.fields.iter().filter(|field| newer.insert((object.to_string(), field.path.clone()))).collect();
            let now = send::look(&self.caller, send::Subject::of(changing)).ok()?;
            let back = fields.into_iter().find(|field| !field.stands_in(&now) && field.is_before_in(&now))?;
            let by = gitops_owner(&now)
                .or_else(|| {
                    manager_of(&now, &back.path, &self.settings.field_manager)
                        .map(|manager| format!("field manager {manager}"))
                })
                .unwrap_or_else(|| "somebody else".into());
            let value = back.before.as_ref().map_or_else(|| "absent".to_owned(), ToString::to_string);
            Some(format!(
                "{object} was changed back by {by} after this run had changed it: {} is {value} again",
                back.path
            ))
        })
    }
}
