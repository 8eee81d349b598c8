//! The response flags of requests, from the access log of the sidecar that took them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::envoy::access_log::Entry;

/// Response flags by status, or why they are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flags {
    /// How often each was set, by status and flag; requests without one stand under the empty flag.
    Known(BTreeMap<(u16, String), usize>),
    /// Why not.
    Unknown(String),
}

impl Flags {
    /// Reads the log of a sidecar that has taken nothing else.
    pub fn read(log: &str) -> Self {
        let mut seen: BTreeMap<(u16, String), usize> = BTreeMap::new();
        for entry in log.lines().filter_map(Entry::parse) {
            *seen.entry((entry.code, entry.flags.join(","))).or_default() += 1;
        }
        if seen.is_empty() {
            return Flags::Unknown("the sidecar's log has no line about them".into());
        }
        Flags::Known(seen)
    }

    /// Those of the requests with this status, for people: `UO`, `-` for none, `?` if they are not known.
    pub fn of(&self, status: u16) -> String {
        let Flags::Known(seen) = self else { return "?".into() };
        let of = seen.keys().filter(|(code, _)| *code == status).map(|(_, flags)| flags.as_str());
        let of: Vec<&str> = of.collect();
        match of.as_slice() {
            [] => "?".into(),
            [""] => "-".into(),
            some => some.iter().filter(|flags| !flags.is_empty()).copied().collect::<Vec<_>>().join(" or "),
        }
    }

    /// How many requests had a flag.
    ///
    /// # Errors
    /// Why nobody knows.
    pub fn count(&self, flag: &str) -> Result<usize, String> {
        match self {
            Flags::Known(seen) => {
                let having = seen.iter().filter(|((_, flags), _)| flags.split(',').any(|one| one == flag));
                Ok(having.map(|(_, number)| number).sum())
            }
            Flags::Unknown(why) => Err(why.clone()),
        }
    }

    /// Why they are not known, if so.
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Flags::Known(_) => None,
            Flags::Unknown(why) => Some(why),
        }
    }

    /// As it stands in the record.
    pub fn json(&self) -> Value {
        match self {
            Flags::Known(seen) => seen
                .iter()
                .map(|((status, flags), number)| json!({ "status": status, "flags": flags, "requests": number }))
                .collect(),
            Flags::Unknown(why) => json!({ "missing": why }),
        }
    }
}
