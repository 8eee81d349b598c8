//! Comparisons that cannot lie.
//!
//! Rhai answers `false`, without an error, when two values of types without a registered comparison are compared:
//! `missing() == 0`, `host("a") == "a"`, `"5" < 6`. In a runbook that is a wrong decision. So every comparison of a noun
//! is registered, and those of Rhai's own types that mean nothing are errors.

use std::any::TypeId;
use std::cmp::Ordering;

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map, Position, Variant};

use super::raise::error_of;
use crate::failure::{Failure, TYPE};
use crate::noun::{Noun, a_type};
use crate::value::Span;

type Answer = Result<bool, Box<EvalAltResult>>;

/// Whether an operator holds for two values in this order.
type Holds = fn(Ordering) -> bool;

const OPERATORS: [(&str, Holds); 6] = [
    ("==", Ordering::is_eq),
    ("!=", Ordering::is_ne),
    ("<", Ordering::is_lt),
    ("<=", Ordering::is_le),
    (">", Ordering::is_gt),
    (">=", Ordering::is_ge),
];

fn answer(result: Result<bool, Failure>) -> Answer {
    result.map_err(|failure| error_of(failure, Position::NONE))
}

/// Registers every comparison of a noun, with itself and with anything else.
pub fn register<T: Noun>(engine: &mut Engine) {
    for (operator, holds) in OPERATORS {
        if matches!(operator, "==" | "!=") {
            let negated = operator == "!=";
            engine.register_fn(operator, move |a: T, b: T| answer(a.same(&b).map(|same| same != negated)));
        } else {
            engine.register_fn(operator, move |a: T, b: T| answer(a.order(&Dynamic::from(b)).map(holds)));
        }
        // Two nouns of different types are a tie between the two rules below; with a duration the other one decides.
        if TypeId::of::<T>() != TypeId::of::<Span>() {
            engine.register_fn(operator, move |a: T, b: Span| answer(a.order(&Dynamic::from(b)).map(holds)));
            engine.register_fn(operator, move |a: Span, b: T| {
                answer(b.order(&Dynamic::from(a)).map(|order| holds(order.reverse())))
            });
        }
        engine.register_fn(operator, move |a: T, b: Dynamic| answer(a.order(&b).map(holds)));
        engine.register_fn(operator, move |a: Dynamic, b: T| answer(b.order(&a).map(|order| holds(order.reverse()))));
    }
}

/// Makes comparisons of Rhai's own types that have no meaning errors, and takes Rhai's short cuts away that would
/// answer before us.
pub fn register_strict(engine: &mut Engine) {
    engine.set_fast_operators(false);
    macro_rules! pairs {
        ($first:ty; $($other:ty),+) => { $( refuse::<$first, $other>(engine); refuse::<$other, $first>(engine); )+ };
    }
    pairs!(ImmutableString; i64, f64, bool, Array, Map);
    pairs!(i64; bool, char, Array, Map);
    pairs!(f64; bool, char, Array, Map);
    pairs!(bool; char, Array, Map);
    pairs!(char; Array, Map);
    pairs!(Array; Map);
    // `x == ()` asks whether there is a value, and is allowed; an order with nothing is not.
    for (operator, _) in OPERATORS.into_iter().filter(|(operator, _)| !matches!(*operator, "==" | "!=")) {
        engine.register_fn(operator, |(): (), b: Dynamic| refused(&Dynamic::UNIT, &b));
        engine.register_fn(operator, |a: Dynamic, (): ()| refused(&a, &Dynamic::UNIT));
    }
}

fn refuse<A: Variant + Clone, B: Variant + Clone>(engine: &mut Engine) {
    for (operator, _) in OPERATORS {
        engine.register_fn(operator, |a: A, b: B| refused(&Dynamic::from(a), &Dynamic::from(b)));
    }
}

fn refused(a: &Dynamic, b: &Dynamic) -> Answer {
    answer(Err(Failure::new(&TYPE, format!("{} cannot be compared with {}", a_type(a), a_type(b)))
        .hint("convert one of them first, for example with `parse_int()`")))
}
