//! Teaches an engine the primitives and nouns of a library.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rhai::{Dynamic, Engine, EvalAltResult, FuncRegistration, Module, NativeCallContext, RhaiFunc, Shared};

use super::beside::{self, Side};
use super::raise::error_of;
use super::session::Session;
use crate::failure::{Failure, IMPORT, INTERNAL, TYPE};
use crate::noun::a_type;
use crate::primitive::{Invocation, Library, Param, Primitive, Type};
use crate::run::Stop;
use crate::value::{Quantity, Span};

/// Registers everything.
pub(super) fn register(engine: &mut Engine, library: &Library) {
    let receivers: BTreeMap<&str, TypeId> = library.nouns.iter().map(|noun| (noun.name, (noun.type_id)())).collect();
    for noun in library.nouns {
        (noun.register)(engine);
    }
    let mut global = Module::new();
    let mut modules: BTreeMap<&str, Module> = BTreeMap::new();
    for primitive in library.primitives {
        let receiver = primitive.receiver.map(|noun| receivers.get(noun).copied().unwrap_or(TypeId::of::<Dynamic>()));
        let required = primitive.params.iter().filter(|param| param.default.is_none()).count();
        for arity in required..=primitive.params.len() {
            let types: Vec<TypeId> =
                receiver.into_iter().chain(std::iter::repeat_n(TypeId::of::<Dynamic>(), arity)).collect();
            match primitive.name.split_once("::") {
                None => add(&mut global, primitive.name, primitive, &types, true),
                Some((namespace, name)) => add(modules.entry(namespace).or_default(), name, primitive, &types, false),
            }
        }
    }
    global.build_index();
    engine.register_global_module(global.into());
    for (namespace, mut module) in modules {
        module.build_index();
        engine.register_static_module(namespace, module.into());
    }
}

fn add(module: &mut Module, name: &str, primitive: &'static Primitive, types: &[TypeId], global: bool) {
    let registration = FuncRegistration::new(name);
    let registration = if global { registration.in_global_namespace() } else { registration.in_internal_namespace() };
    let call = move |context: Option<NativeCallContext>, args: &mut [&mut Dynamic]| {
        let context = context.ok_or_else(|| {
            error_of(
                Failure::new(&INTERNAL, format!("`{}` was called without its context", primitive.name)),
                rhai::Position::NONE,
            )
        })?;
        invoke(primitive, &context, args)
    };
    registration.set_into_module_raw(
        module,
        types,
        RhaiFunc::Method { func: Shared::new(call), has_context: true, is_pure: true, is_volatile: true },
    );
}

/// One call: checks the arguments against the declaration, runs the body, and turns its failure into an error.
fn invoke(
    primitive: &'static Primitive,
    context: &NativeCallContext,
    args: &mut [&mut Dynamic],
) -> Result<Dynamic, Box<EvalAltResult>> {
    let session = Session::of(context.tag().expect("the engine's tag is set when it is built"));
    let position = context.call_position();
    let side = beside::of(&session, primitive, args);
    let mut values = args.iter().map(|arg| arg.flatten_clone());
    let receiver = primitive.receiver.and_then(|_| values.next());
    let args: Vec<Dynamic> = values.collect();
    let result = beside::unmixed(&session, primitive, side, receiver.as_ref(), &args)
        .and_then(|()| checked(primitive, args, &session))
        .and_then(|args| {
            if session.is_importing() && primitive.class.is_some() {
                return Err(Failure::new(
                    &IMPORT,
                    format!("the top level of a module calls `{}`, which acts on the cluster", primitive.name),
                )
                .hint("put it into a function: the top level of a module runs when it is imported, outside any step"));
            }
            let run = beside::run(&session, side)?;
            let invocation = Invocation { primitive, run, context, receiver, args };
            // A fault in one primitive must not end the process with changes open.
            catch_unwind(AssertUnwindSafe(|| (primitive.body)(&invocation))).unwrap_or_else(|_| {
                Err(Failure::new(&INTERNAL, format!("the primitive `{}` failed by a fault of its own", primitive.name)))
            })
        });
    let result = result.map(|value| if side == Side::Second { beside::mark(value) } else { value });
    result.map_err(|failure| {
        let ending = matches!(session.run.verdict(), Some(Stop::Ended(_)));
        if !failure.code.catchable && !ending {
            session.run.stop(failure.clone());
        }
        if session.run.stopped() {
            let source = context.call_source().map(ToOwned::to_owned);
            session.stopped_here(source, position);
            return EvalAltResult::ErrorTerminated(Dynamic::from(failure), position).into();
        }
        error_of(failure, position)
    })
}

/// The arguments, each of its declared type; unit where one was left out and has no default of its own.
fn checked(primitive: &'static Primitive, mut args: Vec<Dynamic>, session: &Session) -> Result<Vec<Dynamic>, Failure> {
    args.resize(primitive.params.len(), Dynamic::UNIT);
    let given = |arg: &Dynamic, param: &Param| !(arg.is_unit() && param.default.is_some());
    for (arg, param) in args.iter_mut().zip(primitive.params) {
        if given(arg, param) {
            let value = std::mem::take(arg);
            *arg = convert(value, param, session)
                .map_err(|failure| failure.hint(format!("it is declared as `{}`", primitive.signature())))?;
        }
    }
    Ok(args)
}

fn convert(value: Dynamic, param: &Param, session: &Session) -> Result<Dynamic, Failure> {
    let actual =
        |value: &Dynamic| session.nouns.get(&value.type_id()).map_or_else(|| a_type(value), |noun| format!("a {noun}"));
    let wrong = |value: &Dynamic| {
        Failure::new(&TYPE, format!("`{}` must be a {}, not {}", param.name, param.ty.name(), actual(value)))
    };
    let read =
        |result: Result<Dynamic, String>| result.map_err(|why| Failure::new(&TYPE, format!("`{}`: {why}", param.name)));
    match param.ty {
        Type::Any => Ok(value),
        Type::String | Type::Resource if value.is_string() => Ok(value),
        Type::Int if value.is_int() => Ok(value),
        Type::Bool if value.is_bool() => Ok(value),
        Type::Map if value.is_map() => Ok(value),
        Type::Closure if value.is_fnptr() => Ok(value),
        Type::Float if value.is_float() => Ok(value),
        #[allow(clippy::cast_precision_loss, reason = "a number that a script writes as an int has few digits")]
        Type::Float if value.is_int() => Ok(Dynamic::from(value.as_int().unwrap_or_default() as f64)),
        Type::Duration if value.is::<Span>() => Ok(value),
        Type::Quantity if value.is::<Quantity>() => Ok(value),
        Type::Duration | Type::Quantity if value.is_string() => {
            let text = value.to_string();
            read(if param.ty == Type::Duration {
                text.parse::<Span>().map(Dynamic::from)
            } else {
                text.parse::<Quantity>().map(Dynamic::from)
            })
        }
        Type::Noun(name) if session.nouns.get(&value.type_id()) == Some(&name) => Ok(value),
        _ => Err(wrong(&value)),
    }
}
