//! What could follow what is typed, told from descriptors alone: nothing is evaluated, and no effect runs.
//!
//! `chain` finds the expression in front of the cursor, `infer` its type; `order` says which names fit what is typed.
//! Inside a string, `argument` asks `live` what is there now; `promql` knows where in a query one is.

mod argument;
mod chain;
mod infer;
mod live;
mod order;
mod promql;

use meshbook_runtime::engine::script::last_part;
use meshbook_runtime::primitive::{Library, Primitive};

use self::argument::Argument;
use self::infer::Types;
pub(crate) use self::live::Live;
use self::order::{cut, fitting};
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

impl Candidate {
    /// One that is written as it is shown.
    #[cfg(test)]
    pub(crate) fn of(text: String) -> Candidate {
        Candidate { shown: text.clone(), text }
    }
}

/// What is known while a line is typed.
pub(crate) struct Completion {
    library: Library,
    /// The session's variables with the names of their types.
    variables: Vec<(String, String)>,
    /// What is there now, and the session's namespace.
    live: Option<(Live, String)>,
}

impl Completion {
    pub(crate) fn new(library: Library, variables: Vec<(String, String)>, live: Option<(Live, String)>) -> Completion {
        Completion { library, variables, live }
    }

    /// Where the word in front of the cursor begins, and what could stand there.
    pub(crate) fn candidates(&self, typed: &str) -> (usize, Vec<Candidate>) {
        if typed.starts_with(':') && !typed.contains(char::is_whitespace) {
            return (0, commands(typed));
        }
        let start = chain::word_start(typed);
        let (before, word) = typed.split_at(start);
        let types = Types::new(&self.library, &self.variables, typed);
        if let Some(open) = chain::open_string(typed) {
            return match (&self.live, Argument::at_end(typed, &types)) {
                (Some((live, namespace)), Some(argument)) => argument.candidates(live, namespace),
                _ => (open + 1, Vec::new()),
            };
        }
        let all = if let Some(receiver) = before.trim_end().strip_suffix('.') {
            match types.of(chain::before(receiver)) {
                Some(of) => self.methods(&infer::receiver(&of)),
                None => Vec::new(),
            }
        } else if let Some(space) = before.strip_suffix("::") {
            let space = &space[chain::word_start(space)..];
            self.of_namespace(space)
        } else {
            self.names()
        };
        (start, cut(fitting(word, all, |candidate| &candidate.text)))
    }

    /// What is said beside the cursor: the parameters to come; inside a string, why no names can be offered.
    ///
    /// Whoever begins to type a name gets what is there looked for, so that it is at hand under Tab.
    pub(crate) fn hint(&self, typed: &str) -> Option<String> {
        if !chain::is_in_string(typed) {
            return self.next_parameters(typed);
        }
        let (live, namespace) = self.live.as_ref()?;
        let types = Types::new(&self.library, &self.variables, typed);
        let argument = Argument::at_end(typed, &types)?;
        argument.prepare(live, namespace);
        argument.why_none(live, namespace).map(|why| format!("  ({why})"))
    }

    /// The parameters of the call that is being written that are still to come.
    pub(crate) fn next_parameters(&self, typed: &str) -> Option<String> {
        if chain::is_in_string(typed) {
            return None;
        }
        let call = chain::open_call(typed)?;
        // Only where an argument begins: a hint in the middle of a word is in the way.
        if !typed.trim_end().ends_with(['(', ',']) {
            return None;
        }
        let types = Types::new(&self.library, &self.variables, typed);
        let primitive = types.callee(call.callee)?;
        let rest: Vec<String> = primitive
            .params
            .iter()
            .skip(call.arguments.len())
            .map(|p| {
                let default = p.default.map(|default| format!(" = {default}")).unwrap_or_default();
                format!("{}: {}{default}", p.name, p.ty.name())
            })
            .collect();
        (!rest.is_empty()).then(|| rest.join(", "))
    }

    fn methods(&self, receiver: &str) -> Vec<Candidate> {
        let methods = self.library.primitives.iter().filter(|p| p.receiver == Some(receiver));
        methods.map(|p| candidate(p, p.name)).collect()
    }

    fn of_namespace(&self, space: &str) -> Vec<Candidate> {
        let begin = format!("{space}::");
        let primitives = self.library.primitives.iter().filter(|p| p.name.starts_with(&begin));
        primitives.map(|p| candidate(p, last_part(p.name))).collect()
    }

    fn names(&self) -> Vec<Candidate> {
        let plain = |text: &str, shown: String| Candidate { text: text.into(), shown };
        let variables = self.variables.iter().map(|(name, of)| plain(name, format!("{name}: {of}")));
        let keywords = KEYWORDS.iter().map(|word| plain(word, (*word).into()));
        let words = WORDS.iter().map(|(word, written, _)| plain(word, (*written).into()));
        let functions = self.library.primitives.iter().filter(|p| p.receiver.is_none());
        let functions = functions.map(|p| match p.name.split_once("::") {
            Some((space, _)) => plain(&format!("{space}::"), format!("{space}::")),
            None => candidate(p, p.name),
        });
        variables.chain(keywords).chain(words).chain(functions).collect()
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
