//! What a library of primitives is made of: one descriptor for each primitive.
//!
//! From the descriptor come help, reference, completion, `.d.rhai`, permissions, the effect class that the
//! checker and the gate use, and a test for each example. A library is a few tables, see [`Library`].

use std::sync::Arc;

use rhai::{Dynamic, FnPtr, FuncArgs, Map, NativeCallContext};

use crate::effect::{Class, ResourceKind};
use crate::engine::beside;
use crate::engine::script::resource_name;
use crate::engine::session::Session;
use crate::failure::{Code, Failure, IMPORT, INTERNAL};
use crate::noun::NounType;
use crate::run::Run;
use crate::transport::KnownKind;
use crate::value::{Quantity, Span};

/// Everything that a runbook can say beside Rhai itself.
#[derive(Clone, Copy)]
pub struct Library {
    /// One line for each primitive.
    pub primitives: &'static [&'static Primitive],
    /// One line for each noun.
    pub nouns: &'static [NounType],
    /// Codes of failures that the library adds to the runtime's.
    pub codes: &'static [&'static Code],
    /// Kinds beside Kubernetes' own that scripts can name without the API server being asked what it serves.
    pub kinds: fn() -> Vec<KnownKind>,
}

/// A function or method that scripts can call.
pub struct Primitive {
    /// Its name: `refusals`, or with its namespace: `k8s::patch`.
    pub name: &'static str,
    /// The noun whose method it is; `None` for a function.
    pub receiver: Option<&'static str>,
    /// Its parameters after the receiver. Those with a default can be left out from the end.
    pub params: &'static [Param],
    /// The type of its result, as scripts name it: `bool`, `Refusals`, `List<Proxy>`, `()`.
    pub returns: &'static str,
    /// What its effects may do; `None` if it has none.
    pub class: Option<Class>,
    /// For a change: how it is taken back. For an irreversible one: why it cannot be.
    pub inverse: Option<Inverse>,
    /// One line: what it is for.
    pub summary: &'static str,
    /// The rest: units, sources of formats and formulas, traps. May be empty.
    pub doc: &'static str,
    /// The failures that it can end in, beside those that every effect has.
    pub errors: &'static [&'static Code],
    /// What the API server must allow.
    pub permissions: &'static [Permission],
    /// The kinds of objects that it may change, with their API groups, where neither its permissions nor its arguments name
    /// them.
    pub kinds: &'static [(&'static str, &'static str)],
    /// Whether it asks a person, so that a run without one ends there.
    pub asks: bool,
    /// Words under which it should be found.
    pub search: &'static [&'static str],
    /// Shown in help, and run by the tests on the lab.
    pub examples: &'static [Example],
    /// What it does.
    pub body: fn(&Invocation<'_>) -> Result<Dynamic, Failure>,
}

/// A parameter of a primitive.
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// What it stands for when it is left out, as a script would write it.
    pub default: Option<&'static str>,
    /// What it is, with its unit.
    pub doc: &'static str,
    /// What its string names; `None` if it is the person's own text.
    pub names: Option<Names>,
}

impl Param {
    /// The same parameter, whose string names something.
    #[must_use]
    pub const fn naming(self, names: Names) -> Param {
        Param { names: Some(names), ..self }
    }
}

/// What the string of a parameter names, so that what is there can be offered while it is typed.
#[derive(Clone, Copy, Debug)]
pub enum Names {
    /// An object of one of these kinds in the run's namespace.
    Objects(&'static [fn() -> ResourceKind]),
    /// `name` or `namespace/name` of an object, whose kind the parameter of this name says.
    ObjectsOf(&'static str),
    /// A kind: its singular, in lower case.
    Kind,
    /// A Service as callers name it: `name` in the run's namespace, `name.namespace` elsewhere.
    Host,
    /// PromQL: names of metrics, labels, and their values.
    PromQl,
    /// A label of a series.
    Label,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A string.
    String,
    /// A whole number.
    Int,
    /// A number; an int is taken too.
    Float,
    /// `true` or `false`.
    Bool,
    /// A span of time, written as a string such as `"30s"`, or what `over` returned.
    Duration,
    /// A Kubernetes quantity, written as a string such as `"512Mi"`.
    Quantity,
    /// An object map `#{…}`.
    Map,
    /// A closure.
    Closure,
    /// The name of a file below `resources/` of the runbook tree, as a plain string: it is read with the script, so that
    /// it is reviewed, hashed and planned with it.
    Resource,
    /// A noun of this name.
    Noun(&'static str),
    /// Anything.
    Any,
}

impl Type {
    /// As the reference writes it.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Int => "int",
            Type::Float => "float",
            Type::Bool => "bool",
            Type::Duration => "duration",
            Type::Quantity => "quantity",
            Type::Map => "map",
            Type::Closure => "closure",
            Type::Resource => "resource",
            Type::Noun(name) => name,
            Type::Any => "any",
        }
    }
}

/// How a change is taken back.
pub enum Inverse {
    /// The changed fields are set as the pre-image has them, unless somebody else has changed them since.
    PreImage,
    /// What was created is deleted, unless somebody else has changed it since.
    Deletion,
    /// What it creates is deleted before its own call ends, however that ends: nothing of it has to be proved.
    WithinCall,
    /// It cannot be taken back, for this reason. For restart, delete, uninstall, exec and notify only.
    Irreversible(&'static str),
}

/// A verb on a resource that the API server must allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// API group; empty for the core group; `*` if the argument decides.
    pub group: &'static str,
    /// Plural, with `/subresource` where there is one; `*` if the argument decides.
    pub resource: &'static str,
    /// `get`, `list`, `patch`, `create`.
    pub verb: &'static str,
}

/// An example: help, and a test on the lab.
pub struct Example {
    /// The world of the lab that it runs in.
    pub world: &'static str,
    /// A script whose last expression is the result. The namespace is the world's.
    pub script: &'static str,
    /// What comes of it.
    pub expect: Expect,
}

/// What an example must come to.
pub enum Expect {
    /// Its result prints as this.
    Value(&'static str),
    /// Its result's text contains this.
    Contains(&'static str),
    /// It makes exactly these changes, as the run's report names them; they are approved, and taken back at the end.
    Changes(&'static [&'static str]),
    /// It fails with this code.
    Fails(&'static str),
    /// The run ends so: `fixed`, `found`, `not_this`, `cannot_tell`.
    Ends(&'static str),
}

impl Primitive {
    /// `Host.refusals(over: duration) -> Refusals`, as help shows it.
    pub fn signature(&self) -> String {
        let receiver = self.receiver.map(|noun| format!("{noun}.")).unwrap_or_default();
        let params: Vec<_> = self
            .params
            .iter()
            .map(|p| {
                p.default.map_or_else(
                    || format!("{}: {}", p.name, p.ty.name()),
                    |d| format!("{}: {} = {d}", p.name, p.ty.name()),
                )
            })
            .collect();
        let returns = if self.returns == "()" { String::new() } else { format!(" -> {}", self.returns) };
        format!("{receiver}{}({}){returns}", self.name, params.join(", "))
    }

    /// Whether it may change something.
    pub fn changes(&self) -> bool {
        self.class >= Some(Class::Change)
    }
}

/// One call of a primitive: its run, its receiver, its checked arguments.
pub struct Invocation<'a> {
    pub(crate) primitive: &'static Primitive,
    pub(crate) run: Arc<Run>,
    pub(crate) context: &'a NativeCallContext<'a>,
    pub(crate) receiver: Option<Dynamic>,
    /// One for each parameter; unit where it was left out.
    pub(crate) args: Vec<Dynamic>,
}

impl Invocation<'_> {
    /// The run: the road of effects.
    pub fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// The receiver of the method.
    ///
    /// # Errors
    /// Never on a registered primitive: the engine dispatched on its type.
    pub fn receiver<T: Clone + Send + Sync + 'static>(&self) -> Result<T, Failure> {
        self.receiver
            .clone()
            .and_then(Dynamic::try_cast::<T>)
            .ok_or_else(|| self.internal("has no receiver of its declared type"))
    }

    /// Whether argument `index` was given.
    pub fn given(&self, index: usize) -> bool {
        self.args.get(index).is_some_and(|arg| !arg.is_unit())
    }

    /// Argument `index` as it came.
    pub fn any(&self, index: usize) -> Dynamic {
        self.args.get(index).cloned().unwrap_or(Dynamic::UNIT)
    }

    /// Argument `index` as a noun.
    ///
    /// # Errors
    /// When the descriptor declares another type than the body asks for.
    pub fn noun<T: Clone + Send + Sync + 'static>(&self, index: usize) -> Result<T, Failure> {
        self.any(index)
            .try_cast::<T>()
            .ok_or_else(|| self.internal("asks for an argument of another type than it declares"))
    }

    /// Argument `index` as a string.
    ///
    /// # Errors
    /// As [`Invocation::noun`].
    pub fn string(&self, index: usize) -> Result<String, Failure> {
        self.any(index).into_string().map_err(|_| self.internal("asks for a string that it does not declare"))
    }

    /// Argument `index` as a file that was read with the script: its name, and its text.
    ///
    /// # Errors
    /// `IMPORT` if it was not, because its name is no plain string.
    pub fn resource(&self, index: usize) -> Result<(String, Arc<str>), Failure> {
        let name = self.string(index)?;
        let session = Session::of(self.context.tag().expect("the engine's tag is set when it is built"));
        let text = session.sources.text(&resource_name(&name)).cloned();
        let text = text.ok_or_else(|| {
            Failure::new(&IMPORT, format!("the file `{name}` was not read with the script"))
                .hint("name it by a plain string in the call itself, so that it can be reviewed")
        })?;
        Ok((name, text))
    }

    /// Argument `index` as an int.
    ///
    /// # Errors
    /// As [`Invocation::noun`].
    pub fn int(&self, index: usize) -> Result<i64, Failure> {
        self.noun(index)
    }

    /// Argument `index` as a float.
    ///
    /// # Errors
    /// As [`Invocation::noun`].
    pub fn float(&self, index: usize) -> Result<f64, Failure> {
        self.noun(index)
    }

    /// Argument `index` as a bool.
    ///
    /// # Errors
    /// As [`Invocation::noun`].
    pub fn bool(&self, index: usize) -> Result<bool, Failure> {
        self.noun(index)
    }

    /// Argument `index` as a span of time.
    ///
    /// # Errors
    /// As [`Invocation::noun`].
    pub fn span(&self, index: usize) -> Result<Span, Failure> {
        self.noun(index)
    }

    /// Argument `index` as a quantity.
    ///
    /// # Errors
    /// As [`Invocation::noun`].
    pub fn quantity(&self, index: usize) -> Result<Quantity, Failure> {
        self.noun(index)
    }

    /// Argument `index` as an object map.
    ///
    /// # Errors
    /// As [`Invocation::noun`].
    pub fn map(&self, index: usize) -> Result<Map, Failure> {
        self.noun(index)
    }

    /// Calls the closure that is argument `index`.
    ///
    /// # Errors
    /// What the closure fails with; a stop of the run stays a stop.
    pub fn call(&self, index: usize, args: impl FuncArgs) -> Result<Dynamic, Failure> {
        let closure: FnPtr = self.noun(index)?;
        closure
            .call_within_context::<Dynamic>(self.context, args)
            .map_err(|error| crate::engine::failure_of(&self.run, &error))
    }

    /// Calls the closure that is argument `index`, and what it reads is read in the second cluster.
    ///
    /// # Errors
    /// `PARAM` when the run has none; as [`Invocation::call`].
    pub fn call_beside(&self, index: usize) -> Result<Dynamic, Failure> {
        let session = Session::of(self.context.tag().expect("the engine's tag is set when it is built"));
        session.run.second()?;
        let _within = beside::Within::begin(&session);
        self.call(index, ())
    }

    fn internal(&self, what: &str) -> Failure {
        Failure::new(&INTERNAL, format!("the primitive `{}` {what}", self.primitive.name))
    }
}
