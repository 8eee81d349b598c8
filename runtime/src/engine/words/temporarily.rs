//! `temporarily [DURATION] "why" { }` takes back every change made inside it when the block ends, fails, is interrupted, or
//! the time is up.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rhai::{Dynamic, Engine, EvalAltResult};

use super::is_unit;
use super::proof::span_of;
use crate::engine::session::Session;
use crate::engine::volatile::evaluate_inline;
use crate::run::{Mark, Run};

/// Takes back on every way out, a panic of a primitive included.
struct TakesBack {
    run: Arc<Run>,
    mark: Option<Mark>,
    why: String,
}

impl Drop for TakesBack {
    fn drop(&mut self) {
        if let Some(mark) = self.mark.take() {
            self.run.take_back_since(mark, &self.why);
        }
    }
}

pub(super) fn register(engine: &mut Engine) {
    engine.register_custom_syntax_with_state_raw(
        "temporarily",
        |symbols, ahead, _| {
            let count = symbols.len();
            let last = symbols.last().map(|symbol| symbol.as_str()).unwrap_or_default();
            let next = match last {
                "$block$" => None,
                // A string starts with a quote in the token ahead only here, at the first look: what else can stand here is an expression.
                _ if count == 1
                    && !ahead.starts_with(|c: char| c.is_ascii_digit())
                    && !ahead.chars().all(|c| c.is_alphanumeric() || c == '_') =>
                {
                    Some("$string$")
                }
                _ if count == 1 => Some("$expr$"),
                "$expr$" if is_unit(ahead) => Some("$ident$"),
                "$expr$" if ahead == "{" => Some("$block$"),
                "$expr$" => Some("$string$"),
                _ if is_unit(last) && count == 3 => Some("$string$"),
                _ => Some("$block$"),
            };
            Ok(next.map(Into::into))
        },
        true,
        |context, inputs, _| {
            let session = Session::of(context.tag());
            let (block, head) = inputs.split_last().expect("`temporarily` has a block");
            let (limit, why) = match head {
                [why] => (None, context.eval_expression_tree(why)?.to_string()),
                [span, rest @ .., why] => {
                    let value = context.eval_expression_tree(span)?;
                    let unit = rest.first().and_then(|unit| unit.get_string_value()).unwrap_or_default();
                    (Some(span_of(&value, unit, span.position())?), context.eval_expression_tree(why)?.to_string())
                }
                [] => (None, String::new()),
            };
            let mut takes_back = TakesBack {
                run: session.run.clone(),
                mark: Some(session.run.mark()),
                why: format!("the end of `temporarily` ({why})"),
            };
            let timer = limit.map(|limit| session.run.block_time(limit.0));
            session.temporary.fetch_add(1, Ordering::Relaxed);
            let result = evaluate_inline(context, block);
            session.temporary.fetch_sub(1, Ordering::Relaxed);
            let timed_out = timer.is_some_and(|timer| timer.clear());
            if timed_out {
                takes_back.why = format!("the time of `temporarily` ({why}) is up");
            }
            drop(takes_back);
            match result {
                Err(error) if timed_out && matches!(error.unwrap_inner(), EvalAltResult::ErrorTerminated(..)) => {
                    Ok(Dynamic::UNIT)
                }
                result => result,
            }
        },
    );
}
