//! A list of nouns that scripts cannot change, and whose predicates must answer with a bool.
//!
//! Rhai's own arrays treat a predicate's non-bool as false; this list makes it an error.

use std::sync::Arc;

use rhai::Dynamic;

use crate::noun::{Noun, NounType};

/// A list of nouns of one type.
#[derive(Clone, Debug)]
pub struct List {
    noun: NounType,
    items: Arc<[Dynamic]>,
}

impl List {
    /// A list of nouns.
    pub fn new<T: Noun>(items: impl IntoIterator<Item = T>) -> Self {
        List { noun: NounType::of::<T>(), items: items.into_iter().map(Dynamic::from).collect() }
    }

    /// A list of some of its items.
    pub fn only(&self, items: impl IntoIterator<Item = Dynamic>) -> Self {
        List { noun: self.noun, items: items.into_iter().collect() }
    }

    /// The type of its items.
    pub fn noun(&self) -> &NounType {
        &self.noun
    }

    /// Its items.
    pub fn items(&self) -> &[Dynamic] {
        &self.items
    }

    /// Its items of type `T`; others are left out.
    pub fn cast<T: Clone + Send + Sync + 'static>(&self) -> Vec<T> {
        self.items.iter().filter_map(|item| item.clone().try_cast::<T>()).collect()
    }

    /// How its items read in a sentence. Rhai would print the Rust type of a value that it does not know.
    pub fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.items.iter().map(|item| (self.noun.text)(item).unwrap_or_else(|| item.to_string()))
    }
}

impl IntoIterator for List {
    type Item = Dynamic;
    type IntoIter = std::vec::IntoIter<Dynamic>;

    fn into_iter(self) -> Self::IntoIter {
        let items: Vec<Dynamic> = self.items.iter().cloned().collect();
        items.into_iter()
    }
}
