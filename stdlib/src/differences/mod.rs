//! Whether the proxies of one workload have the same configuration, and what differs where they have not.

pub mod compare;
pub mod gather;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Drawing, Hunk, Missing, Table};
use serde_json::{Value, json};

use crate::text::{and, count, some};
use compare::Other;

/// In what the configurations of some proxies differ.
#[derive(Clone, Debug)]
pub struct Differences(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    of: String,
    /// How many proxies were compared.
    compared: usize,
    others: Result<Vec<Other>, Missing>,
    notes: Vec<String>,
    /// Of two proxies, the one that the other is compared with.
    reference: Option<String>,
}

/// How many fields of one proxy are shown.
const SHOWN: usize = 12;

impl Differences {
    /// What differs between the proxies of something.
    pub fn new(of: String, compared: usize, others: Result<Vec<Other>, Missing>, notes: Vec<String>) -> Self {
        Differences(Arc::new(Inner { of, compared, others, notes, reference: None }))
    }

    /// The same, of two proxies: the one that the other is compared with.
    #[must_use]
    pub fn against(self, reference: Option<String>) -> Self {
        let Inner { of, compared, others, notes, .. } = &*self.0;
        let (of, compared, others, notes) = (of.clone(), *compared, others.clone(), notes.clone());
        Differences(Arc::new(Inner { of, compared, others, notes, reference }))
    }

    /// The proxies that differ from most.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn others(&self) -> Result<&[Other], Failure> {
        match &self.0.others {
            Ok(others) => Ok(others),
            Err(missing) => Err(missing.failure(&format!("the configuration of the proxies of {}", self.0.of))),
        }
    }

    /// A part for each resource of each proxy that is otherwise, as a difference of two files is written.
    fn hunks(&self, others: &[Other]) -> Vec<Hunk> {
        let most = self.0.reference.as_deref().unwrap_or("most");
        let mut hunks: Vec<Hunk> = Vec::new();
        for other in others {
            for field in other.fields.iter().take(SHOWN) {
                let heading = format!("{}: - {most}, + {}", field.resource, and(&other.proxies));
                let value = |value: &Option<Value>| value.as_ref().map(|value| compare::short(Some(value)));
                let line = (field.path.clone(), value(&field.most), value(&field.there));
                match hunks.last_mut().filter(|hunk| hunk.heading == heading) {
                    Some(hunk) => hunk.fields.push(line),
                    None => hunks.push(Hunk { heading, fields: vec![line] }),
                }
            }
        }
        hunks
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.others.as_ref().err()
    }
}

impl Noun for Differences {
    const NAME: &'static str = "Differences";
    const DOC: &'static str = "In what the configurations of the proxies of one workload differ: each proxy that is not as most are, with the resources and fields. May be missing.";

    fn text(&self) -> String {
        match &self.0.others {
            Err(missing) => format!("the proxies of {} cannot be compared: {missing}", self.0.of),
            Ok(others) => match others.as_slice() {
                [] => match self.0.compared {
                    1 => format!("{} has one proxy: there is nothing to compare", self.0.of),
                    more => format!("{more} proxies of {} are configured alike", self.0.of),
                },
                others => {
                    let names: Vec<String> = others.iter().flat_map(|other| other.proxies.clone()).collect();
                    let first = others.iter().flat_map(|other| &other.fields).next();
                    let first = first.map(|field| format!(", for example {field}")).unwrap_or_default();
                    if let Some(reference) = &self.0.reference {
                        return format!("{} is configured otherwise than {reference}{first}", and(&names));
                    }
                    let most = self.0.compared - names.len();
                    format!("{} configured otherwise than {most} of {}{first}", some(&names, 3), self.0.of)
                }
            },
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::line(self.text());
        let others = self.0.others.as_deref().unwrap_or_default();
        if !others.is_empty() {
            let most = self.0.reference.as_ref().map_or("IN MOST".to_owned(), |name| format!("IN {name}"));
            table.columns = ["PROXY", "RESOURCE", "FIELD", "THERE", &most].map(str::to_owned).to_vec();
        }
        for other in others {
            for field in other.fields.iter().take(SHOWN) {
                table.row([
                    and(&other.proxies),
                    field.resource.clone(),
                    field.path.clone(),
                    compare::short(field.there.as_ref()),
                    compare::short(field.most.as_ref()),
                ]);
            }
            if other.fields.len() > SHOWN {
                table.note(format!(
                    "{}: {} more",
                    and(&other.proxies),
                    count(other.fields.len() - SHOWN, "field", "fields")
                ));
            }
        }
        table.notes.extend(self.0.notes.iter().cloned());
        if !others.is_empty() {
            table.drawing = Some(Drawing::Diff(self.hunks(others)));
        }
        table
    }

    fn json(&self) -> Value {
        match &self.0.others {
            Err(missing) => json!({ "of": self.0.of, "missing": missing.to_string() }),
            Ok(others) => {
                let others = others.iter().map(|other| {
                    let fields: Vec<_> = other.fields.iter().map(|field| json!({ "resource": field.resource, "field": field.path, "there": field.there, "most": field.most })).collect();
                    json!({ "proxies": other.proxies, "fields": fields })
                });
                json!({ "of": self.0.of, "compared": self.0.compared, "others": others.collect::<Vec<_>>() })
            }
        }
    }
}
