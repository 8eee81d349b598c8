//! Between our failures and Rhai's errors, in both directions.

use rhai::{Dynamic, EvalAltResult, ParseErrorType, Position};

use crate::failure::{Failure, IMPORT, LIMIT, SCRIPT, SYNTAX, TYPE, UNKNOWN_NAME};
use crate::run::{Run, Stop};

/// The Rhai error that carries a failure. One that a script may not catch ends the evaluation; the run's latch keeps it.
pub fn error_of(failure: Failure, position: Position) -> Box<EvalAltResult> {
    if failure.code.catchable {
        EvalAltResult::ErrorRuntime(Dynamic::from(failure), position).into()
    } else {
        EvalAltResult::ErrorTerminated(Dynamic::from(failure), position).into()
    }
}

/// The failure behind a Rhai error. If the run has stopped, that is why, whatever Rhai says.
pub fn failure_of(run: &Run, error: &EvalAltResult) -> Failure {
    match run.verdict() {
        Some(Stop::Failed(failure)) => failure,
        _ => plain_failure(error),
    }
}

/// The failure that a Rhai error means by itself.
pub fn plain_failure(error: &EvalAltResult) -> Failure {
    use EvalAltResult as E;
    match error.unwrap_inner() {
        E::ErrorRuntime(value, _) | E::ErrorTerminated(value, _) => {
            value.clone().try_cast::<Failure>().unwrap_or_else(|| {
                Failure::new(&SCRIPT, if value.is_unit() { "the script stopped".to_owned() } else { value.to_string() })
            })
        }
        E::ErrorParsing(kind, _) => syntax(kind),
        E::ErrorVariableNotFound(name, _) => Failure::new(&UNKNOWN_NAME, format!("there is no variable `{name}`")),
        E::ErrorModuleNotFound(name, _) => Failure::new(&UNKNOWN_NAME, format!("there is no module `{name}`")),
        E::ErrorFunctionNotFound(signature, _) => Failure::new(&UNKNOWN_NAME, not_found(signature)),
        E::ErrorPropertyNotFound(name, _) => Failure::new(&UNKNOWN_NAME, format!("there is no property `{name}`"))
            .hint("what a noun answers is asked with parentheses: `rule.limits()`"),
        E::ErrorDotExpr(what, _) => Failure::new(&UNKNOWN_NAME, no_getter(what)),
        E::ErrorMismatchDataType(wanted, actual, _) => {
            Failure::new(&TYPE, format!("{} was expected here, not {}", readable(wanted), readable(actual)))
        }
        E::ErrorTooManyOperations(_) => {
            Failure::new(&LIMIT, "the script ran more operations than it may: is there a loop that never ends?")
        }
        E::ErrorStackOverflow(_) => Failure::new(
            &LIMIT,
            "functions call each other more deeply than they may: is there a recursion that never ends?",
        ),
        E::ErrorTooManyModules(_) => Failure::new(&LIMIT, "the script imports more modules than it may"),
        E::ErrorTooManyVariables(_) => Failure::new(&LIMIT, "the script declares more variables than it may"),
        E::ErrorDataTooLarge(what, _) => Failure::new(&LIMIT, format!("{what} is larger than it may be")),
        E::ErrorInModule(path, inner, _) => {
            let inner = plain_failure(inner);
            if std::ptr::eq(inner.code, &SCRIPT) {
                Failure::new(&IMPORT, format!("module `{path}`: {}", inner.message))
            } else {
                inner
            }
        }
        E::ErrorArithmetic(what, _) => Failure::new(&SCRIPT, what.clone()),
        other => {
            let mut other = other.to_string();
            if let Some(at) = other.find(" (line ") {
                other.truncate(at);
            }
            Failure::new(&SCRIPT, other)
        }
    }
}

/// What a parse error says.
pub fn syntax(kind: &ParseErrorType) -> Failure {
    match kind {
        ParseErrorType::VariableUndefined(name) => {
            Failure::new(&UNKNOWN_NAME, format!("there is no variable `{name}`"))
        }
        ParseErrorType::ModuleUndefined(name) => Failure::new(&UNKNOWN_NAME, format!("there is no module `{name}`")),
        kind => {
            let text = kind.to_string();
            let mut letters = text.chars();
            let lowered =
                letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or(text.clone());
            Failure::new(&SYNTAX, format!("the script cannot be read: {lowered}"))
        }
    }
}

/// `refusals (Workload, string)` in a sentence.
fn not_found(signature: &str) -> String {
    let (name, args) =
        signature.split_once(" (").map_or((signature, ""), |(name, rest)| (name, rest.trim_end_matches(')')));
    let args: Vec<_> = args.split(", ").filter(|arg| !arg.is_empty()).map(readable).collect();
    if name.starts_with("anon$") {
        return "the closure takes another number of arguments".into();
    }
    if args.is_empty() {
        format!("there is no function `{name}` without arguments")
    } else {
        format!("there is no `{name}` for ({})", args.join(", "))
    }
}

fn no_getter(what: &str) -> String {
    // "Unknown property 'x' - a getter is not registered for type 'Host'"
    let mut quoted = what.split('\'').skip(1).step_by(2);
    match (quoted.next(), quoted.next()) {
        (Some(property), Some(of)) => format!("{} has no property `{property}`", readable(of)),
        _ => what.to_owned(),
    }
}

/// Rhai's and Rust's type names as scripts name them.
fn readable(name: &str) -> String {
    match name.trim_start_matches("&mut ").trim_start_matches('&') {
        "()" => "nothing".into(),
        "i64" | "int" => "an int".into(),
        "f64" | "float" => "a float".into(),
        "bool" => "a bool".into(),
        "string" | "alloc::string::String" | "ImmutableString" | "str" => "a string".into(),
        "Fn" | "FnPtr" => "a closure".into(),
        other => other.rsplit("::").next().unwrap_or(other).to_owned(),
    }
}
