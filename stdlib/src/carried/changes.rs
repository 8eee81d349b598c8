//! In what proxies carry something else of a host than before.

use std::collections::BTreeSet;
use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Drawing, Hunk, Table};
use serde_json::{Value, json};

use super::Carried;
use crate::differences::compare::{Field, fields, short};
use crate::text::{count, some};

/// How many fields are shown.
const SHOWN: usize = 30;

/// In what proxies carry something else of a host than before.
#[derive(Clone, Debug)]
pub struct CarriedChanges(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: String,
    /// The fields that the most proxies have changed, and who has.
    fields: Vec<Field>,
    proxies: Vec<String>,
    /// Proxies that carry what they carried.
    unchanged: Vec<String>,
    /// Proxies that have changed in other fields.
    otherwise: Vec<String>,
}

impl CarriedChanges {
    /// Holds two moments against each other.
    ///
    /// # Errors
    /// `NO_DATA` where one of them is missing.
    pub fn between(before: &Carried, now: &Carried) -> Result<Self, Failure> {
        let (then, now_all) = (before.proxies()?, now.proxies()?);
        let mut groups: Vec<(Vec<Field>, Vec<String>)> = Vec::new();
        let mut unchanged = Vec::new();
        for (name, configuration) in now_all {
            // A proxy that is new since has nothing to be held against.
            let Some((_, earlier)) = then.iter().find(|(known, _)| known == name) else { continue };
            let changed = fields(configuration, earlier);
            if changed.is_empty() {
                unchanged.push(name.clone());
                continue;
            }
            match groups.iter_mut().find(|(known, _)| *known == changed) {
                Some((_, names)) => names.push(name.clone()),
                None => groups.push((changed, vec![name.clone()])),
            }
        }
        let gone: BTreeSet<&String> = now_all.iter().map(|(name, _)| name).collect();
        unchanged.extend(then.iter().map(|(name, _)| name).filter(|name| !gone.contains(name)).cloned());
        groups.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
        let mut groups = groups.into_iter();
        let (fields, proxies) = groups.next().unwrap_or_default();
        let otherwise = groups.flat_map(|(_, names)| names).collect();
        Ok(CarriedChanges(Arc::new(Inner { host: now.host().to_owned(), fields, proxies, unchanged, otherwise })))
    }

    /// Whether every proxy carries something else than before, and all the same.
    pub fn are_everywhere(&self) -> bool {
        !self.0.proxies.is_empty() && self.0.unchanged.is_empty() && self.0.otherwise.is_empty()
    }
}

impl Noun for CarriedChanges {
    const NAME: &'static str = "CarriedChanges";
    const DOC: &'static str = "In what proxies carry something else of a host than at an earlier moment: fields of clusters and virtual hosts, as Envoy has them, with the proxies that do not yet.";

    fn text(&self) -> String {
        let inner = &*self.0;
        let all = inner.proxies.len() + inner.unchanged.len() + inner.otherwise.len();
        if inner.proxies.is_empty() {
            return format!(
                "{} as before of {}",
                count(all, "proxy carries what it carried", "proxies carry what they carried"),
                inner.host
            );
        }
        let mut text = format!(
            "{} of {all} proxies carry {} of {} otherwise",
            inner.proxies.len(),
            count(inner.fields.len(), "field", "fields"),
            inner.host
        );
        if !inner.unchanged.is_empty() {
            text.push_str(&format!("; not yet: {}", some(&inner.unchanged, 3)));
        }
        if !inner.otherwise.is_empty() {
            text.push_str(&format!("; in other fields: {}", some(&inner.otherwise, 3)));
        }
        text
    }

    fn table(&self) -> Table {
        let inner = &*self.0;
        if inner.fields.is_empty() {
            return Table::line(self.text());
        }
        let mut table = Table::new(self.text(), &["RESOURCE", "FIELD", "BEFORE", "NOW"]);
        let mut hunks: Vec<Hunk> = Vec::new();
        for field in inner.fields.iter().take(SHOWN) {
            table.row([
                field.resource.clone(),
                field.path.clone(),
                short(field.most.as_ref()),
                short(field.there.as_ref()),
            ]);
            let value = |value: &Option<Value>| value.as_ref().map(|value| short(Some(value)));
            let line = (field.path.clone(), value(&field.most), value(&field.there));
            match hunks.last_mut().filter(|hunk| hunk.heading == field.resource) {
                Some(hunk) => hunk.fields.push(line),
                None => hunks.push(Hunk { heading: field.resource.clone(), fields: vec![line] }),
            }
        }
        if inner.fields.len() > SHOWN {
            table.note(format!("{} more", count(inner.fields.len() - SHOWN, "field", "fields")));
        }
        table.drawing = Some(Drawing::Diff(hunks));
        table
    }

    fn json(&self) -> Value {
        let fields: Vec<Value> = self.0.fields.iter().map(|field| json!({ "resource": field.resource, "field": field.path, "before": field.most, "now": field.there })).collect();
        json!({ "host": self.0.host, "fields": fields, "proxies": self.0.proxies, "unchanged": self.0.unchanged, "otherwise": self.0.otherwise })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::compare::Configuration;

    fn carried(limits: &[(&str, u64)]) -> Carried {
        let of = |limit: u64| Configuration::from([("cluster a".to_owned(), json!({ "limit": limit, "same": 1 }))]);
        let proxies = limits.iter().map(|(name, limit)| ((*name).to_owned(), of(*limit))).collect();
        Carried::new("a.n".into(), "a:80".into(), Ok(proxies))
    }

    #[test]
    fn a_change_is_proved_only_where_every_proxy_has_it() {
        let before = carried(&[("p-1", 4), ("p-2", 4)]);
        let since = |now: &[(&str, u64)]| CarriedChanges::between(&before, &carried(now)).expect("both are there");
        let all = since(&[("p-1", 7), ("p-2", 7)]);
        assert!(all.are_everywhere());
        assert_eq!(all.text(), "2 of 2 proxies carry 1 field of a.n otherwise");
        assert_eq!(all.table().rows, [["cluster a", "limit", "4", "7"]]);
        for (now, says) in [
            (&[("p-1", 7), ("p-2", 4)][..], "not yet: p-2"),
            (&[("p-1", 7), ("p-2", 8)][..], "in other fields: p-2"),
            (&[("p-1", 7)][..], "not yet: p-2"),
            (&[("p-1", 4), ("p-2", 4)][..], "as before"),
        ] {
            let some = since(now);
            assert!(!some.are_everywhere() && some.text().contains(says), "{} says {says}", some.text());
        }
        assert!(since(&[("p-1", 7), ("p-2", 7), ("p-3", 4)]).are_everywhere(), "a new proxy has no before");
    }
}
