//! A cluster in memory for tests of the road: objects with resource versions and managed fields, and a virtual clock.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::{Answer, Approver, Mode, Reporter, Run, Settings};
use crate::change::{Change, FIELD_MANAGER, levels, ownership, patch};
use crate::effect::{Call, LogLevels, Logger, ObjectRef, Reply, ResourceKind};
use crate::failure::{CONFLICT, Code, Failure, NOT_FOUND, REJECTED, UNREACHABLE};
use crate::gate::Budget;
use crate::record::event::{Changing, Event, Line};
use crate::transport::Transport;

/// What befalls the next write that is not a dry run.
pub(crate) enum Fault {
    /// It is done, but its answer is lost.
    AnswerLost,
    /// It does not arrive.
    RequestLost,
    /// It is done, somebody else writes as well, and the answer is lost.
    AnswerLostThen(fn(&mut Value)),
    /// The server says no.
    Refused(&'static Code),
    /// The run is interrupted while it is under way; it is done.
    Interrupted(CancellationToken),
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<ObjectRef, Value>,
    pub(crate) calls: Vec<Call>,
    pub(crate) faults: VecDeque<Fault>,
    /// What is refused when it is sent, although a dry run went well.
    pub(crate) refused: Option<ObjectRef>,
    /// What a dry run is refused with.
    pub(crate) dry_run_refused: Option<&'static Code>,
    /// What the access review answers; yes if it is not said.
    pub(crate) forbidden: bool,
    /// Reads of objects are not answered.
    pub(crate) unreachable: bool,
    /// Somebody else writes just before the next patch arrives.
    pub(crate) meanwhile: Option<fn(&mut Value)>,
    /// A controller writes the status of an object right after every change of it.
    pub(crate) controlled: bool,
    /// A new object gets an address, another one at each try.
    pub(crate) allocates: bool,
    /// Loggers of processes, by pod, with their levels.
    pub(crate) levels: BTreeMap<String, Vec<Logger>>,
    version: u64,
    now: i64,
}

/// The cluster, and where the records of its runs are.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) home: PathBuf,
    /// Whether pods, queries and sleeps hang for ever.
    pub(crate) hangs: bool,
}

impl Cluster {
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn put(&self, object: &ObjectRef, content: Value) {
        let mut state = self.lock();
        state.version += 1;
        let version = state.version;
        let mut content = content;
        patch::apply(
            &mut content,
            &json!({ "apiVersion": object.kind.api_version(), "kind": object.kind.kind, "metadata": {
                "name": object.name, "namespace": object.namespace, "uid": format!("uid-{version}"), "resourceVersion": version.to_string(),
                "managedFields": [{ "manager": "kubectl", "time": format!("t{version}"), "fieldsV1": { "f:spec": {} } }],
            } }),
        );
        state.objects.insert(object.clone(), content);
    }

    pub(crate) fn object(&self, object: &ObjectRef) -> Value {
        self.lock().objects[object].clone()
    }

    /// Somebody else writes.
    pub(crate) fn edit(&self, object: &ObjectRef, edit: impl FnOnce(&mut Value)) {
        let mut state = self.lock();
        let mut content = state.objects[object].clone();
        edit(&mut content);
        state.store(object, content, "intruder");
    }

    /// The patches that were sent to be done.
    pub(crate) fn patches(&self) -> Vec<Value> {
        let sent = |call: &Call| {
            if let Call::Patch { patch, dry_run: false, .. } = call { Some(patch.clone()) } else { None }
        };
        self.lock().calls.iter().filter_map(sent).collect()
    }

    /// The last lines on disk of all records.
    fn last_recorded(&self) -> Vec<Line> {
        let records = std::fs::read_dir(self.home.join("runs")).into_iter().flatten();
        let mut last = Vec::new();
        for entry in records {
            let mut lines = crate::record::file::read(&entry.unwrap().path()).unwrap_or_default();
            last.extend(lines.pop());
            // Many changes are announced together.
            while lines.last().is_some_and(|line| matches!(line.event, Event::Changing(_))) {
                last.extend(lines.pop());
            }
        }
        last
    }
}

impl State {
    fn store(&mut self, object: &ObjectRef, mut content: Value, manager: &str) -> Value {
        self.version += 1;
        content["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let time = format!("t{}", self.version);
        if let Some(managers) = content["metadata"]["managedFields"].as_array_mut() {
            managers.retain(|entry| entry["manager"] != manager);
            managers.push(json!({ "manager": manager, "time": time, "fieldsV1": { "f:spec": {} } }));
        }
        self.objects.insert(object.clone(), content.clone());
        if self.controlled {
            self.report(object);
        }
        content
    }

    /// The object's controller writes its status: its entry gets another time, and with it another place.
    pub(crate) fn report(&mut self, object: &ObjectRef) {
        self.version += 1;
        let content = self.objects.get_mut(object).unwrap();
        content["metadata"]["resourceVersion"] = json!(self.version.to_string());
        content["status"] = json!({ "observed": self.version });
        let managers = content["metadata"]["managedFields"].as_array_mut().unwrap();
        managers.retain(|entry| entry["subresource"] != "status");
        managers.push(json!({
            "manager": "controller", "subresource": "status", "time": format!("t{}", self.version),
            "fieldsV1": { "f:status": { "f:observed": {} } },
        }));
    }

    /// The levels of a process after some were set.
    fn set_levels(&mut self, of: &LogLevels, wanted: &[Logger]) -> Result<Value, Failure> {
        let gone = || Failure::new(&NOT_FOUND, format!("Pod {}/{} does not exist", of.namespace, of.pod));
        let loggers = self.levels.get_mut(&of.pod).ok_or_else(gone)?;
        for logger in loggers.iter_mut() {
            if let Some(wanted) = wanted.iter().find(|wanted| wanted.name == logger.name) {
                logger.level = wanted.level.clone();
            }
        }
        Ok(levels::document(of, loggers))
    }

    fn patch(&mut self, object: &ObjectRef, patch: &Value, dry_run: bool) -> Result<Value, Failure> {
        let gone = || Failure::new(&NOT_FOUND, format!("{object} does not exist"));
        let now = self.objects.get(object).cloned().ok_or_else(gone)?;
        let wanted = &patch["metadata"]["resourceVersion"];
        assert!(wanted.is_string(), "every patch carries a precondition: {patch}");
        if *wanted != now["metadata"]["resourceVersion"] {
            return Err(Failure::new(&CONFLICT, format!("{object} has been modified")));
        }
        let mut after = now.clone();
        patch::apply(&mut after, patch);
        if dry_run {
            return Ok(after);
        }
        if patch["metadata"]["managedFields"].is_array() {
            if ownership::is_alike(&after, &now) {
                return Ok(now);
            }
            self.version += 1;
            after["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.objects.insert(object.clone(), after.clone());
            return Ok(after);
        }
        if after == now {
            return Ok(now);
        }
        Ok(self.store(object, after, FIELD_MANAGER))
    }

    fn create(&mut self, object: &ObjectRef, content: &Value, dry_run: bool) -> Result<Value, Failure> {
        if self.objects.contains_key(object) {
            return Err(Failure::new(&REJECTED, format!("{object} already exists")));
        }
        assert!(content["metadata"]["resourceVersion"].is_null() && content["metadata"]["uid"].is_null(), "{content}");
        let mut created = content.clone();
        created["metadata"]["uid"] = json!(format!("uid-{}", self.version + 1));
        created["metadata"]["creationTimestamp"] = json!(format!("t{}", self.version + 1));
        created["metadata"]["managedFields"] = json!([]);
        if self.allocates {
            created["spec"]["clusterIP"] = json!(format!("10.96.{}.{}", u8::from(dry_run), self.version));
        }
        if dry_run { Ok(created) } else { Ok(self.store(object, created, FIELD_MANAGER)) }
    }

    fn delete(&mut self, object: &ObjectRef, uid: &str, resource_version: Option<&str>) -> Result<Value, Failure> {
        let now = self.objects.get(object);
        let now = now.ok_or_else(|| Failure::new(&NOT_FOUND, format!("{object} does not exist")))?;
        if now["metadata"]["uid"] != uid || resource_version.is_some_and(|v| now["metadata"]["resourceVersion"] != v) {
            return Err(Failure::new(&CONFLICT, format!("{object} has been modified")));
        }
        self.objects.remove(object);
        Ok(json!({ "kind": "Status" }))
    }

    /// A write that is not a dry run.
    fn write(&mut self, call: &Call) -> Result<Value, Failure> {
        match call {
            Call::Patch { object, patch, .. } => self.patch(object, patch, false),
            Call::Create { object, content, .. } => self.create(object, content, false),
            Call::Delete { object, uid, resource_version, .. } => self.delete(object, uid, resource_version.as_deref()),
            other => panic!("{other:?} writes nothing"),
        }
    }
}

/// The object that a call writes for good, and what a record has to announce of it.
fn written(call: &Call) -> Option<(&ObjectRef, Value)> {
    match call {
        Call::Patch { object, patch, dry_run: false } => Some((object, patch.clone())),
        Call::Create { object, content, dry_run: false } => Some((object, content.clone())),
        Call::Delete { object, dry_run: false, .. } => Some((object, Value::Null)),
        _ => None,
    }
}

impl Transport for Cluster {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        if self.hangs && matches!(call, Call::Pod(_) | Call::Query { .. }) {
            return std::future::pending().boxed();
        }
        std::future::ready(self.answer(call)).boxed()
    }

    fn place(&self) -> (String, String) {
        ("test".into(), "https://127.0.0.1:1".into())
    }
}

impl Cluster {
    fn answer(&self, call: &Call) -> Result<Reply, Failure> {
        if let Some((object, mut recorded)) = written(call) {
            crate::record::redact::value(&mut recorded);
            let last = self.last_recorded();
            let announces = |line: &Line| match &line.event {
                Event::Changing(changing) => changing.object == *object && changing.patch == recorded,
                Event::TakingBack { .. } => true,
                // What belongs to an earlier run, and is set back with a change of this one, of which the line before it tells.
                Event::SettingBack { .. } => true,
                _ => false,
            };
            assert!(last.iter().any(announces), "a write arrived that no record on disk announces: {last:?}");
        }
        if let Call::SetLogLevels { of, .. } = call {
            let announces = |line: &Line| match &line.event {
                Event::Changing(changing) => changing.levels.as_ref() == Some(of),
                event => matches!(event, Event::TakingBack { .. }),
            };
            let last = self.last_recorded();
            assert!(last.iter().any(announces), "levels were set that no record on disk announces: {last:?}");
        }
        let mut state = self.lock();
        if !matches!(call, Call::Now) {
            state.calls.push(call.clone());
        }
        let lost = || Failure::new(&UNREACHABLE, "the connection was closed");
        match call {
            Call::Now => Ok(Reply::Time(Timestamp::from_millisecond(1_767_603_600_000 + state.now).unwrap())),
            Call::Sleep { duration } => {
                state.now += i64::try_from(duration.as_millis()).unwrap();
                Ok(Reply::Done)
            }
            Call::AccessReview { .. } => Ok(Reply::Json(json!(!state.forbidden))),
            Call::Get { .. } | Call::List { .. } if state.unreachable => Err(lost()),
            Call::Get { object } => match state.objects.get(object) {
                Some(content) => Ok(Reply::Json(content.clone())),
                None => Err(Failure::new(&NOT_FOUND, format!("{object} does not exist"))),
            },
            Call::List { kind, namespace, .. } => {
                let listed = state.objects.iter().filter(|(object, _)| {
                    object.kind == *kind && (namespace.is_none() || object.namespace == *namespace)
                });
                Ok(Reply::Json(listed.map(|(_, content)| content.clone()).collect()))
            }
            Call::Patch { object, patch, dry_run: true } => match state.dry_run_refused {
                Some(code) => Err(Failure::new(code, "the admission webhook says no")),
                None => state.patch(object, patch, true).map(Reply::Json),
            },
            Call::Create { object, content, dry_run: true } => match state.dry_run_refused {
                Some(code) => Err(Failure::new(code, "the admission webhook says no")),
                None => state.create(object, content, true).map(Reply::Json),
            },
            Call::Delete { dry_run: true, .. } => Ok(Reply::Done),
            Call::Patch { object, .. } | Call::Create { object, .. } | Call::Delete { object, .. } => {
                if state.refused.as_ref() == Some(object) {
                    return Err(Failure::new(&REJECTED, format!("{object} is refused")));
                }
                if let Some(edit) = state.meanwhile.take() {
                    let mut content = state.objects[object].clone();
                    edit(&mut content);
                    state.store(object, content, "intruder");
                }
                match state.faults.pop_front() {
                    None => state.write(call).map(Reply::Json),
                    Some(Fault::RequestLost) => Err(lost()),
                    Some(Fault::Refused(code)) => Err(Failure::new(code, "the admission webhook says no")),
                    Some(Fault::AnswerLost) => state.write(call).and_then(|_| Err(lost())),
                    Some(Fault::AnswerLostThen(edit)) => {
                        let mut content = state.write(call)?;
                        edit(&mut content);
                        state.store(object, content, "intruder");
                        Err(lost())
                    }
                    Some(Fault::Interrupted(cancel)) => {
                        cancel.cancel();
                        // The watch for the interrupt has time to raise the latch before the answer is there.
                        drop(state);
                        std::thread::sleep(Duration::from_millis(50));
                        self.lock().write(call).map(Reply::Json)
                    }
                }
            }
            Call::LogLevels(of) => state.set_levels(of, &[]).map(Reply::Json),
            Call::SetLogLevels { of, loggers } => match state.faults.pop_front() {
                None => state.set_levels(of, loggers).map(Reply::Json),
                Some(Fault::RequestLost) => Err(lost()),
                Some(Fault::AnswerLost) => state.set_levels(of, loggers).and_then(|_| Err(lost())),
                Some(Fault::Refused(code)) => Err(Failure::new(code, "the process says no")),
                Some(_) => panic!("the tests' processes have no such fault"),
            },
            Call::Exec { .. } => Ok(Reply::Json(json!({ "code": 0, "stdout": "", "stderr": "" }))),
            Call::Pod(_) | Call::Query { .. } => Ok(Reply::Json(json!({ "result": [] }))),
            other => panic!("the tests' cluster has no answer to {other:?}"),
        }
    }
}

/// Keeps what was reported.
#[derive(Default)]
pub(crate) struct Seen(pub(crate) Mutex<Vec<Line>>);

impl Seen {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().iter().map(|line| line.event.clone()).collect()
    }
}

impl Reporter for Seen {
    fn line(&self, line: &Line) {
        self.0.lock().unwrap().push(line.clone());
    }

    fn progress(&self, _what: Option<&str>) {}
}

/// Gives the same answers in turn.
pub(crate) struct Answers(pub(crate) Mutex<VecDeque<Answer>>, pub(crate) Mutex<Vec<Changing>>);

impl Approver for Answers {
    fn confirm(&self, _: &Run, _: &str) -> bool {
        self.0.lock().unwrap().pop_front() == Some(Answer::Yes)
    }

    fn ask(&self, _run: &Run, proposal: &Changing) -> Answer {
        self.1.lock().unwrap().push(proposal.clone());
        self.0.lock().unwrap().pop_front().expect("the test gives an answer for each question")
    }
}

/// A cluster with one rule, and everything that a run on it needs.
pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    pub(crate) runtime: Runtime,
    pub(crate) cancel: CancellationToken,
    pub(crate) seen: Arc<Seen>,
    pub(crate) answers: Option<Arc<Answers>>,
    pub(crate) settings: Settings,
    _home: tempfile::TempDir,
}

pub(crate) fn rule(name: &str) -> ObjectRef {
    ObjectRef::new(
        ResourceKind::namespaced("networking.istio.io", "v1", "DestinationRule", "destinationrules"),
        "summit",
        name,
    )
}

impl Bench {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let cluster = Cluster { state: Arc::default(), home: home.path().to_owned(), hangs: false };
        cluster.put(&rule("graph-core"), json!({ "spec": { "host": "graph-core", "trafficPolicy": { "connectionPool": { "http": { "http2MaxRequests": 1 } } } } }));
        let settings = Settings {
            mode: Mode::Unattended,
            namespace: "summit".into(),
            namespaces: vec!["summit".into()],
            approvals: vec!["destinationrule".parse().unwrap()],
            read_only: false,
            allow_exec: false,
            curl_image: None,
            deadline: None,
            budget: Budget::default(),
            field_manager: FIELD_MANAGER.into(),
            home: home.path().to_owned(),
            script: "test.rhai".into(),
            hash: "0".into(),
            params: BTreeMap::new(),
            second: None,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Bench {
            cluster,
            runtime,
            cancel: CancellationToken::new(),
            seen: Arc::default(),
            answers: None,
            settings,
            _home: home,
        }
    }

    /// A bench with a person who answers.
    pub(crate) fn asking(answers: &[Answer]) -> Self {
        let mut bench = Bench::new();
        bench.settings.mode = Mode::Ask;
        bench.settings.approvals.clear();
        bench.answers = Some(Arc::new(Answers(Mutex::new(answers.iter().copied().collect()), Mutex::default())));
        bench
    }

    pub(crate) fn start(&self) -> Arc<Run> {
        self.try_start().unwrap()
    }

    pub(crate) fn try_start(&self) -> Result<Arc<Run>, Failure> {
        let approver = self.answers.clone().map(|answers| answers as Arc<dyn Approver>);
        Run::start(
            self.settings.clone(),
            Arc::new(self.cluster.clone()),
            Arc::clone(&self.seen) as Arc<dyn Reporter>,
            approver,
            self.runtime.handle().clone(),
            self.cancel.clone(),
        )
    }

    /// The change that raises the limit of a rule, on the object as it is now.
    pub(crate) fn raise(&self, name: &str, limit: u64) -> Change {
        self.change(name, |rule| {
            rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"] = json!(limit)
        })
    }

    pub(crate) fn change(&self, name: &str, edit: impl FnOnce(&mut Value)) -> Change {
        let object = rule(name);
        let before = self.cluster.object(&object);
        let mut after = before.clone();
        edit(&mut after);
        Change::new(object, "raise the limit".into(), before, after)
    }

    /// The creation of a rule.
    pub(crate) fn creation(&self, name: &str) -> Change {
        let content = json!({ "spec": { "host": name, "trafficPolicy": { "tls": { "mode": "ISTIO_MUTUAL" } } } });
        Change::creation(rule(name), "create the rule".into(), content)
    }

    pub(crate) fn limit(&self, name: &str) -> Value {
        self.cluster.object(&rule(name))["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"].clone()
    }
}
