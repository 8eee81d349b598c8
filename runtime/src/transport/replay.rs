//! Answers from the record of a run, instead of from a cluster: what was asked then is answered as it was answered then.
//!
//! Questions are told apart by their [`Call`]. What a call says of the time at which it was made is left out: a query over
//! the last five minutes is the same question a second later. The answers to one question stand in the order of the
//! record, and begin at the moment that the replay was moved to; objects that the run did not read any more after that are
//! as it knew them by then. The last answer is given again only while no time has passed since: a counter that does not
//! move because the record ends would read as traffic that has stopped.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, pending, ready};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::kind::{Known, KnownKind};
use super::{ObjectName, Seen, Transport};
use crate::effect::{Call, Effect, ObjectRef, Reply, ResourceKind};
use crate::failure::{BAD_ANSWER, CODES, FORBIDDEN, Failure, NOT_RECORDED, PARAM, RECORD};
use crate::record::event::{ChangeOutcome, Changing, Event, Line, Started};
use crate::record::file;
use crate::value::Span;

/// The record of a run as a transport.
pub struct Replay {
    started: Started,
    lines: Vec<Line>,
    /// The lines that answer a question, by the question.
    answers: HashMap<String, Vec<usize>>,
    kinds: Known,
    place: Mutex<Place>,
}

/// From where on in a record questions are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A line of the record.
    Line(u64),
    /// So long after its run began, by the run's clock.
    After(SignedDuration),
}

impl FromStr for Moment {
    type Err = String;

    /// `250` is a line, `2m30s` a time since the beginning.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(line) = text.parse() {
            return Ok(Moment::Line(line));
        }
        let span: Span = text.trim_start_matches('+').parse()?;
        Ok(Moment::After(SignedDuration::try_from(span.0).map_err(|error| error.to_string())?))
    }
}

/// How far the answers are.
struct Place {
    /// The line from which on questions are answered.
    from: usize,
    now: Timestamp,
    /// How often time has passed.
    pauses: u64,
    /// For each question that was asked, how many of its answers were given, and after how many pauses the last one was.
    given: HashMap<String, (usize, u64)>,
}

impl Replay {
    /// Reads a record. The kinds are those that the library knows beside Kubernetes' own.
    ///
    /// # Errors
    /// [`RECORD`] when it cannot be read, or holds something else than a record.
    pub fn open(path: &Path, kinds: Vec<KnownKind>) -> Result<Replay, Failure> {
        Replay::of(file::read(path)?, kinds).ok_or_else(|| {
            Failure::new(&RECORD, format!("the record {} does not begin with the start of a run", path.display()))
                .hint("`meshbook runs` lists the records")
        })
    }

    fn of(lines: Vec<Line>, kinds: Vec<KnownKind>) -> Option<Replay> {
        let Some(Line { event: Event::Started(started), at, .. }) = lines.first() else { return None };
        let mut answers: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, line) in lines.iter().enumerate() {
            if let Event::Looked { effect, beside, .. } = &line.event
                && !matches!(effect.call, Call::Now | Call::Sleep { .. })
            {
                answers.entry(asked(&effect.call, beside.is_some())).or_default().push(place);
            }
        }
        let place = Mutex::new(Place { from: 0, now: *at, pauses: 0, given: HashMap::new() });
        Some(Replay { started: (**started).clone(), answers, kinds: Known::new(kinds), place, lines })
    }

    /// Who ran what, where.
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// The record.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Goes back to the moment from which on questions are answered.
    pub fn rewind(&self) {
        let mut place = self.hold();
        place.now = self.lines[place.from].at;
        place.given.clear();
    }

    /// Answers questions from another moment on. Answers which that is, in words.
    ///
    /// # Errors
    /// [`PARAM`] when the record ends before it.
    pub fn go_to(&self, moment: Moment) -> Result<String, Failure> {
        let begin = self.lines[0].at;
        let from = match moment {
            Moment::Line(number) => self.lines.iter().position(|line| line.number >= number),
            Moment::After(span) => self.lines.iter().position(|line| line.at.duration_since(begin) >= span),
        };
        let from = from.ok_or_else(|| {
            let last = &self.lines[self.lines.len() - 1];
            let end = elapsed(last.at.duration_since(begin));
            Failure::new(&PARAM, format!("the record ends before that: its last line is {}, after {end}", last.number))
                .unchanged("questions are answered from where they were")
        })?;
        self.hold().from = from;
        self.rewind();
        Ok(self.moment())
    }

    /// From where on questions are answered, in words.
    pub fn moment(&self) -> String {
        let line = &self.lines[self.hold().from];
        format!("line {}, {} after the run began", line.number, elapsed(line.at.duration_since(self.lines[0].at)))
    }

    fn hold(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers for the run's own cluster.
    fn answer(&self, call: &Call) -> Result<Reply, Failure> {
        self.answer_of(call, false)
    }

    fn answer_of(&self, call: &Call, beside: bool) -> Result<Reply, Failure> {
        match call {
            Call::Now => return Ok(Reply::Time(self.hold().now)),
            Call::Sleep { duration } => {
                let mut place = self.hold();
                place.pauses += 1;
                place.now = SignedDuration::try_from(*duration)
                    .ok()
                    .and_then(|duration| place.now.checked_add(duration).ok())
                    .unwrap_or(place.now);
                return Ok(Reply::Done);
            }
            Call::Notify(_) => return Ok(Reply::Text("a replay tells nobody".into())),
            Call::Patch { object, .. } | Call::Apply { object, .. } | Call::Create { object, .. } => {
                return Err(untouched(object));
            }
            Call::Delete { object, .. } => return Err(untouched(object)),
            Call::SetLogLevels { of, .. } => return Err(untouched(&of.object())),
            _ => {}
        }
        let question = asked(call, beside);
        let recorded = self.answers.get(&question).map_or(&[][..], Vec::as_slice);
        let mut place = self.hold();
        let later = &recorded[recorded.partition_point(|line| *line < place.from)..];
        let (given, pauses) = place.given.get(&question).copied().unwrap_or_default();
        let line = match later.get(given) {
            Some(line) => *line,
            None if given > 0 && pauses == place.pauses => later[given - 1],
            None => {
                let from = place.from;
                drop(place);
                return self
                    .known_anyway(call)
                    .or_else(|| if beside { None } else { self.known_by_then(call, recorded, from) })
                    .ok_or_else(|| self.not_recorded(call, recorded, given));
            }
        };
        place.now = place.now.max(self.lines[line].at);
        let pauses = place.pauses;
        place.given.insert(question, ((given + 1).min(later.len()), pauses));
        drop(place);
        self.told(line)
    }

    /// What a line of the record answers.
    fn told(&self, line: usize) -> Result<Reply, Failure> {
        match &self.lines[line].event {
            Event::Looked { reply: Some(reply), .. } => Ok(reply.clone()),
            Event::Looked { failure: Some((code, message)), .. } => {
                let code = CODES.iter().find(|known| known.name == code).copied().unwrap_or(&BAD_ANSWER);
                Err(Failure::new(code, message.clone()))
            }
            _ => Err(Failure::new(&RECORD, format!("line {line} of the record holds no answer"))),
        }
    }

    /// What needs no record.
    fn known_anyway(&self, call: &Call) -> Option<Reply> {
        match call {
            Call::ResolveKind { name } => Some(Reply::Json(serde_json::to_value(self.kinds.find(name)?).ok()?)),
            // So that it is the replay that refuses a change, and says why, and not a permission that was never asked for.
            Call::AccessReview { verb, .. } if !matches!(verb.as_str(), "get" | "list" | "watch") => {
                Some(Reply::Json(json!(true)))
            }
            _ => None,
        }
    }

    /// Objects as the run knew them when it came to a line: as it had read them last, with what it had changed since.
    fn known_by_then(&self, call: &Call, recorded: &[usize], from: usize) -> Option<Reply> {
        let (Call::Get { .. } | Call::List { .. }) = call else { return None };
        let read = *recorded[..recorded.partition_point(|line| *line < from)].last()?;
        let Ok(Reply::Json(mut known)) = self.told(read) else { return None };
        for (object, now) in self.changed(read, from) {
            match call {
                Call::Get { object: wanted } if wanted == object => known = now.clone(),
                Call::List { kind, namespace, labels: None, fields: None }
                    if *kind == object.kind && (namespace.is_none() || *namespace == object.namespace) =>
                {
                    let list = known.as_array_mut()?;
                    list.retain(|item| !is(item, object));
                    list.extend(Some(now.clone()).filter(|now| !now.is_null()));
                }
                _ => {}
            }
        }
        (!known.is_null()).then_some(Reply::Json(known))
    }

    /// What the run has made of objects between two lines, in its order; null is an object that is gone.
    fn changed(&self, after: usize, before: usize) -> impl Iterator<Item = (&ObjectRef, &Value)> {
        self.lines[after..before].iter().filter_map(|line| match &line.event {
            Event::ChangeAnswered { change, outcome: ChangeOutcome::Made { post_image } } => {
                Some((&self.changing(*change)?.object, post_image))
            }
            Event::TakenBack { change, outcome } if outcome.is_clean() => {
                let changing = self.changing(*change)?;
                Some((&changing.object, &changing.pre_image))
            }
            _ => None,
        })
    }

    fn changing(&self, number: u64) -> Option<&Changing> {
        let place = self.lines.binary_search_by_key(&number, |line| line.number).ok()?;
        match &self.lines[place].event {
            Event::Changing(changing) => Some(changing),
            _ => None,
        }
    }

    fn not_recorded(&self, call: &Call, recorded: &[usize], given: usize) -> Failure {
        let what = self.words(call, recorded);
        let run = &self.started.run;
        match recorded {
            [] => Failure::new(&NOT_RECORDED, format!("run {run} did not ask for this: {what}")).hint(
                "a replay knows what its run has asked for, and nothing else: `:timeline`, or `meshbook runs -v RUN`",
            ),
            _ if given > 0 => Failure::new(
                &NOT_RECORDED,
                format!("run {run} did not ask for this once more after {given} times: {what}"),
            ),
            [.., last] => {
                Failure::new(&NOT_RECORDED, format!("run {run} did not ask for this any more from there on: {what}"))
                    .hint(format!("it last did in line {0}: `:at {0}`", self.lines[*last].number))
            }
        }
    }

    /// A question in a person's words: those of the record, if it has any.
    fn words(&self, call: &Call, recorded: &[usize]) -> String {
        let said = recorded.first().and_then(|line| match &self.lines[*line].event {
            Event::Looked { effect: Effect { target, summary, .. }, .. } => Some(format!("{target}: {summary}")),
            _ => None,
        });
        said.unwrap_or_else(|| in_words(call))
    }

    /// The objects of a kind that the record names.
    fn objects(&self, kind: &ResourceKind, namespace: Option<&str>) -> Vec<ObjectName> {
        let mut names = BTreeSet::new();
        let mut add = |object: &Value| {
            let of = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default();
            let name = ObjectName { namespace: of("/metadata/namespace").into(), name: of("/metadata/name").into() };
            if !name.name.is_empty() && namespace.is_none_or(|wanted| wanted == &*name.namespace) {
                names.insert(name);
            }
        };
        for line in &self.lines {
            let Event::Looked { effect, beside: None, reply: Some(Reply::Json(reply)), .. } = &line.event else {
                continue;
            };
            match &effect.call {
                Call::Get { object } if object.kind == *kind => add(reply),
                Call::List { kind: listed, .. } if listed == kind => {
                    reply.as_array().into_iter().flatten().for_each(&mut add);
                }
                _ => {}
            }
        }
        names.into_iter().collect()
    }
}

impl Transport for Replay {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        ready(self.answer(call)).boxed()
    }

    fn place(&self) -> (String, String) {
        (format!("replay {} of {}", self.started.run, self.started.context), self.started.server.clone())
    }

    /// A replay reads what the record has, and writes nothing: no file either.
    fn has_files(&self) -> bool {
        false
    }

    fn follow<'a>(
        &'a self,
        kind: &'a ResourceKind,
        namespace: Option<&'a str>,
        tell: &'a (dyn Fn(Seen) + Send + Sync),
    ) -> BoxFuture<'a, Failure> {
        tell(Seen::There(self.objects(kind, namespace)));
        tell(Seen::All);
        pending().boxed()
    }

    fn kinds(&self) -> BoxFuture<'_, Result<Vec<KnownKind>, Failure>> {
        ready(Ok(self.kinds.all().to_vec())).boxed()
    }
}

/// The second cluster of a record. Its time is the record's.
struct Second(Arc<Replay>);

impl Transport for Second {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        ready(match call {
            Call::Sleep { .. } => Ok(Reply::Done),
            call => self.0.answer_of(call, true),
        })
        .boxed()
    }

    fn place(&self) -> (String, String) {
        let (context, server) = self
            .0
            .started
            .second
            .as_ref()
            .map(|there| (there.context.clone(), there.server.clone()))
            .unwrap_or_default();
        (format!("replay {} of {context}", self.0.started.run), server)
    }

    fn has_files(&self) -> bool {
        false
    }
}

impl Replay {
    /// The second cluster of the record, if its run read the one of this name.
    ///
    /// # Errors
    /// [`PARAM`] when it read none, or another one.
    pub fn second(self: &Arc<Self>, context: &str) -> Result<crate::run::Second, Failure> {
        let run = &self.started.run;
        match &self.started.second {
            Some(there) if there.context == context || there.context == format!("lab {context}") => {
                Ok(crate::run::Second {
                    transport: Arc::new(Second(Arc::clone(self))),
                    namespace: there.namespace.clone(),
                })
            }
            Some(there) => Err(Failure::new(
                &PARAM,
                format!("run {run} read {} beside its own cluster, and not {context}", there.context),
            )),
            None => Err(Failure::new(&PARAM, format!("run {run} read no second cluster"))),
        }
        .map_err(|failure| failure.unchanged("nothing was run"))
    }
}

/// Whether a document is this object, of whose kind it is.
fn is(item: &Value, object: &ObjectRef) -> bool {
    let of = |field: &str| item.pointer(field).and_then(Value::as_str);
    of("/metadata/name") == Some(&object.name) && of("/metadata/namespace") == object.namespace.as_deref()
}

fn untouched(object: &ObjectRef) -> Failure {
    Failure::new(
        &FORBIDDEN,
        format!("{object} cannot be changed in a replay: it is a record of what was, and no cluster"),
    )
    .unchanged("nothing was changed")
    .hint("run it on the cluster, or on the lab with `--lab`")
}

/// A question, and which cluster is asked. A name is looked up by this machine, and by none of them.
fn asked(call: &Call, beside: bool) -> String {
    let question = question(call);
    if beside && !matches!(call, Call::Lookup { .. }) { format!("beside {question}") } else { question }
}

/// A question, without the time at which it is asked.
fn question(call: &Call) -> String {
    let timeless = match call {
        Call::Query { query, at } => Call::Query { query: query.clone(), at: at.map(|_| Timestamp::UNIX_EPOCH) },
        Call::QueryRange { query, start, end, step } => Call::QueryRange {
            query: query.clone(),
            start: Timestamp::UNIX_EPOCH,
            end: Timestamp::UNIX_EPOCH.checked_add(end.duration_since(*start)).unwrap_or(Timestamp::MAX),
            step: *step,
        },
        Call::PrometheusPage { page, parameters } => {
            Call::PrometheusPage { page: page.clone(), parameters: without_times(parameters) }
        }
        Call::JaegerPage { page, parameters } => {
            Call::JaegerPage { page: page.clone(), parameters: without_times(parameters) }
        }
        Call::Logs { namespace, pod, container, since_seconds, limit_bytes, tail_lines, timestamps, previous } => {
            Call::Logs {
                namespace: namespace.clone(),
                pod: pod.clone(),
                container: container.clone(),
                since_seconds: since_seconds.map(|_| 0),
                limit_bytes: *limit_bytes,
                tail_lines: *tail_lines,
                timestamps: *timestamps,
                previous: *previous,
            }
        }
        other => other.clone(),
    };
    serde_json::to_string(&timeless).expect("a call has only strings, numbers and documents")
}

fn without_times(parameters: &[(String, String)]) -> Vec<(String, String)> {
    parameters.iter().filter(|(name, _)| !matches!(name.as_str(), "start" | "end" | "time")).cloned().collect()
}

/// A call that no effect of the record describes.
fn in_words(call: &Call) -> String {
    match call {
        Call::Get { object } => format!("{object}: read"),
        Call::List { kind, namespace, labels, .. } => {
            let place = namespace.as_deref().map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
            let by = labels.as_deref().map(|labels| format!(" by {labels}")).unwrap_or_default();
            format!("{}{place}: list{by}", kind.plural)
        }
        Call::Logs { namespace, pod, container, .. } => format!("Pod {namespace}/{pod}: log of {container}"),
        Call::Pod(request) => format!("Pod {}/{}: {} {}", request.namespace, request.pod, request.method, request.path),
        Call::LogLevels(of) => format!("{}: read", of.object()),
        Call::Query { query, .. } | Call::QueryRange { query, .. } => format!("Prometheus: {query}"),
        Call::PrometheusPage { page, .. } => format!("Prometheus: {page}"),
        Call::JaegerPage { page, .. } => format!("Jaeger: {page}"),
        Call::ResolveKind { name } => format!("kind {name}"),
        Call::Version => "the API server's version".into(),
        other => serde_json::to_value(other)
            .ok()
            .and_then(|value| value.get("call").and_then(Value::as_str).map(|name| name.replace('_', " ")))
            .unwrap_or_default(),
    }
}

/// How long after the beginning of the run something is, in whole seconds.
fn elapsed(since: SignedDuration) -> String {
    let whole = Duration::from_secs(since.as_secs().unsigned_abs());
    if whole.is_zero() { "0s".into() } else { Span(whole).to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot be set up has to fail.
mod tests {
    use super::*;
    use crate::record::event::UndoOutcome;

    fn rule() -> ObjectRef {
        ObjectRef::new(
            ResourceKind::namespaced("networking.istio.io", "v1", "DestinationRule", "destinationrules"),
            "summit",
            "graph-core",
        )
    }

    fn document(limit: u64) -> Value {
        json!({"metadata": {"name": "graph-core", "namespace": "summit"}, "limit": limit})
    }

    fn get() -> Call {
        Call::Get { object: rule() }
    }

    fn list() -> Call {
        Call::List { kind: rule().kind, namespace: Some("summit".into()), labels: None, fields: None }
    }

    fn query(at: i64) -> Call {
        Call::QueryRange {
            query: "up".into(),
            start: Timestamp::from_second(at - 60).unwrap(),
            end: Timestamp::from_second(at).unwrap(),
            step: Duration::from_secs(5),
        }
    }

    fn looked(call: Call, reply: Value) -> Event {
        let (effect, reply) = (Effect::read("x", "read", call), Some(Reply::Json(reply)));
        Event::Looked { effect, beside: None, ordinal: (0, 0), reply, failure: None, took: Duration::ZERO }
    }

    /// A record whose events are ten seconds apart.
    fn replay(events: Vec<Event>) -> Replay {
        let started: Started = serde_json::from_value(json!({
            "format": 1, "run": "01KE", "user": "u", "machine": "m", "context": "c", "server": "s", "namespace": "summit",
            "mode": "ask", "script": "prompt", "hash": "", "params": {}, "version": "0",
        }))
        .unwrap();
        let lines = std::iter::once(Event::Started(Box::new(started))).chain(events).enumerate();
        let line = |(number, event)| Line {
            number,
            at: Timestamp::from_second(1000 + 10 * i64::try_from(number).unwrap()).unwrap(),
            event,
        };
        Replay::of(lines.map(|(number, event)| line((number as u64, event))).collect(), Vec::new()).unwrap()
    }

    fn changes() -> Vec<Event> {
        let changing: Changing = serde_json::from_value(json!({
            "object": rule(), "summary": "raise", "class": "change", "fields": [], "pre_image": document(4), "patch": {},
            "validated": true,
        }))
        .unwrap();
        vec![
            looked(get(), document(4)),
            looked(list(), json!([document(4)])),
            Event::Changing(Box::new(changing)),
            Event::ChangeAnswered { change: 3, outcome: ChangeOutcome::Made { post_image: document(500) } },
            Event::TakenBack { change: 3, outcome: UndoOutcome::Already },
        ]
    }

    fn json_of(answer: Result<Reply, Failure>) -> Value {
        match answer.unwrap() {
            Reply::Json(value) => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_come_in_order_and_the_last_one_again_only_while_no_time_passes() {
        let replay = replay(vec![looked(query(1010), json!(1)), looked(query(1020), json!(2))]);
        assert_eq!(json_of(replay.answer(&query(1))), json!(1), "when it is asked does not matter");
        assert_eq!(json_of(replay.answer(&query(2))), json!(2));
        assert_eq!(json_of(replay.answer(&query(2))), json!(2));
        replay.answer(&Call::Sleep { duration: Duration::from_secs(5) }).unwrap();
        let failure = replay.answer(&query(2)).unwrap_err();
        assert!(failure.is(&NOT_RECORDED) && failure.message.contains("once more after 2 times"), "{failure}");
        replay.rewind();
        assert_eq!(json_of(replay.answer(&query(1))), json!(1));
        let longer = Call::QueryRange {
            query: "up".into(),
            start: Timestamp::from_second(0).unwrap(),
            end: Timestamp::from_second(61).unwrap(),
            step: Duration::from_secs(5),
        };
        assert!(replay.answer(&longer).unwrap_err().message.contains("did not ask for this: Prometheus: up"));
    }

    #[test]
    fn the_clock_is_that_of_the_record_and_of_the_pauses() {
        let replay = replay(vec![looked(query(1010), json!(1)), looked(query(1020), json!(2))]);
        let now = || match replay.answer(&Call::Now).unwrap() {
            Reply::Time(now) => now.as_second(),
            other => panic!("{other:?}"),
        };
        assert_eq!(now(), 1000);
        replay.answer(&query(0)).unwrap();
        assert_eq!(now(), 1010);
        replay.answer(&Call::Sleep { duration: Duration::from_secs(30) }).unwrap();
        assert_eq!(now(), 1040);
        replay.answer(&query(0)).unwrap();
        assert_eq!(now(), 1040, "it never goes back");
        assert_eq!(replay.go_to("15s".parse().unwrap()).unwrap(), "line 2, 20s after the run began");
        assert_eq!(now(), 1020);
        assert!(replay.go_to(Moment::Line(3)).unwrap_err().message.contains("its last line is 2, after 20s"));
        assert_eq!(now(), 1020);
    }

    #[test]
    fn objects_are_as_the_run_knew_them_at_that_moment() {
        let replay = replay(changes());
        for (line, limit) in [(0, 4), (3, 4), (5, 500)] {
            replay.go_to(Moment::Line(line)).unwrap();
            assert_eq!(json_of(replay.answer(&get())), document(limit), "from line {line}");
            assert_eq!(json_of(replay.answer(&list())), json!([document(limit)]), "from line {line}");
        }
        // What was asked of something that moves is not as it was.
        let replay = self::replay(vec![looked(query(0), json!(1)), looked(get(), document(4))]);
        replay.go_to(Moment::Line(2)).unwrap();
        let failure = replay.answer(&query(0)).unwrap_err();
        assert!(failure.message.contains("any more from there on"), "{failure}");
        assert_eq!(failure.hint.as_deref(), Some("it last did in line 1: `:at 1`"));
    }

    #[test]
    fn nothing_is_changed_and_names_are_those_of_the_record() {
        let replay = replay(changes());
        let patch = Call::Patch { object: rule(), patch: json!({}), dry_run: true };
        assert!(replay.answer(&patch).unwrap_err().message.contains("cannot be changed in a replay"));
        let names = |namespace| replay.objects(&rule().kind, namespace).len();
        assert_eq!((names(None), names(Some("summit")), names(Some("other"))), (1, 1, 0));
        let kind = json_of(replay.answer(&Call::ResolveKind { name: "deploy".into() }));
        assert_eq!(kind["plural"], "deployments");
    }
}
