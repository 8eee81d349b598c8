//! One of the pages of several proxies or istiods, as rows: what istioctl shows of one of them at a time.

pub mod gather;
pub mod read;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::text::{count, some};

/// A page of one or more proxies or istiods.
#[derive(Clone, Debug)]
pub struct Page(Arc<Seen>);

/// What a page says.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its cells, as the screen shows them.
    pub cells: Vec<String>,
    /// Its fields, as a script reads them.
    pub fields: Value,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `clusters`.
    pub what: String,
    /// `Deployment summit/front`.
    pub of: String,
    /// Headings.
    pub columns: &'static [&'static str],
    /// Who was asked: `proxy` or `istiod`; empty where the rows say it themselves.
    pub who: &'static str,
    /// What each of them that answered said, by its pod.
    pub told: Vec<(String, Vec<Row>)>,
    /// Those that did not answer, each with the reason.
    pub silent: Vec<String>,
    /// What the page leaves out.
    pub notes: Vec<String>,
    /// Why there is nothing, if so.
    pub missing: Option<Missing>,
}

impl Page {
    /// What was read.
    pub fn new(seen: Seen) -> Self {
        Page(Arc::new(seen))
    }

    /// What was read.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn seen(&self) -> Result<&Seen, Failure> {
        match &self.0.missing {
            Some(missing) => Err(missing.failure(&format!("{} of {}", self.0.what, self.0.of))),
            None => Ok(&self.0),
        }
    }

    /// Why there is nothing, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.missing.as_ref()
    }

    /// Those that did not answer, each with the reason.
    pub fn silent(&self) -> &[String] {
        &self.0.silent
    }

    /// All rows, each with its pod.
    ///
    /// # Errors
    /// As [`Page::seen`].
    pub fn rows(&self) -> Result<Vec<Value>, Failure> {
        let seen = self.seen()?;
        let with = |pod: &String, row: &Row| {
            let mut fields = row.fields.clone();
            if !seen.who.is_empty() {
                fields[seen.who] = json!(pod);
            }
            fields
        };
        Ok(seen.told.iter().flat_map(|(pod, rows)| rows.iter().map(move |row| with(pod, row))).collect())
    }

    /// The rows as they are shown: those that several proxies have alike once, with how many have them.
    fn folded(&self) -> Vec<(String, &[String])> {
        let told = &self.0.told;
        let mut folded: Vec<(Vec<&str>, &[String])> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (pod, rows) in told {
            for row in rows {
                let place = *places.entry(row.cells.as_slice()).or_insert_with(|| {
                    folded.push((Vec::new(), &row.cells));
                    folded.len() - 1
                });
                if folded[place].0.last() != Some(&pod.as_str()) {
                    folded[place].0.push(pod);
                }
            }
        }
        let name = |pods: Vec<&str>| match pods.len() {
            all if all == told.len() => format!("all {all}"),
            1 => pods[0].to_owned(),
            some => format!("{some} of {}", told.len()),
        };
        folded.into_iter().map(|(pods, cells)| (name(pods), cells)).collect()
    }
}

impl Noun for Page {
    const NAME: &'static str = "Page";
    const DOC: &'static str = "What proxies or istiods say on one of their pages, in the columns that istioctl has for it: a row for each cluster, listener, route, endpoint, certificate, figure, or proxy. Rows that several of them have alike are shown once. Those that did not answer are named. May be missing.";

    fn text(&self) -> String {
        let seen = &*self.0;
        if let Some(missing) = &seen.missing {
            return format!("{} of {}: {missing}", seen.what, seen.of);
        }
        let rows = self.folded().len();
        let proxies = match seen.told.len() {
            1 => String::new(),
            more if seen.who == "istiod" => format!(" of {more} istiods"),
            more => format!(" of {more} proxies"),
        };
        format!("{} of {}: {}{proxies}", seen.what, seen.of, count(rows, "row", "rows"))
    }

    fn table(&self) -> Table {
        let seen = &*self.0;
        let mut table = Table::line(self.text());
        let folded = self.folded();
        if !folded.is_empty() {
            table.columns = seen.columns.iter().map(|column| (*column).to_owned()).collect();
            if seen.told.len() > 1 {
                table.columns.push(seen.who.to_uppercase());
            }
        }
        for (pods, cells) in folded.iter().take(SHOWN) {
            let mut row = cells.to_vec();
            if seen.told.len() > 1 {
                row.push(pods.clone());
            }
            table.rows.push(row);
        }
        if folded.len() > SHOWN {
            table.note(format!("and {} more: ask for a part of them by name", folded.len() - SHOWN));
        }
        if !seen.silent.is_empty() {
            table.note(format!("did not answer: {}", some(&seen.silent, 5)));
        }
        table.notes.extend(seen.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        let seen = &*self.0;
        json!({ "what": seen.what, "of": seen.of, "rows": self.rows().ok(), "silent": seen.silent, "notes": seen.notes, "missing": seen.missing.as_ref().map(ToString::to_string) })
    }
}

/// How many rows a screen is given.
const SHOWN: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> Row {
        Row { cells: vec![name.to_owned()], fields: json!({ "name": name }) }
    }

    #[test]
    fn rows_that_are_alike_are_shown_once_and_silent_proxies_are_named() {
        let page = Page::new(Seen {
            what: "clusters".into(),
            of: "Deployment a/b".into(),
            columns: &["NAME"],
            who: "proxy",
            told: vec![("b-1".into(), vec![row("x"), row("y")]), ("b-2".into(), vec![row("x")])],
            silent: vec!["b-3: refused".into()],
            notes: Vec::new(),
            missing: None,
        });
        let table = page.table();
        assert_eq!(table.rows, [["x", "all 2"], ["y", "b-1"]]);
        assert_eq!(table.notes, ["did not answer: b-3: refused"]);
        let rows = page.rows().expect("it is not missing");
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[2], json!({ "name": "x", "proxy": "b-2" }));
    }
}
