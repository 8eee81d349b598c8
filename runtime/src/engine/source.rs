//! The texts of a script and its modules, and the way from Rhai's positions to bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{AST, Position};
use sha2::{Digest, Sha256};

/// Texts by name: the script's path, and module paths such as `lib/certificates`.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    texts: BTreeMap<String, Arc<str>>,
    closures: BTreeMap<String, String>,
}

impl Sources {
    /// Adds a text.
    pub fn add(&mut self, name: &str, text: Arc<str>) {
        self.texts.insert(name.to_owned(), text);
    }

    /// Remembers where the closures of a compiled text stand: an error in a closure that a module calls names the module.
    pub fn add_closures(&mut self, name: &str, ast: &AST) {
        for function in ast.iter_functions().filter(|f| f.name.starts_with("anon$")) {
            self.closures.insert(function.name.to_owned(), name.to_owned());
        }
    }

    /// Adds what others hold.
    pub fn extend(&mut self, others: &Sources) {
        self.texts.extend(others.texts.iter().map(|(name, text)| (name.clone(), text.clone())));
        self.closures.extend(others.closures.iter().map(|(name, source)| (name.clone(), source.clone())));
    }

    /// The text of a name.
    pub fn text(&self, name: &str) -> Option<&Arc<str>> {
        self.texts.get(name)
    }

    /// Where the closure of this name was written.
    pub fn of_closure(&self, function: &str) -> Option<&str> {
        self.closures.get(function).map(String::as_str)
    }

    /// What stands between two positions, braces left out, on one line.
    pub fn between(&self, name: &str, start: Position, end: Position) -> String {
        let text = self.text(name).map(AsRef::as_ref).unwrap_or_default();
        let (Some((start, _)), Some((end, _))) = (span(text, start), span(text, end)) else { return String::new() };
        let inside = text.get(start..end).unwrap_or_default().trim_start_matches('{');
        inside.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// SHA-256 over all texts, in order of their names, in hexadecimal.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, text) in &self.texts {
            hasher.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(name);
            hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The byte range of what stands at a position. Rhai counts lines and characters from 1, and names one point only: the
/// start of a name, operator or literal.
pub fn span(text: &str, position: Position) -> Option<(usize, usize)> {
    let line = position.line()?;
    let column = position.position().unwrap_or(1).saturating_sub(1);
    let start = text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
    let rest = text.get(start..)?;
    let line = rest.split_inclusive('\n').next().unwrap_or("").trim_end_matches(['\r', '\n']);
    let (offset, _) = line.char_indices().nth(column).unwrap_or((line.len(), ' '));
    Some((start + offset, token_length(&text[start + offset..])))
}

/// How long the token at the start of a text is, in bytes; at least one character if there is any.
fn token_length(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    let word = |c: char| c.is_alphanumeric() || c == '_';
    if word(first) {
        return text.find(|c| !word(c)).unwrap_or(text.len());
    }
    if matches!(first, '"' | '`') {
        let mut escaped = false;
        for (at, c) in text.char_indices().skip(1) {
            match c {
                '\\' if first == '"' && !escaped => escaped = true,
                c if c == first && !escaped => return at + c.len_utf8(),
                '\n' => return at,
                _ => escaped = false,
            }
        }
        return text.len();
    }
    let operator = |c: char| "=!<>&|+-*/%^~?:".contains(c);
    if operator(first) { text.find(|c| !operator(c)).unwrap_or(text.len()) } else { first.len_utf8() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, line: u16, column: u16) -> &str {
        let (start, length) = span(text, Position::new(line, column)).expect("a position inside the text");
        &text[start..start + length]
    }

    #[test]
    fn characters_become_bytes() {
        assert_eq!(at("let é = \"日本\"; pöd.bad(1)", 1, 15), "pöd");
        assert_eq!(at("// 😀\r\n\tfoo(\"ü\");", 2, 2), "foo");
        assert_eq!(at("// 😀\r\n\tfoo(\"ü\");", 2, 6), "\"ü\"");
        assert_eq!(at("a\nb >= c", 2, 3), ">=");
        assert_eq!(at("a\nb", 2, 9), "");
        assert_eq!(span("a", Position::NONE), None);
    }
}
