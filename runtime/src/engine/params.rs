//! Parameters: declared by `param NAME: TYPE = DEFAULT "help"`, read without running anything.

use std::collections::BTreeMap;
use std::fmt;

use rhai::{AST, ASTNode, Dynamic, Expr, Position};
use serde_json::Value;

use crate::failure::{Failure, PARAM, nearest};
use crate::value::{Context, Quantity, Span};

/// The type of a parameter's value, or of the items of a list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// `string`
    String,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `bool`
    Bool,
    /// `duration`
    Duration,
    /// `quantity`
    Quantity,
    /// `context`: the second cluster of a run.
    Context,
}

impl ParamKind {
    /// Every kind, by the name that scripts write.
    pub const ALL: [(&'static str, ParamKind); 7] = [
        ("string", ParamKind::String),
        ("int", ParamKind::Int),
        ("float", ParamKind::Float),
        ("bool", ParamKind::Bool),
        ("duration", ParamKind::Duration),
        ("quantity", ParamKind::Quantity),
        ("context", ParamKind::Context),
    ];

    /// The kind of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, kind)| kind)
    }

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, kind)| *kind == self).map_or("string", |(name, _)| name)
    }

    /// Reads one value from text.
    fn read(self, text: &str) -> Result<ParamValue, String> {
        let of = |what: &str| format!("`{text}` is not {what}");
        Ok(match self {
            ParamKind::String => ParamValue::String(text.to_owned()),
            ParamKind::Int => ParamValue::Int(text.parse().map_err(|_| of("an int"))?),
            ParamKind::Float => {
                ParamValue::Float(text.parse().ok().filter(|f: &f64| f.is_finite()).ok_or_else(|| of("a float"))?)
            }
            ParamKind::Bool => ParamValue::Bool(text.parse().map_err(|_| of("a bool; write true or false"))?),
            ParamKind::Duration => ParamValue::Duration(text.parse()?),
            ParamKind::Quantity => ParamValue::Quantity(text.parse()?),
            ParamKind::Context => ParamValue::Context(text.parse()?),
        })
    }
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamValue {
    /// A string.
    String(String),
    /// An int.
    Int(i64),
    /// A float.
    Float(f64),
    /// A bool.
    Bool(bool),
    /// A span of time.
    Duration(Span),
    /// A quantity.
    Quantity(Quantity),
    /// A second cluster, by its context.
    Context(Context),
    /// A list.
    List(Vec<ParamValue>),
}

impl ParamValue {
    /// As a script holds it.
    pub fn to_dynamic(&self) -> Dynamic {
        match self {
            ParamValue::String(text) => text.clone().into(),
            ParamValue::Int(number) => (*number).into(),
            ParamValue::Float(number) => (*number).into(),
            ParamValue::Bool(is) => (*is).into(),
            ParamValue::Duration(span) => Dynamic::from(*span),
            ParamValue::Quantity(quantity) => Dynamic::from(quantity.clone()),
            ParamValue::Context(context) => Dynamic::from(context.clone()),
            ParamValue::List(items) => items.iter().map(ParamValue::to_dynamic).collect::<rhai::Array>().into(),
        }
    }

    /// As the record holds it.
    pub fn to_json(&self) -> Value {
        match self {
            ParamValue::String(text) => text.clone().into(),
            ParamValue::Int(number) => (*number).into(),
            ParamValue::Float(number) => (*number).into(),
            ParamValue::Bool(is) => (*is).into(),
            ParamValue::Duration(span) => span.to_string().into(),
            ParamValue::Quantity(quantity) => quantity.to_string().into(),
            ParamValue::Context(context) => context.name().into(),
            ParamValue::List(items) => items.iter().map(ParamValue::to_json).collect(),
        }
    }
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamValue::String(text) => write!(f, "{text:?}"),
            ParamValue::Int(number) => number.fmt(f),
            ParamValue::Float(number) => number.fmt(f),
            ParamValue::Bool(is) => is.fmt(f),
            ParamValue::Duration(span) => span.fmt(f),
            ParamValue::Quantity(quantity) => quantity.fmt(f),
            ParamValue::Context(context) => write!(f, "{:?}", context.name()),
            ParamValue::List(items) => {
                let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

/// One declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamDeclaration {
    /// Its name.
    pub name: String,
    /// Its type, or that of its items.
    pub kind: ParamKind,
    /// Whether it is a list.
    pub list: bool,
    /// Its default; without one it is required.
    pub default: Option<ParamValue>,
    /// What it is.
    pub help: String,
    /// Where it is declared.
    pub position: Position,
}

impl fmt::Display for ParamDeclaration {
    /// As the script declares it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.name();
        let kind = if self.list { format!("[{kind}]") } else { kind.to_owned() };
        let default = self.default.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
        write!(f, "param {}: {kind}{default} {:?}", self.name, self.help)
    }
}

impl ParamDeclaration {
    /// Reads a value that was given as `NAME=VALUE`. Items of a list are separated by commas.
    ///
    /// # Errors
    /// A failure that shows the declaration.
    pub fn read(&self, text: &str) -> Result<ParamValue, Failure> {
        let value = if self.list {
            text.split(',')
                .filter(|item| !item.is_empty())
                .map(|item| self.kind.read(item.trim()))
                .collect::<Result<_, _>>()
                .map(ParamValue::List)
        } else {
            self.kind.read(text)
        };
        value.map_err(|why| {
            Failure::new(&PARAM, format!("parameter `{}`: {why}", self.name))
                .hint(format!("it is declared as `{self}`"))
        })
    }
}

/// The second cluster that a run reads, with the name of the parameter that says so.
pub fn second(values: &BTreeMap<String, ParamValue>) -> Option<(&str, &Context)> {
    values.iter().find_map(|(name, value)| match value {
        ParamValue::Context(context) => Some((name.as_str(), context)),
        _ => None,
    })
}

/// That the second cluster which a parameter names cannot be used.
pub fn unusable(param: &str, failure: Failure) -> Failure {
    Failure { code: &PARAM, message: format!("parameter `{param}`: {}", failure.message), ..failure }
        .unchanged("nothing was run")
}

/// Every declaration of a script, in order.
///
/// # Errors
/// A failure with the position of the declaration that is wrong.
pub fn declarations(ast: &AST) -> Result<Vec<ParamDeclaration>, (Failure, Position)> {
    let mut found: Vec<Result<ParamDeclaration, (Failure, Position)>> = Vec::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(Expr::Custom(custom, position))) = path.last()
            && custom.tokens.first().is_some_and(|word| word == "param")
        {
            found.push(
                declaration(&custom.inputs, custom.tokens.iter().any(|token| token == "["), *position)
                    .map_err(|why| (why, *position)),
            );
        }
        true
    });
    let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    let contexts: Vec<_> = found.iter().filter(|declaration| declaration.kind == ParamKind::Context).collect();
    if let [.., last] = contexts[..]
        && (contexts.len() > 1 || last.list)
    {
        return Err((
            Failure::new(&PARAM, format!("parameter `{}`: a runbook reads at most one second cluster", last.name)),
            last.position,
        ));
    }
    for (index, declaration) in found.iter().enumerate() {
        if found[..index].iter().any(|earlier| earlier.name == declaration.name) {
            return Err((
                Failure::new(&PARAM, format!("parameter `{}` is declared twice", declaration.name)),
                declaration.position,
            ));
        }
    }
    Ok(found)
}

/// The parts of one declaration: name, type, then default and unit where there are any, and help.
fn declaration(inputs: &[Expr], list: bool, position: Position) -> Result<ParamDeclaration, Failure> {
    let text = |expr: &Expr| match expr {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        Expr::Variable(variable, ..) => Some(variable.1.to_string()),
        _ => None,
    };
    let wrong = |what: &str| Failure::new(&PARAM, what.to_owned()).hint("write `param NAME: TYPE = DEFAULT \"help\"`");
    let [name, kind, default @ .., help] = inputs else { return Err(wrong("a parameter declaration is not complete")) };
    let name = text(name).ok_or_else(|| wrong("a parameter needs a name"))?;
    let kind = text(kind).unwrap_or_default();
    let kind = ParamKind::named(&kind).ok_or_else(|| {
        let known = ParamKind::ALL.map(|(name, _)| name);
        let near = nearest(&kind, known).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        Failure::new(&PARAM, format!("parameter `{name}`: there is no type `{kind}`"))
            .hint(format!("{near}types are {}, and lists of them such as [string]", known.join(", ")))
    })?;
    let help = text(help).ok_or_else(|| wrong("a parameter needs a help text"))?;
    let default = match default {
        [] => None,
        [literal, unit @ ..] => {
            let unit = unit.first().and_then(text).unwrap_or_default();
            Some(
                default_value(literal, &unit, kind, list)
                    .map_err(|why| Failure::new(&PARAM, format!("parameter `{name}`: its default {why}")))?,
            )
        }
    };
    Ok(ParamDeclaration { name, kind, list, default, help, position })
}

fn default_value(literal: &Expr, unit: &str, kind: ParamKind, list: bool) -> Result<ParamValue, String> {
    let value: Dynamic =
        literal.get_literal_value(None).ok_or("must be a literal: it is read without running the script")?;
    if list {
        let items = value.into_array().map_err(|_| "must be a list")?;
        return items.into_iter().map(|item| scalar(&item, "", kind)).collect::<Result<_, _>>().map(ParamValue::List);
    }
    scalar(&value, unit, kind)
}

fn scalar(value: &Dynamic, unit: &str, kind: ParamKind) -> Result<ParamValue, String> {
    let is = |want: &str| format!("is not {want}");
    match kind {
        ParamKind::String => value.clone().into_string().map(ParamValue::String).map_err(|_| is("a string")),
        ParamKind::Int => value.as_int().map(ParamValue::Int).map_err(|_| is("an int")),
        ParamKind::Bool => value.as_bool().map(ParamValue::Bool).map_err(|_| is("a bool")),
        ParamKind::Float => value
            .as_float()
            .or_else(|_| value.as_int().map(int_to_float))
            .map(ParamValue::Float)
            .map_err(|_| is("a float")),
        ParamKind::Context => {
            let text = value.clone().into_string().map_err(|_| is("a string"))?;
            kind.read(&text).map_err(|why| format!("is wrong: {why}"))
        }
        ParamKind::Duration | ParamKind::Quantity => {
            kind.read(&format!("{value}{unit}")).map_err(|why| format!("is wrong: {why}"))
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a default that a person wrote has few digits")]
fn int_to_float(number: i64) -> f64 {
    number as f64
}

/// The values of a run's parameters, from what was given and the defaults.
///
/// # Errors
/// The first that is unknown, missing or wrong; the failure shows the declaration.
pub fn values(
    declared: &[ParamDeclaration],
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, ParamValue>, Failure> {
    for name in given.keys() {
        if !declared.iter().any(|d| d.name == *name) {
            let near = nearest(name, declared.iter().map(|d| d.name.as_str()))
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            let all: Vec<_> = declared.iter().map(ToString::to_string).collect();
            let hint = if all.is_empty() {
                "the runbook has no parameters".to_owned()
            } else {
                format!("{near}the runbook declares {}", all.join("; "))
            };
            return Err(Failure::new(&PARAM, format!("there is no parameter `{name}`")).hint(hint));
        }
    }
    declared
        .iter()
        .map(|declaration| {
            let value = match given.get(&declaration.name) {
                Some(text) => declaration.read(text)?,
                None => declaration.default.clone().ok_or_else(|| {
                    Failure::new(&PARAM, format!("parameter `{}` is required", declaration.name))
                        .hint(format!("give it as `{}=VALUE`; it is declared as `{declaration}`", declaration.name))
                })?,
            };
            Ok((declaration.name.clone(), value))
        })
        .collect()
}
