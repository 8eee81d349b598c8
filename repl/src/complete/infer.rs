//! The type of an expression, from descriptors and from what the text in front of it says.

use meshbook_runtime::primitive::{Library, Primitive};

use super::chain;

/// What types are told from.
pub(crate) struct Types<'a> {
    library: &'a Library,
    variables: &'a [(String, String)],
    /// What is typed: it may declare the variable that it uses.
    typed: &'a str,
}

/// How deep declarations may lead to others.
const DEPTH: usize = 8;

impl<'a> Types<'a> {
    pub(crate) fn new(library: &'a Library, variables: &'a [(String, String)], typed: &'a str) -> Self {
        Types { library, variables, typed }
    }

    /// The type of a chain; `None` if it is not known.
    pub(crate) fn of(&self, chain: &str) -> Option<String> {
        self.of_within(chain, DEPTH)
    }

    /// The primitive that a chain without its last brackets calls.
    pub(crate) fn callee(&self, chain: &str) -> Option<&'static Primitive> {
        let parts = chain::parts(chain);
        let (last, before) = parts.split_last()?;
        if before.is_empty() {
            return self.primitive(None, last);
        }
        let of = self.walk(before, DEPTH)?;
        self.primitive(Some(&receiver(&of)), last)
    }

    fn of_within(&self, chain: &str, depth: usize) -> Option<String> {
        self.walk(&chain::parts(chain), depth)
    }

    fn walk(&self, parts: &[&str], depth: usize) -> Option<String> {
        let (first, rest) = parts.split_first()?;
        let mut of = self.first(first, depth.checked_sub(1)?)?;
        for part in rest {
            of = if part.starts_with('[') {
                element(&of)?.to_owned()
            } else {
                let name = part.split('(').next().unwrap_or_default();
                let primitive = self.primitive(Some(&receiver(&of)), name)?;
                match (primitive.returns, element(&of)) {
                    ("any", Some(item)) => item.to_owned(),
                    // What is filtered has the same items.
                    ("List", Some(_)) => of,
                    (returns, _) => returns.to_owned(),
                }
            };
        }
        Some(of)
    }

    fn first(&self, part: &str, depth: usize) -> Option<String> {
        if part.starts_with(['"', '`']) {
            return Some("string".into());
        }
        match part.split_once('(') {
            Some((name, _)) => self.primitive(None, name).map(|primitive| primitive.returns.to_owned()),
            None => self
                .declared(part, depth)
                .or_else(|| self.variables.iter().find(|(name, _)| name == part).map(|(_, of)| of.clone())),
        }
    }

    /// A variable that the text itself declares: by `let`, by `for`, or as the parameter of a closure.
    fn declared(&self, name: &str, depth: usize) -> Option<String> {
        let last = |what: &str| self.typed.rfind(what).map(|at| (at, at + what.len()));
        let ends = |from: usize, ends: &[char]| {
            let rest = &self.typed[from..];
            rest[..rest.find(ends).unwrap_or(rest.len())].trim()
        };
        if let Some((_, from)) = last(&format!("let {name} = ")) {
            return self.of_within(ends(from, &[';']), depth);
        }
        if let Some((_, from)) = last(&format!("for {name} in ")) {
            let of = self.of_within(ends(from, &['{']), depth)?;
            return element(&of).map(str::to_owned);
        }
        let (at, _) = last(&format!("|{name}|"))?;
        // `rules.all(|rule| …`: the items of what the closure is given to.
        let call = chain::open_call(&self.typed[..at])?;
        let parts = chain::parts(call.callee);
        let of = self.walk(parts.split_last()?.1, depth)?;
        element(&of).map(str::to_owned)
    }

    fn primitive(&self, receiver: Option<&str>, name: &str) -> Option<&'static Primitive> {
        self.library.primitives.iter().copied().find(|p| p.receiver == receiver && p.name == name.trim())
    }
}

/// The type whose methods a value has: `List` of `List<Rule>`.
pub(crate) fn receiver(of: &str) -> String {
    of.split('<').next().unwrap_or(of).to_owned()
}

/// The type of the items of a list.
fn element(of: &str) -> Option<&str> {
    of.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'))
}
