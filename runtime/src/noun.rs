//! Nouns: the typed things that scripts hold. A host, a workload, a proxy, a rule.
//!
//! A noun is a cheap identity (`Arc` inside) without setters: captures of closures copy it freely.

use std::any::TypeId;
use std::cmp::Ordering;
use std::fmt::Debug;

use rhai::{Dynamic, Engine};
use serde_json::Value;

use crate::engine::compare;
use crate::failure::{Failure, TYPE};
use crate::value::Table;

/// A type of values that scripts hold.
pub trait Noun: Clone + Debug + Send + Sync + 'static {
    /// Its name in scripts, messages and the reference.
    const NAME: &'static str;
    /// What it is, in a sentence or two.
    const DOC: &'static str;

    /// How it reads in a sentence.
    fn text(&self) -> String;

    /// How it reads on the screen.
    fn table(&self) -> Table {
        Table::line(self.text())
    }

    /// How it stands in the record and in `-o json`.
    fn json(&self) -> Value;

    /// How it reads to a person who debugs a script.
    fn debug(&self) -> String {
        format!("{} {}", Self::NAME, self.json())
    }

    /// Whether it is the same as another of its type.
    ///
    /// # Errors
    /// When there is no answer, because data are missing.
    fn same(&self, other: &Self) -> Result<bool, Failure> {
        Ok(self.json() == other.json())
    }

    /// Its order relative to any other value, for `<`, `<=`, `>`, `>=`, and for `==` with values of another type.
    ///
    /// # Errors
    /// When there is none, which is what most nouns answer.
    fn order(&self, other: &Dynamic) -> Result<Ordering, Failure> {
        Err(Failure::new(&TYPE, format!("a {} cannot be compared with {}", Self::NAME, a_type(other))))
    }
}

/// Names a value's type with its article, for messages.
pub fn a_type(value: &Dynamic) -> String {
    match value.type_name() {
        "()" => "nothing".into(),
        "i64" => "an int".into(),
        "f64" => "a float".into(),
        "alloc::string::String" | "string" | "&str" => "a string".into(),
        name => {
            let name = name.rsplit("::").next().unwrap_or(name);
            let article = if name.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
            format!("{article} {name}")
        }
    }
}

/// A noun as the registry lists it: the same for every type, so that tables of nouns can be written down.
#[derive(Clone, Copy)]
pub struct NounType {
    /// Its name in scripts.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its Rust type.
    pub type_id: fn() -> TypeId,
    /// Teaches an engine the name of its type.
    pub(crate) register: fn(&mut Engine),
    /// How it compares.
    pub(crate) relation: compare::Relation,
    /// See [`Noun::debug`].
    pub(crate) debug: fn(&Dynamic) -> Option<String>,
    /// See [`Noun::text`].
    pub text: fn(&Dynamic) -> Option<String>,
    /// See [`Noun::table`].
    pub table: fn(&Dynamic) -> Option<Table>,
    /// See [`Noun::json`].
    pub json: fn(&Dynamic) -> Option<Value>,
}

impl std::fmt::Debug for NounType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl NounType {
    /// The entry of a noun.
    pub const fn of<T: Noun>() -> Self {
        NounType {
            name: T::NAME,
            doc: T::DOC,
            type_id: TypeId::of::<T>,
            register: |engine| {
                engine.register_type_with_name::<T>(T::NAME);
            },
            relation: compare::relation::<T>,
            debug: |value| value.clone().try_cast::<T>().map(|noun| noun.debug()),
            text: |value| value.clone().try_cast::<T>().map(|noun| noun.text()),
            table: |value| value.clone().try_cast::<T>().map(|noun| noun.table()),
            json: |value| value.clone().try_cast::<T>().map(|noun| noun.json()),
        }
    }
}
