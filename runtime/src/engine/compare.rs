//! Comparisons that cannot lie.
//!
//! Rhai answers `false`, without an error, when two values of types without a registered comparison are compared:
//! `missing() == 0`, `host("a") == "a"`, `"5" < 6`. In a runbook that is a wrong decision. So every comparison of a noun
//! is registered, and those of Rhai's own types that mean nothing are errors.
//!
//! These are some four hundred functions in every engine, so they are registered as they are looked up, by types alone:
//! what Rhai's typed registration adds, a description of each signature as text, would cost more than all the rest of a
//! process' start.

use std::any::TypeId;
use std::cmp::Ordering;

use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FuncRegistration, ImmutableString, Map, Module, NativeCallContext, Position,
    RhaiFunc, Shared,
};

use super::raise::error_of;
use crate::failure::{Failure, TYPE};
use crate::noun::{Noun, NounType, a_type};
use crate::value::Span;

/// Whether an operator holds for two values in this order.
type Holds = fn(Ordering) -> bool;

/// A function as an engine calls it.
type Native =
    dyn Fn(Option<NativeCallContext>, &mut [&mut Dynamic]) -> Result<Dynamic, Box<EvalAltResult>> + Send + Sync;

const OPERATORS: [(&str, Holds); 6] = [
    ("==", Ordering::is_eq),
    ("!=", Ordering::is_ne),
    ("<", Ordering::is_lt),
    ("<=", Ordering::is_le),
    (">", Ordering::is_gt),
    (">=", Ordering::is_ge),
];

/// What a noun says about its order and another value, in the order in which they stand.
///
/// `==` and `!=` between two of the same noun ask whether they are the same; everything else asks for an order.
pub(crate) type Relation = fn(&Dynamic, &Dynamic, equality: bool) -> Result<Ordering, Failure>;

/// The [`Relation`] of a noun, whichever side it stands on.
pub(crate) fn relation<T: Noun>(a: &Dynamic, b: &Dynamic, equality: bool) -> Result<Ordering, Failure> {
    match (a.clone().try_cast::<T>(), b.clone().try_cast::<T>()) {
        (Some(a), Some(b)) if equality => a.same(&b).map(|same| if same { Ordering::Equal } else { Ordering::Less }),
        (Some(a), _) => a.order(b),
        (None, Some(b)) => b.order(a).map(Ordering::reverse),
        (None, None) => Ok(Ordering::Equal),
    }
}

/// Registers how nouns print, and every comparison of them, with themselves and with anything else, and makes comparisons of Rhai's own
/// types that have no meaning errors. Takes Rhai's short cuts away, which would answer before us.
pub fn register<'a>(engine: &mut Engine, nouns: impl Iterator<Item = &'a NounType>) {
    engine.set_fast_operators(false);
    let mut module = Module::new();
    let (anything, span) = (TypeId::of::<Dynamic>(), TypeId::of::<Span>());
    for noun in nouns {
        let (id, relation) = ((noun.type_id)(), noun.relation);
        for (operator, holds) in OPERATORS {
            let equality = matches!(operator, "==" | "!=");
            let compare = comparison(move |a, b| relation(a, b, equality).map(holds));
            set(&mut module, operator, &[id, anything], &compare);
            set(&mut module, operator, &[anything, id], &compare);
            // Two nouns of different types are a tie between these two; with a duration the other one decides.
            if id != span {
                set(&mut module, operator, &[id, span], &compare);
                set(&mut module, operator, &[span, id], &compare);
            }
        }
        let (text, debug) = (printing(noun.text), printing(noun.debug));
        for (name, print) in [("to_string", &text), ("print", &text), ("to_debug", &debug), ("debug", &debug)] {
            set(&mut module, name, &[id], print);
        }
    }
    let refuse = comparison(refused);
    let plain = [
        TypeId::of::<ImmutableString>(),
        TypeId::of::<i64>(),
        TypeId::of::<f64>(),
        TypeId::of::<bool>(),
        TypeId::of::<char>(),
        TypeId::of::<Array>(),
        TypeId::of::<Map>(),
    ];
    let nothing = TypeId::of::<()>();
    for (operator, _) in OPERATORS {
        for one in plain {
            for other in plain {
                if one != other && !is_meaningful(one, other) {
                    set(&mut module, operator, &[one, other], &refuse);
                }
            }
        }
        // `x == ()` asks whether there is a value, and is allowed; an order with nothing is not.
        if !matches!(operator, "==" | "!=") {
            set(&mut module, operator, &[nothing, anything], &refuse);
            set(&mut module, operator, &[anything, nothing], &refuse);
        }
    }
    module.build_index();
    engine.register_global_module(module.into());
}

/// Whether Rhai compares two of its own types of which one is not the other: numbers, and a character as a text.
fn is_meaningful(one: TypeId, other: TypeId) -> bool {
    let both = [one, other];
    both.iter().all(|id| [TypeId::of::<i64>(), TypeId::of::<f64>()].contains(id))
        || both.iter().all(|id| [TypeId::of::<char>(), TypeId::of::<ImmutableString>()].contains(id))
}

fn comparison(holds: impl Fn(&Dynamic, &Dynamic) -> Result<bool, Failure> + Send + Sync + 'static) -> Shared<Native> {
    Shared::new(move |_, args: &mut [&mut Dynamic]| {
        let [a, b] = [0, 1].map(|index| args[index].flatten_clone());
        holds(&a, &b).map(Dynamic::from).map_err(|failure| error_of(failure, Position::NONE))
    })
}

fn printing(text: fn(&Dynamic) -> Option<String>) -> Shared<Native> {
    Shared::new(move |_, args: &mut [&mut Dynamic]| Ok(text(&args[0].flatten_clone()).unwrap_or_default().into()))
}

fn set(module: &mut Module, name: &str, types: &[TypeId], native: &Shared<Native>) {
    let func = RhaiFunc::Method { func: native.clone(), has_context: false, is_pure: true, is_volatile: false };
    FuncRegistration::new(name).in_global_namespace().set_into_module_raw(module, types, func);
}

fn refused(a: &Dynamic, b: &Dynamic) -> Result<bool, Failure> {
    Err(Failure::new(&TYPE, format!("{} cannot be compared with {}", a_type(a), a_type(b)))
        .hint("convert one of them first, for example with `parse_int()`"))
}
