//! One run of one runbook in one world, and what is wrong with how it ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meshbook_lab::World;
use meshbook_rehearsal::mesh::InProcess;
use meshbook_rehearsal::rehearsal::Rehearsal;
use meshbook_runtime::effect::Call;
use meshbook_runtime::record::event::{Ended, Event, Line};
use meshbook_runtime::transport::Transport;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::expected::{Expectation, State};
use crate::play;
use crate::snapshot;
use crate::vary::Names;

/// Makes another world of one.
pub type Spoil = fn(World) -> World;

/// What is to be played.
pub struct Job {
    /// The world's name, as the table prints it.
    pub world: String,
    /// Starts the world.
    pub open: Box<dyn Fn() -> World + Send + Sync>,
    /// The runbook, without folder and ending.
    pub runbook: String,
    /// Its parameters; those that it does not declare are left out.
    pub params: BTreeMap<String, String>,
    /// What of it is approved by name, beside every kind: `destinationrule/graph-core`.
    pub approved: Vec<String>,
    /// What has to come of it.
    pub demand: Demand,
    /// Which part of the report it belongs to.
    pub part: Part,
}

/// Parts of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The worlds as they are.
    Table,
    /// Worlds that vary by seed.
    Seeds,
    /// Worlds with two faults.
    Two,
    /// Worlds in which the cure does not help.
    InVain,
    /// Worlds in which evidence is missing.
    Blind,
}

/// What has to come of a run.
pub enum Demand {
    /// It deals with the world's fault.
    Own(Expectation),
    /// It is not for this world: it changes nothing, and names no wrong runbook.
    Foreign(Expectation),
    /// It makes its change, which does not help, and takes it back. Its message says this.
    TakenBack(&'static str),
    /// It must not say that nothing is wrong, and leaves no change behind that does not cure.
    NotWell(Expectation),
    /// Triage: these causes are found, the first of them before all others.
    Causes(Vec<String>),
}

/// How it went.
pub struct Cell {
    /// The world.
    pub world: String,
    /// The runbook.
    pub runbook: String,
    /// The ending in a word or two.
    pub outcome: String,
    /// Which part of the report it belongs to.
    pub part: Part,
    /// Whether it is the world's own runbook.
    pub own: bool,
    /// How long it took, by the wall clock.
    pub took: Duration,
    /// What is wrong; empty if nothing is.
    pub wrong: Vec<String>,
}

impl Job {
    /// A runbook in a world as it is.
    pub fn single(world: &Expectation, runbook: &str) -> Job {
        let name = world.name.clone();
        let demand = if runbook == "triage" {
            Demand::Causes(world.cause.clone().into_iter().collect())
        } else if world.runbook.as_deref() == Some(runbook) {
            Demand::Own(world.clone())
        } else {
            Demand::Foreign(world.clone())
        };
        Job {
            world: world.name.clone(),
            open: Box::new(move || World::named(&name).unwrap()),
            runbook: runbook.into(),
            params: params(world, "graph-core"),
            approved: Vec::new(),
            demand,
            part: Part::Table,
        }
    }

    /// A world's own runbook, and triage, under other names, load and replicas.
    pub fn varied(world: &Expectation, seed: u64) -> Vec<Job> {
        let names = Names::of(seed);
        let renamed = names.expectation(world);
        let job = |runbook: &str, demand: Demand| {
            let (names, name) = (names.clone(), world.name.clone());
            Job {
                world: format!("{}, seed {seed}", world.name),
                open: Box::new(move || names.world(&name)),
                runbook: runbook.to_owned(),
                params: params(&renamed, &renamed_service(seed)),
                approved: Vec::new(),
                demand,
                part: Part::Seeds,
            }
        };
        let own = world.runbook.as_deref().map(|runbook| job(runbook, Demand::Own(renamed.clone())));
        own.into_iter().chain([job("triage", Demand::Causes(world.cause.clone().into_iter().collect()))]).collect()
    }
}

fn renamed_service(seed: u64) -> String {
    Names::of(seed).apply("graph-core")
}

/// The parameters of a runbook for a service.
pub fn params(world: &Expectation, service: &str) -> BTreeMap<String, String> {
    let mut params = world.params.clone();
    params.insert("service".into(), service.into());
    params.insert("workload".into(), service.into());
    params
}

/// Plays it.
pub fn play(runtime: &Runtime, job: &Job) -> Cell {
    let since = Instant::now();
    let mesh = Arc::new(runtime.block_on(InProcess::open((job.open)(), None)).unwrap());
    let before = snapshot::take(mesh.store());
    let (ended, lines) = run(runtime, &mesh, &job.runbook, job);
    let after = snapshot::take(mesh.store());
    let differences = snapshot::differences(&before, &after);
    let mut wrong = Vec::new();
    match &job.demand {
        Demand::Own(expected) => {
            let ending = expected.ending.as_deref().unwrap_or("found");
            if ended.ending != ending {
                wrong.push(format!("it must end {ending}"));
            }
            if expected.exit.is_some_and(|code| code != ended.exit.code()) {
                wrong.push(format!("its exit code must be {:?}, not {}", expected.exit, ended.exit.code()));
            }
            for object in differences.iter().filter(|object| !expected.changes.contains(*object)) {
                wrong.push(format!("it changed {object}, which has no part in it"));
            }
            for object in expected.changes.iter().filter(|object| !differences.contains(object)) {
                wrong.push(format!("it did not change {object}"));
            }
            wrong.extend(expected.state.iter().filter_map(|state| state_is_wrong(&after, state)));
            if ending == "fixed" && wrong.is_empty() {
                wrong.extend(symptom_remains(runtime, &mesh, job, expected));
            }
        }
        Demand::Foreign(expected) => wrong.extend(foreign(&ended, expected, &job.runbook, &lines, &differences)),
        Demand::TakenBack(says) => {
            wrong.extend(taken_back(&ended, &differences));
            if !ended.message.contains(says) {
                wrong.push(format!("its message must say {says:?}"));
            }
        }
        Demand::NotWell(expected) => wrong.extend(not_well(&ended, expected, &differences)),
        Demand::Causes(causes) => wrong.extend(ranked(&ended, causes, &lines, &differences)),
    }
    if !wrong.is_empty() {
        wrong.push(format!("it said: {}", ended.message));
        let story = Rehearsal::new(ended.clone(), lines).story();
        wrong.extend(story.lines().map(|line| format!("| {line}")));
    }
    let outcome = match (&job.demand, ended.ending.as_str()) {
        (_, "found") => format!("found {}", ended.message.split(':').next().unwrap_or_default()),
        (_, ending) => ending.to_owned(),
    };
    Cell {
        world: job.world.clone(),
        runbook: job.runbook.clone(),
        outcome,
        part: job.part,
        own: matches!(job.demand, Demand::Own(_)),
        took: since.elapsed(),
        wrong,
    }
}

/// Plays a troubleshooting runbook with those of the parameters that it declares.
fn run(runtime: &Runtime, mesh: &Arc<InProcess>, name: &str, job: &Job) -> (Ended, Vec<Line>) {
    let script = play::load(&format!("troubleshooting/{name}.rhai"));
    let declared = |name: &String| script.params.iter().any(|param| param.name == *name);
    let given = job.params.iter().filter(|(name, _)| declared(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
    play::play(runtime, mesh, &script, &given, &job.approved)
        .unwrap_or_else(|failure| panic!("{name} starts, not: {failure}"))
}

/// Ten minutes later triage must no longer find the cause.
fn symptom_remains(runtime: &Runtime, mesh: &Arc<InProcess>, job: &Job, expected: &Expectation) -> Option<String> {
    let later = Call::Sleep { duration: Duration::from_secs(600) };
    runtime.block_on(mesh.call(&later)).unwrap();
    let (ended, lines) = run(runtime, mesh, "triage", job);
    let cause = expected.cause.as_deref()?;
    let found = causes(&lines);
    found.iter().any(|one| one == cause).then(|| format!("ten minutes later triage still says: {}", ended.message))
}

fn foreign(
    ended: &Ended,
    expected: &Expectation,
    runbook: &str,
    lines: &[Line],
    differences: &[String],
) -> Vec<String> {
    let mut wrong = Vec::new();
    if !matches!(ended.ending.as_str(), "not_this" | "cannot_tell" | "found") {
        wrong.push("it must end not_this, cannot_tell or found".to_owned());
    }
    if lines.iter().any(|line| matches!(line.event, Event::Changing(_))) {
        wrong.push("it must change nothing".into());
    }
    wrong.extend(differences.iter().map(|object| format!("{object} differs")));
    let may = |name: &str| {
        expected.runbook.as_deref() == Some(name) || name == "triage" || name == runbook || expected.also.contains(name)
    };
    if let Some(name) = ended.next.as_deref().and_then(|next| next.strip_prefix("troubleshooting/"))
        && !may(name.trim_end_matches(".rhai"))
    {
        wrong.push(format!("it names {name}, which is not for this world"));
    }
    if ended.ending == "found" && !expected.also.contains(runbook) {
        let cause = ended.message.split(':').next().unwrap_or_default();
        if expected.cause.as_deref() != Some(cause) {
            wrong.push(format!("it found {cause:?}, which is not what is wrong here"));
        }
    }
    wrong
}

fn taken_back(ended: &Ended, differences: &[String]) -> Vec<String> {
    let mut wrong: Vec<String> = differences.iter().map(|object| format!("{object} differs")).collect();
    if ended.ending != "failed" || ended.exit.code() != 5 {
        wrong.push(format!("it must fail with exit code 5, not end {} with {}", ended.ending, ended.exit.code()));
    }
    if ended.taken_back.is_empty() || !ended.kept.is_empty() || !ended.left_behind.is_empty() {
        wrong.push(format!("everything must be taken back: {:?} {:?}", ended.kept, ended.left_behind));
    }
    wrong
}

fn not_well(ended: &Ended, expected: &Expectation, differences: &[String]) -> Vec<String> {
    let others = differences.iter().filter(|object| !expected.changes.contains(*object));
    let mut wrong: Vec<String> = others.map(|object| format!("{object} differs")).collect();
    let right = match ended.ending.as_str() {
        "fixed" => expected.ending.as_deref() == Some("fixed"),
        // With less evidence it may name what is seen instead of what is behind it.
        "found" | "cannot_tell" => differences.is_empty(),
        "failed" => {
            (ended.exit.code() == 5 || expected.exit == Some(ended.exit.code()))
                && differences.is_empty()
                && ended.left_behind.is_empty()
        }
        _ => false,
    };
    if !right {
        wrong.push(format!("it ended {}, although {:?} is wrong here", ended.ending, expected.cause));
    }
    wrong
}

fn ranked(ended: &Ended, demanded: &[String], lines: &[Line], differences: &[String]) -> Vec<String> {
    let mut wrong: Vec<String> = differences.iter().map(|object| format!("{object} differs")).collect();
    let found = causes(lines);
    match demanded.first() {
        None if ended.ending != "not_this" => wrong.push("nothing is wrong here: it must end not_this".into()),
        None => {}
        Some(_) if found.first().is_none_or(|first| !demanded.contains(first)) => {
            wrong.push(format!("{} must be ranked first, not {:?}", demanded.join(" or "), found.first()));
        }
        Some(_) => {
            let lacking = demanded.iter().filter(|cause| !found.contains(cause));
            wrong.extend(lacking.map(|cause| format!("{cause} must be found beside {found:?}")));
        }
    }
    wrong
}

/// The causes that were shown, in their order.
fn causes(lines: &[Line]) -> Vec<String> {
    let shown = lines.iter().filter_map(|line| match &line.event {
        Event::Shown { value, .. } => value.get("causes").and_then(Value::as_array),
        _ => None,
    });
    shown.flatten().filter_map(|cause| Some(cause.get("cause")?.as_str()?.to_owned())).collect()
}

fn state_is_wrong(after: &BTreeMap<String, Value>, state: &State) -> Option<String> {
    let field = after.get(&state.object).and_then(|object| object.pointer(&state.at));
    let number = field.and_then(Value::as_f64);
    let right = if state.absent {
        field.is_none()
    } else if let Some(value) = &state.is {
        field == Some(value)
    } else {
        number.is_some_and(|n| state.least.is_none_or(|least| n >= least) && state.most.is_none_or(|most| n <= most))
    };
    (!right).then(|| format!("{} {} is {field:?}, and must be {state:?}", state.object, state.at))
}
