//! Predicates over Rhai's own arrays that must answer with a bool.
//!
//! Rhai's `filter`, `all`, `some` and `find` take an answer that is no bool for `false`: a predicate that forgets its
//! comparison would select nothing, silently.

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, NativeCallContext};

use super::raise::error_of;
use crate::failure::{Failure, TYPE};
use crate::noun::a_type;

type Answer<T> = Result<T, Box<EvalAltResult>>;

fn holds(context: &NativeCallContext, name: &str, predicate: &FnPtr, item: &Dynamic) -> Answer<bool> {
    let answer: Dynamic = predicate.call_within_context(context, (item.clone(),))?;
    answer.as_bool().map_err(|_| {
        let what = format!("the predicate of `{name}` must answer true or false, not {}", a_type(&answer));
        error_of(Failure::new(&TYPE, what), context.call_position())
    })
}

/// Replaces Rhai's own.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("filter", |context: NativeCallContext, array: &mut Array, predicate: FnPtr| -> Answer<Array> {
        let mut kept = Array::new();
        for item in array.iter() {
            if holds(&context, "filter", &predicate, item)? {
                kept.push(item.clone());
            }
        }
        Ok(kept)
    });
    engine.register_fn("all", |context: NativeCallContext, array: &mut Array, predicate: FnPtr| -> Answer<bool> {
        for item in array.iter() {
            if !holds(&context, "all", &predicate, item)? {
                return Ok(false);
            }
        }
        Ok(true)
    });
    engine.register_fn("some", |context: NativeCallContext, array: &mut Array, predicate: FnPtr| -> Answer<bool> {
        for item in array.iter() {
            if holds(&context, "some", &predicate, item)? {
                return Ok(true);
            }
        }
        Ok(false)
    });
    engine.register_fn("find", |context: NativeCallContext, array: &mut Array, predicate: FnPtr| -> Answer<Dynamic> {
        for item in array.iter() {
            if holds(&context, "find", &predicate, item)? {
                return Ok(item.clone());
            }
        }
        Ok(Dynamic::UNIT)
    });
}
