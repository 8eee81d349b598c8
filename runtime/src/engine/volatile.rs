//! The hooks of Rhai that it marks as volatile, in one place. `Cargo.toml` pins Rhai's version because of them.
#![allow(deprecated, reason = "Rhai marks these hooks as volatile in this way; they have no replacement")]

use std::any::TypeId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, Expression, LexError, Position, Token};

use super::source;

/// Evaluates a block in the scope it stands in: its variables stay.
pub fn evaluate_inline(context: &mut EvalContext, block: &Expression) -> Result<Dynamic, Box<EvalAltResult>> {
    context.eval_expression_tree_raw(block, false)
}

/// Hands nouns out of captured variables by value.
///
/// A closure that mentions the root of its own call chain (`refusals.proxies().all(|p| p.carries(refusals.rules()))`) makes
/// the variable shared while the chain holds its lock, and Rhai reports a data race. Nouns have no setters, so a copy
/// serves as well. Variables that the script assigns to stay variables: what this hook returns is read-only.
pub fn capture_nouns_by_value(engine: &mut Engine, nouns: HashSet<TypeId>, assigned: HashSet<String>) {
    engine.on_var(move |name, _, context| {
        if assigned.contains(name) {
            return Ok(None);
        }
        Ok(context.scope().get(name).filter(|value| nouns.contains(&value.type_id())).map(Dynamic::flatten_clone))
    });
}

/// The text that an engine is reading, for its hooks.
pub type Reading = Arc<Mutex<Arc<str>>>;

/// Lets `_` and `_3` be names of variables, as a prompt has them for its results. To Rhai the one is a token of `switch`,
/// and the other no name. The `_` of a `switch` stays what it is.
pub fn name_results(engine: &mut Engine, reading: Reading) {
    engine.on_parse_token(move |token, position, _| match token {
        Token::LexError(error) => match &*error {
            LexError::MalformedIdentifier(name) if is_result(name) => Token::Identifier(Box::new(name.as_str().into())),
            _ => Token::LexError(error),
        },
        // What follows a name that is none to Rhai is read as the sign of a number.
        sign @ (Token::UnaryPlus | Token::UnaryMinus) => {
            let text = Arc::clone(&reading.lock().unwrap_or_else(PoisonError::into_inner));
            match (sign, follows_result(&text, position)) {
                (Token::UnaryPlus, true) => Token::Plus,
                (Token::UnaryMinus, true) => Token::Minus,
                (sign, _) => sign,
            }
        }
        Token::Underscore => {
            let text = Arc::clone(&reading.lock().unwrap_or_else(PoisonError::into_inner));
            if is_default_case(&text, position) { Token::Underscore } else { Token::Identifier(Box::new("_".into())) }
        }
        token => token,
    });
}

fn is_result(name: &str) -> bool {
    name.strip_prefix('_').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a result's name stands right before a position.
fn follows_result(text: &str, position: Position) -> bool {
    let Some((start, _)) = source::span(text, position) else { return false };
    let before = text[..start].trim_end();
    let name = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
    is_result(name)
}

fn is_default_case(text: &str, position: Position) -> bool {
    let Some((start, length)) = source::span(text, position) else { return true };
    text.get(start + length..).is_some_and(|rest| rest.trim_start().starts_with("=>"))
}
