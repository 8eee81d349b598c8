//! What could follow what is typed, told from descriptors alone: nothing is evaluated, and no effect runs.
//!
//! `chain` finds the expression in front of the cursor, `infer` its type.

mod chain;
mod infer;
mod objects;

use meshbook_runtime::engine::script::last_part;
use meshbook_runtime::primitive::{Library, Primitive};

use self::infer::Types;
pub(crate) use self::objects::Objects;
use self::objects::kinds_of;
use crate::command::COMMANDS;
use crate::words::WORDS;

/// Rhai's own words that begin something.
const KEYWORDS: [&str; 14] = [
    "break", "continue", "else", "false", "fn", "for", "if", "import", "let", "loop", "return", "switch", "true",
    "while",
];

/// Something that could follow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    /// What takes the place of the word in front of the cursor.
    pub(crate) text: String,
    /// How it is written, and what it is.
    pub(crate) shown: String,
}

/// What is known while a line is typed.
pub(crate) struct Completion {
    library: Library,
    /// The session's variables with the names of their types.
    variables: Vec<(String, String)>,
    /// Names of live objects, where there is a cluster.
    objects: Option<Objects>,
}

impl Completion {
    pub(crate) fn new(library: Library, variables: Vec<(String, String)>, objects: Option<Objects>) -> Completion {
        Completion { library, variables, objects }
    }

    /// Where the word in front of the cursor begins, and what could stand there.
    pub(crate) fn candidates(&self, typed: &str) -> (usize, Vec<Candidate>) {
        if typed.starts_with(':') && !typed.contains(char::is_whitespace) {
            return (0, commands(typed));
        }
        let start = chain::word_start(typed);
        let (before, word) = typed.split_at(start);
        if let Some(open) = chain::open_string(typed) {
            return (open + 1, self.objects(typed, open));
        }
        let mut found = if let Some(receiver) = before.trim_end().strip_suffix('.') {
            let types = Types::new(&self.library, &self.variables, typed);
            match types.of(chain::before(receiver)) {
                Some(of) => self.methods(&infer::receiver(&of), word),
                None => Vec::new(),
            }
        } else if let Some(space) = before.strip_suffix("::") {
            let space = &space[chain::word_start(space)..];
            self.of_namespace(space, word)
        } else {
            self.names(word)
        };
        found.sort();
        found.dedup();
        (start, found)
    }

    /// The parameters of the call that is being written that are still to come.
    pub(crate) fn next_parameters(&self, typed: &str) -> Option<String> {
        if chain::is_in_string(typed) {
            return None;
        }
        let (callee, index) = chain::open_call(typed)?;
        // Only where an argument begins: a hint in the middle of a word is in the way.
        if !typed.trim_end().ends_with(['(', ',']) {
            return None;
        }
        let types = Types::new(&self.library, &self.variables, typed);
        let primitive = types.callee(callee)?;
        let rest: Vec<String> = primitive
            .params
            .iter()
            .skip(index)
            .map(|p| {
                let default = p.default.map(|default| format!(" = {default}")).unwrap_or_default();
                format!("{}: {}{default}", p.name, p.ty.name())
            })
            .collect();
        (!rest.is_empty()).then(|| rest.join(", "))
    }

    /// Names of live objects, for an argument that takes them: `text` ends in a string that opens at `open`.
    fn objects(&self, text: &str, open: usize) -> Vec<Candidate> {
        let (Some(objects), Some((callee, index))) = (&self.objects, chain::open_call(&text[..open])) else {
            return Vec::new();
        };
        let types = Types::new(&self.library, &self.variables, text);
        let Some(primitive) = types.callee(callee) else { return Vec::new() };
        let call = &text[text[..open].rfind(callee).unwrap_or_default()..open];
        let (names, age) = objects.names(&kinds_of(primitive, index, call, &self.library));
        let begun = &text[open + 1..];
        let mut found: Vec<_> = names
            .into_iter()
            .filter(|name| name.starts_with(begun))
            .map(|name| Candidate {
                shown: age.map_or(name.clone(), |age| format!("{name}  (seen {}s ago)", age.as_secs())),
                text: name,
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    fn methods(&self, receiver: &str, word: &str) -> Vec<Candidate> {
        let methods = self.library.primitives.iter().filter(|p| p.receiver == Some(receiver));
        methods.filter(|p| p.name.starts_with(word)).map(|p| candidate(p, p.name)).collect()
    }

    fn of_namespace(&self, space: &str, word: &str) -> Vec<Candidate> {
        let begin = format!("{space}::{word}");
        let primitives = self.library.primitives.iter().filter(|p| p.name.starts_with(&begin));
        primitives.map(|p| candidate(p, last_part(p.name))).collect()
    }

    fn names(&self, word: &str) -> Vec<Candidate> {
        let plain = |text: &str, shown: String| Candidate { text: text.into(), shown };
        let variables = self.variables.iter().map(|(name, of)| plain(name, format!("{name}: {of}")));
        let keywords = KEYWORDS.iter().map(|word| plain(word, (*word).into()));
        let words = WORDS.iter().map(|(word, written, _)| plain(word, (*written).into()));
        let functions = self.library.primitives.iter().filter(|p| p.receiver.is_none());
        let functions = functions.map(|p| match p.name.split_once("::") {
            Some((space, _)) => plain(&format!("{space}::"), format!("{space}::")),
            None => candidate(p, p.name),
        });
        let all = variables.chain(keywords).chain(words).chain(functions);
        all.filter(|candidate| candidate.text.starts_with(word)).collect()
    }
}

fn candidate(primitive: &Primitive, name: &str) -> Candidate {
    let close = if primitive.params.is_empty() { ")" } else { "" };
    Candidate { text: format!("{name}({close}"), shown: primitive.signature() }
}

fn commands(typed: &str) -> Vec<Candidate> {
    let commands = COMMANDS.iter().filter(|command| command.name.starts_with(typed));
    commands
        .map(|command| Candidate {
            text: format!("{} ", command.name),
            shown: format!("{}  {}", command.usage(), command.summary),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion() -> Completion {
        let variables = [("h", "Host"), ("rules", "List<Rule>"), ("text", "string")];
        let variables = variables.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned())).collect();
        Completion::new(meshbook_stdlib::LIBRARY, variables, None)
    }

    fn follows(typed: &str) -> Vec<String> {
        completion().candidates(typed).1.into_iter().map(|candidate| candidate.text).collect()
    }

    #[track_caller]
    fn offers(typed: &str, what: &str) {
        let found = follows(typed);
        assert!(found.iter().any(|text| text == what), "{typed}: {found:?}");
    }

    #[test]
    fn methods_of_a_chain_are_told_without_evaluating_it() {
        offers("h.ref", "refusals(");
        offers("host(\"graph-core\").refusals(over(\"30s\")).ru", "rules()");
        offers("let x = host(\"a\"); x.", "refusals(");
        offers("rules[0].rai", "raise_limits(");
        offers("rules.first().rai", "raise_limits(");
        offers("rules.filter(|r| true).fir", "first()");
        offers("rules.all(|rule| rule.rai", "raise_limits(");
        offers("for rule in h.refusals(over(\"1m\")).rules() {\n  rule.rai", "raise_limits(");
        offers("step \"x (\" {\n  // )\n  h.ref", "refusals(");
        offers("show(h.ref", "refusals(");
        assert!(follows("text.ref").is_empty() && follows("unknown.ref").is_empty());
    }

    #[test]
    fn names_namespaces_words_and_commands_are_told() {
        offers("ho", "host(");
        offers("ho", "hold");
        offers("k8", "k8s::");
        offers("k8s::pat", "patch(");
        offers(":wa", ":watch ");
        offers("ru", "rules");
        assert!(follows("host(\"gra").is_empty(), "a string is the person's own");
    }

    #[test]
    fn the_parameters_to_come_are_told() {
        assert_eq!(completion().next_parameters("host("), Some("name: string".into()));
        assert!(completion().next_parameters("h.refusals(").is_some_and(|hint| hint.contains("duration")));
        assert_eq!(completion().next_parameters("host(\"a\""), None);
        assert_eq!(completion().next_parameters("h"), None);
    }
}
