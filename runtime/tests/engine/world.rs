//! A cluster in memory, a library with one noun and a few primitives, and a way to run scripts against them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use meshbook_runtime::change::Change;
use meshbook_runtime::effect::{Call, Class, Effect, ObjectRef, Reply, ResourceKind};
use meshbook_runtime::engine::stepping::Stepper;
use meshbook_runtime::engine::{self, Outcome, ParamValue, Script, VALUES};
use meshbook_runtime::failure::{CODES, Failure, NOT_FOUND, UNREACHABLE};
use meshbook_runtime::gate::Approval;
use meshbook_runtime::noun::{Noun, NounType};
use meshbook_runtime::primitive::{Inverse, Invocation, Library, Param, Permission, Primitive, Type};
use meshbook_runtime::record::event::{Event, Line};
use meshbook_runtime::run::{Ending, Mode, Reporter, Run, Settings};
use meshbook_runtime::transport::Transport;
use meshbook_runtime::value::{List, Missing, Table};
use rhai::Dynamic;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// One ConfigMap-like object with a counter of writes, and a clock that sleeping moves.
pub struct Cluster {
    now: Mutex<Timestamp>,
    object: Mutex<Value>,
    pub patches: Mutex<Vec<Value>>,
}

impl Cluster {
    pub fn new() -> Arc<Self> {
        let object = json!({ "apiVersion": "v1", "kind": "Thing", "metadata": { "name": "one", "namespace": "summit", "resourceVersion": "1" }, "spec": { "size": 1, "color": "blue" } });
        Arc::new(Cluster {
            now: Mutex::new(Timestamp::UNIX_EPOCH),
            object: Mutex::new(object),
            patches: Mutex::default(),
        })
    }

    pub fn spec(&self) -> Value {
        self.object.lock().unwrap()["spec"].clone()
    }

    pub fn elapsed(&self) -> Duration {
        Duration::try_from(self.now.lock().unwrap().duration_since(Timestamp::UNIX_EPOCH)).unwrap()
    }

    fn answer(&self, call: &Call) -> Result<Reply, Failure> {
        match call {
            Call::Now => Ok(Reply::Time(*self.now.lock().unwrap())),
            Call::Sleep { duration } => {
                let mut now = self.now.lock().unwrap();
                *now += SignedDuration::try_from(*duration).unwrap();
                Ok(Reply::Done)
            }
            Call::Get { object } if object.name == "one" => Ok(Reply::Json(self.object.lock().unwrap().clone())),
            Call::Get { object } => Err(Failure::new(&NOT_FOUND, format!("{object} does not exist"))),
            Call::AccessReview { .. } => Ok(Reply::Json(true.into())),
            Call::Patch { patch, dry_run, .. } => {
                let mut object = self.object.lock().unwrap();
                let mut after = object.clone();
                merge(&mut after, patch);
                if !dry_run {
                    let version: u64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
                    after["metadata"]["resourceVersion"] = (version + 1).to_string().into();
                    *object = after.clone();
                    self.patches.lock().unwrap().push(patch.clone());
                }
                Ok(Reply::Json(after))
            }
            other => Err(Failure::new(&UNREACHABLE, format!("nothing answers {other:?}"))),
        }
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

impl Transport for Cluster {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        async move { self.answer(call) }.boxed()
    }

    fn place(&self) -> (String, String) {
        ("memory".into(), "none".into())
    }
}

/// The one noun: the thing as it was when it was named.
#[derive(Clone, Debug)]
pub struct Thing(Arc<str>);

impl Noun for Thing {
    const NAME: &'static str = "Thing";
    const DOC: &'static str = "A thing.";

    fn text(&self) -> String {
        format!("thing {}", self.0)
    }

    fn json(&self) -> Value {
        (*self.0).into()
    }
}

/// A number that may be missing.
#[derive(Clone, Debug)]
pub struct Reading(Result<f64, Missing>);

impl Noun for Reading {
    const NAME: &'static str = "Reading";
    const DOC: &'static str = "A number that may be missing.";

    fn text(&self) -> String {
        self.0.as_ref().map_or_else(ToString::to_string, ToString::to_string)
    }

    fn json(&self) -> Value {
        self.text().into()
    }

    fn same(&self, other: &Self) -> Result<bool, Failure> {
        self.order(&Dynamic::from(other.clone())).map(Ordering::is_eq)
    }

    fn order(&self, other: &Dynamic) -> Result<Ordering, Failure> {
        let mine = self.0.as_ref().map_err(|missing| missing.failure("the reading"))?;
        let theirs = match other.clone().try_cast::<Reading>() {
            Some(other) => other.0.map_err(|missing| missing.failure("the reading"))?,
            None => other
                .as_float()
                .or_else(|_| other.as_int().map(|i| i as f64))
                .map_err(|_| Failure::new(&meshbook_runtime::failure::TYPE, "a Reading is compared with a number"))?,
        };
        Ok(mine.total_cmp(&theirs))
    }
}

fn kind() -> ResourceKind {
    ResourceKind::namespaced("", "v1", "Thing", "things")
}

fn object(name: &str) -> ObjectRef {
    ObjectRef::new(kind(), "summit", name)
}

fn read(call: &Invocation<'_>, name: &str) -> Result<Value, Failure> {
    match call.run().read(Effect::get(object(name)))? {
        Reply::Json(value) => Ok(value),
        _ => unreachable!("a get answers with JSON"),
    }
}

const fn plain(
    name: &'static str,
    params: &'static [Param],
    body: fn(&Invocation<'_>) -> Result<Dynamic, Failure>,
) -> Primitive {
    Primitive {
        name,
        receiver: None,
        params,
        returns: "any",
        class: None,
        inverse: None,
        summary: "",
        doc: "",
        errors: &[],
        permissions: &[],
        kinds: &[],
        asks: false,
        search: &[],
        examples: &[],
        body,
    }
}

const fn method(
    name: &'static str,
    params: &'static [Param],
    class: Option<Class>,
    body: fn(&Invocation<'_>) -> Result<Dynamic, Failure>,
) -> Primitive {
    Primitive { receiver: Some("Thing"), class, ..plain(name, params, body) }
}

const fn param(name: &'static str, ty: Type, default: Option<&'static str>) -> Param {
    Param { name, ty, default, doc: "", names: None }
}

static THING: Primitive =
    plain("thing", &[param("name", Type::String, None)], |call| Ok(Dynamic::from(Thing(call.string(0)?.into()))));
static SIZE: Primitive = method("size", &[], Some(Class::Read), |call| {
    let thing: Thing = call.receiver()?;
    let size = read(call, &thing.0)?["spec"]["size"].as_i64().unwrap();
    engine::saw(call, format!("its size is {size}"));
    Ok(size.into())
});
static PARTS: Primitive = method("parts", &[], None, |call| {
    let thing: Thing = call.receiver()?;
    Ok(Dynamic::from(List::new((0..3).map(|i| Thing(format!("{}-{i}", thing.0).into())))))
});
static KNOWS: Primitive = method("knows", &[param("other", Type::Noun("Thing"), None)], None, |call| {
    let (a, b): (Thing, Thing) = (call.receiver()?, call.noun(0)?);
    Ok(a.0.starts_with(&*b.0).into())
});
static TEXT_OF: Primitive =
    plain("text_of", &[param("file", Type::Resource, None)], |call| Ok(call.resource(0)?.1.to_string().into()));
static ALL: Primitive = Primitive {
    receiver: Some("List"),
    ..plain("all", &[param("predicate", Type::Closure, None)], |call| {
        let list: List = call.receiver()?;
        for item in list.items() {
            if !call.call(0, (item.clone(),))?.as_bool().map_err(|_| {
                Failure::new(&meshbook_runtime::failure::TYPE, "the predicate must answer true or false")
            })? {
                return Ok(false.into());
            }
        }
        Ok(true.into())
    })
};
static GROW: Primitive = Primitive {
    inverse: Some(Inverse::PreImage),
    permissions: &[Permission { group: "", resource: "things", verb: "patch" }],
    ..method("grow", &[param("size", Type::Int, None)], Some(Class::Change), |call| {
        change(call, "size", call.int(0)?.into())
    })
};
static PAINT: Primitive = Primitive {
    inverse: Some(Inverse::PreImage),
    permissions: &[Permission { group: "", resource: "things", verb: "patch" }],
    ..method("paint", &[param("color", Type::String, Some("\"red\""))], Some(Class::Change), |call| {
        change(call, "color", if call.given(0) { call.string(0)?.into() } else { "red".into() })
    })
};

fn change(call: &Invocation<'_>, field: &str, value: Value) -> Result<Dynamic, Failure> {
    let thing: Thing = call.receiver()?;
    let before = read(call, &thing.0)?;
    let mut after = before.clone();
    after["spec"][field] = value;
    let summary = format!("set {field}");
    call.run().change(Change::new(object(&thing.0), summary, before, after))?;
    Ok(Dynamic::UNIT)
}

static READING: Primitive =
    plain("reading", &[param("value", Type::Float, None)], |call| Ok(Dynamic::from(Reading(Ok(call.float(0)?)))));
static MISSING: Primitive =
    plain("missing", &[], |_| Ok(Dynamic::from(Reading(Err(Missing::NotExported("upstream_rq".into()))))));
/// Missing until the clock has moved so many seconds.
static LATER: Primitive = Primitive {
    class: Some(Class::Read),
    ..plain("later", &[param("seconds", Type::Int, None), param("value", Type::Float, None)], |call| {
        let now = call.run().now()?.as_second();
        Ok(Dynamic::from(Reading(if now >= call.int(0)? {
            Ok(call.float(1)?)
        } else {
            Err(Missing::Stale("not scraped yet".into()))
        })))
    })
};
static DENIED: Primitive =
    plain("denied", &[], |_| Err(Failure::new(&meshbook_runtime::failure::DENIED, "this is not allowed here")));
static BROKEN: Primitive = plain("broken", &[], |_| panic!("a fault in a primitive"));
static INTERRUPT: Primitive = plain("interrupt", &[], |call| {
    call.run().kept::<Cancel>().0.lock().unwrap().as_ref().unwrap().cancel();
    std::thread::sleep(Duration::from_millis(20));
    Ok(Dynamic::UNIT)
});
static CHECK: Primitive =
    plain("check", &[param("what", Type::String, None), param("passed", Type::Bool, None)], |call| {
        call.run().checked(&call.string(0)?, call.bool(1)?, None).map(|()| Dynamic::UNIT)
    });
static SHOW: Primitive = plain("show", &[param("value", Type::Any, None)], |call| {
    call.run().show(Table::line(call.any(0).to_string()), Value::Null);
    Ok(Dynamic::UNIT)
});
static FIXED: Primitive = plain("fixed", &[param("what", Type::String, None)], |call| {
    Err(call.run().end(Ending::Fixed { what: call.string(0)? }))
});
static FOUND: Primitive = plain("found", &[param("what", Type::String, None)], |call| {
    Err(call.run().end(Ending::Found { cause: "cause".into(), what: call.string(0)?, next: None }))
});
static NOT_THIS: Primitive = plain("not_this", &[param("why", Type::String, None)], |call| {
    Err(call.run().end(Ending::NotThis { why: call.string(0)?, next: None }))
});

#[derive(Default)]
struct Cancel(Mutex<Option<CancellationToken>>);

pub static LIBRARY: Library = Library {
    primitives: &[
        &THING, &SIZE, &PARTS, &KNOWS, &ALL, &GROW, &PAINT, &READING, &MISSING, &LATER, &DENIED, &BROKEN, &INTERRUPT,
        &CHECK, &TEXT_OF, &SHOW, &FIXED, &FOUND, &NOT_THIS,
    ],
    nouns: &[NounType::of::<Thing>(), NounType::of::<Reading>()],
    codes: CODES,
    kinds: Vec::new,
};

/// Collects what a run reported.
#[derive(Default)]
pub struct Heard(pub Mutex<Vec<Line>>);

impl Reporter for Heard {
    fn line(&self, line: &Line) {
        self.0.lock().unwrap().push(line.clone());
    }

    fn progress(&self, _: Option<&str>) {}
}

/// What came of a script.
pub struct Ran {
    pub outcome: Outcome,
    pub cluster: Arc<Cluster>,
    pub lines: Vec<Line>,
    _home: tempfile::TempDir,
}

impl Ran {
    pub fn exit(&self) -> u8 {
        self.outcome.ended.exit.code()
    }

    pub fn code(&self) -> &str {
        self.outcome.diagnostic.as_ref().map_or("", |d| d.failure.code.name)
    }

    pub fn message(&self) -> &str {
        self.outcome.diagnostic.as_ref().map_or("", |d| d.failure.message.as_str())
    }

    /// The text that the diagnostic points at.
    pub fn points_at(&self) -> &str {
        let place = self.outcome.diagnostic.as_ref().and_then(|d| d.place.as_ref());
        place.map_or("", |place| &place.text[place.start..place.start + place.length])
    }

    pub fn shown(&self) -> Vec<String> {
        self.lines
            .iter()
            .filter_map(|line| match &line.event {
                Event::Shown { table, .. } => Some(table.title.clone()),
                _ => None,
            })
            .collect()
    }

    pub fn events(&self, wanted: fn(&Event) -> bool) -> usize {
        self.lines.iter().filter(|line| wanted(&line.event)).count()
    }
}

pub struct How {
    pub mode: Mode,
    pub deadline: Option<Duration>,
    pub needs_ending: bool,
    pub root: Option<PathBuf>,
    pub values: BTreeMap<String, String>,
    pub stepper: Option<Arc<dyn Stepper>>,
}

impl Default for How {
    fn default() -> Self {
        How {
            mode: Mode::Unattended,
            deadline: None,
            needs_ending: true,
            root: None,
            values: BTreeMap::new(),
            stepper: None,
        }
    }
}

/// Runs a script that must compile.
pub fn run(text: &str) -> Ran {
    run_as(text, How::default())
}

/// Runs a text that needs no ending, and answers with its value.
pub fn value(text: &str) -> Ran {
    run_as(text, How { needs_ending: false, ..How::default() })
}

pub fn run_as(text: &str, how: How) -> Ran {
    let script = Script::from_text("main.rhai", text, how.root.as_deref(), &LIBRARY).unwrap_or_else(|d| panic!("{d}"));
    let values: BTreeMap<String, ParamValue> = engine::params::values(&script.params, &how.values).unwrap();
    let home = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let cluster = Cluster::new();
    let heard = Arc::new(Heard::default());
    let cancel = CancellationToken::new();
    let settings = Settings {
        approvals: vec!["thing".parse::<Approval>().unwrap()],
        deadline: how.deadline,
        ..Settings::of(&script, how.mode, "summit", home.path())
    };
    let run =
        Run::start(settings, cluster.clone(), heard.clone(), None, runtime.handle().clone(), cancel.clone()).unwrap();
    *run.kept::<Cancel>().0.lock().unwrap() = Some(cancel);
    let outcome = match how.stepper {
        Some(stepper) => engine::execute_stepwise(&script, &run, values, &LIBRARY, stepper),
        None if how.needs_ending => engine::execute(&script, &run, values, &LIBRARY),
        None => engine::evaluate(&script, &run, values, &LIBRARY),
    };
    let lines = heard.0.lock().unwrap().clone();
    assert!(!VALUES.is_empty());
    Ran { outcome, cluster, lines, _home: home }
}
