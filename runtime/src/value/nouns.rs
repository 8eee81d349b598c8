//! The runtime's own value types, as nouns: how they print and compare.

use std::cmp::Ordering;

use rhai::Dynamic;
use serde_json::{Value, json};

use super::{Context, List, Quantity, Span, Table};
use crate::failure::{Failure, TYPE};
use crate::noun::{Noun, a_type};

impl Noun for Span {
    const NAME: &'static str = "Duration";
    const DOC: &'static str = "A span of time, such as 30s or 1m30s.";

    fn text(&self) -> String {
        self.to_string()
    }

    fn json(&self) -> Value {
        self.to_string().into()
    }

    fn order(&self, other: &Dynamic) -> Result<Ordering, Failure> {
        let text = other.clone().into_immutable_string().ok();
        let other_span = other.clone().try_cast::<Span>().or_else(|| text.and_then(|text| text.parse().ok()));
        other_span.map(|other| self.cmp(&other)).ok_or_else(|| {
            Failure::new(&TYPE, format!("a Duration cannot be compared with {}", a_type(other)))
                .hint("write the other side as a duration too: \"30s\"")
        })
    }
}

impl Noun for Context {
    const NAME: &'static str = "Context";
    const DOC: &'static str = "A second cluster, by its context: what `param NAME: context` declares. It is only read, by `NAME.read(|| …)`; what was read there goes on reading there.";

    fn text(&self) -> String {
        self.to_string()
    }

    fn json(&self) -> Value {
        self.name().into()
    }
}

impl Noun for Quantity {
    const NAME: &'static str = "Quantity";
    const DOC: &'static str = "A Kubernetes quantity, such as 512Mi or 200m.";

    fn text(&self) -> String {
        self.to_string()
    }

    fn json(&self) -> Value {
        self.to_string().into()
    }

    fn same(&self, other: &Self) -> Result<bool, Failure> {
        Ok(self == other)
    }

    fn order(&self, other: &Dynamic) -> Result<Ordering, Failure> {
        let text = other.clone().into_immutable_string().ok();
        let other_quantity = other.clone().try_cast::<Quantity>().or_else(|| text.and_then(|text| text.parse().ok()));
        other_quantity.map(|other| self.cmp(&other)).ok_or_else(|| {
            Failure::new(&TYPE, format!("a Quantity cannot be compared with {}", a_type(other)))
                .hint("write the other side as a quantity too: \"512Mi\"")
        })
    }
}

impl Noun for List {
    const NAME: &'static str = "List";
    const DOC: &'static str =
        "A list of nouns that scripts cannot change. A predicate over it must answer with a bool.";

    /// The items where they are few, else the first of them and how many more.
    fn text(&self) -> String {
        let texts: Vec<_> = self.texts().collect();
        match texts.as_slice() {
            [] => format!("no {}", self.noun().name),
            [one] => one.clone(),
            [head @ .., last] if head.len() < 5 => format!("{} and {last}", head.join(", ")),
            many => format!("{} and {} more", many[..4].join(", "), many.len() - 4),
        }
    }

    /// One row for each item; where items have tables of the same columns, these as one table. An empty list is a line.
    fn table(&self) -> Table {
        if self.items().is_empty() {
            return Table::line(self.text());
        }
        let mut table = Table::new(format!("{}: {}", self.noun().name, self.items().len()), &[]);
        let own: Vec<Table> = self.items().iter().filter_map(|item| (self.noun().table)(item)).collect();
        if let Some(first) = own.first().filter(|first| !first.columns.is_empty())
            && own.len() == self.items().len()
            && own.iter().all(|one| one.columns == first.columns)
        {
            table.columns.clone_from(&first.columns);
            for one in own {
                table.rows.extend(one.rows);
                table
                    .notes
                    .extend(one.notes.into_iter().filter(|note| !table.notes.contains(note)).collect::<Vec<_>>());
            }
            return table;
        }
        table.columns = vec![self.noun().name.to_uppercase()];
        for text in self.texts() {
            table.row([text]);
        }
        table
    }

    fn json(&self) -> Value {
        self.items().iter().map(|item| (self.noun().json)(item).unwrap_or_else(|| item.to_string().into())).collect()
    }
}

impl Noun for Failure {
    const NAME: &'static str = "Failure";
    const DOC: &'static str = "What `catch (failure)` receives: `failure.code`, `failure.message`, `failure.hint`.";

    fn text(&self) -> String {
        self.message.clone()
    }

    fn json(&self) -> Value {
        json!({ "code": self.code.name, "message": self.message, "hint": self.hint, "unchanged": self.unchanged })
    }
}
