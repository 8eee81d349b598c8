//! A list of nouns that scripts cannot change, and whose predicates must answer with a bool.
//!
//! Rhai's own arrays treat a predicate's non-bool as false; this list makes it an error.

use std::sync::Arc;

use rhai::Dynamic;

/// A list of values of one type.
#[derive(Clone, Debug)]
pub struct List {
    /// Name of the type of its items, for example `Proxy`.
    pub of: &'static str,
    items: Arc<[Dynamic]>,
}

impl List {
    /// A list of nouns.
    pub fn new<T: Clone + Send + Sync + 'static>(of: &'static str, items: impl IntoIterator<Item = T>) -> Self {
        List { of, items: items.into_iter().map(Dynamic::from).collect() }
    }

    /// A list of values that a script made.
    pub fn from_dynamic(of: &'static str, items: impl IntoIterator<Item = Dynamic>) -> Self {
        List { of, items: items.into_iter().collect() }
    }

    /// Its items.
    pub fn items(&self) -> &[Dynamic] {
        &self.items
    }

    /// Its items of type `T`; others are left out.
    pub fn cast<T: Clone + Send + Sync + 'static>(&self) -> Vec<T> {
        self.items.iter().filter_map(|item| item.clone().try_cast::<T>()).collect()
    }
}

impl IntoIterator for List {
    type Item = Dynamic;
    type IntoIter = std::vec::IntoIter<Dynamic>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.to_vec().into_iter()
    }
}
