//! The hooks of Rhai that it marks as volatile, in one place. `Cargo.toml` pins Rhai's version because of them.
#![allow(deprecated, reason = "Rhai marks these hooks as volatile in this way; they have no replacement")]

use std::any::TypeId;
use std::collections::HashSet;

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, Expression};

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
