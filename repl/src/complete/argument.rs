//! What could stand in the string of an argument, told from what its parameter's descriptor says that it names.

use std::time::Duration;

use meshbook_runtime::effect::ResourceKind;
use meshbook_runtime::primitive::Names as Named;
use meshbook_runtime::transport::ObjectName;
use meshbook_stdlib::kubernetes::kinds;

use super::Candidate;
use super::chain::{self, OpenCall};
use super::infer::Types;
use super::live::{Live, Names, Scope, Told};
use super::order::{cut, fitting};
use super::promql::{self, Place};

/// Labels and metrics that are read at most.
const MOST: &str = "10000";

/// An argument that is being typed: a string that is still open.
pub(crate) struct Argument<'a> {
    call: OpenCall<'a>,
    named: Named,
    /// Its parameter's place.
    params: &'static [meshbook_runtime::primitive::Param],
    /// Where the string's text begins.
    start: usize,
    /// The string as far as it is typed.
    begun: &'a str,
}

impl<'a> Argument<'a> {
    /// The argument at the end of a text, if its parameter names something.
    pub(crate) fn at_end(typed: &'a str, types: &Types<'_>) -> Option<Argument<'a>> {
        let open = chain::open_string(typed)?;
        let call = chain::open_call(&typed[..open])?;
        let primitive = types.callee(call.callee)?;
        let param = primitive.params.get(call.arguments.len())?;
        // An argument that is put together of several is not one name.
        let alone = typed[..open].trim_end().ends_with(['(', ',']);
        let named = param.names.filter(|_| alone)?;
        Some(Argument { call, named, params: primitive.params, start: open + 1, begun: &typed[open + 1..] })
    }

    /// What could stand there, and where it would begin.
    pub(crate) fn candidates(&self, live: &Live, namespace: &str) -> (usize, Vec<Candidate>) {
        let found = match self.named {
            Named::OneOf(words) => {
                let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
                listed(self.begun, &Names { known: words, stale: None, reading: false })
            }
            Named::Kind => listed(self.begun, &live.told(&Told::Kinds)),
            Named::Label => listed(self.begun, &live.told(&labels(None))),
            Named::PromQl => return self.in_query(live),
            Named::Objects(_) | Named::ObjectsOf(_) | Named::Host => self.objects(live, namespace),
        };
        (self.start, found)
    }

    /// Begins to look for what could stand there, so that it is at hand when somebody asks for it.
    pub(crate) fn prepare(&self, live: &Live, namespace: &str) {
        self.told().iter().for_each(|what| live.read(what));
        self.scopes(live, namespace).iter().for_each(|scope| live.follow(scope));
    }

    /// Why nothing can be offered, where that is known.
    pub(crate) fn why_none(&self, live: &Live, namespace: &str) -> Option<String> {
        match self.told() {
            Some(what) => live.why_not_told(&what),
            None => live.why_none(&self.scopes(live, namespace)),
        }
    }

    /// What has to be read for it.
    fn told(&self) -> Option<Told> {
        match self.named {
            Named::Kind => Some(Told::Kinds),
            Named::Label => Some(labels(None)),
            Named::PromQl => told(&promql::place(self.begun)?.1),
            Named::Objects(_) | Named::ObjectsOf(_) | Named::Host | Named::OneOf(_) => None,
        }
    }

    fn in_query(&self, live: &Live) -> (usize, Vec<Candidate>) {
        let Some((begins, place)) = promql::place(self.begun) else { return (self.start, Vec::new()) };
        let Some(what) = told(&place) else { return (self.start, Vec::new()) };
        (self.start + begins, listed(&self.begun[begins..], &live.told(&what)))
    }

    /// Which objects it may name.
    fn scopes(&self, live: &Live, namespace: &str) -> Vec<Scope> {
        let in_namespace = |kind: ResourceKind, namespace: &str| {
            let namespace = kind.namespaced.then(|| namespace.to_owned());
            (kind, namespace)
        };
        match self.named {
            Named::Objects(kinds) => kinds.iter().map(|kind| in_namespace(kind(), namespace)).collect(),
            Named::ObjectsOf(param) => {
                let place = self.params.iter().position(|one| one.name == param);
                let Some(named) = place.and_then(|place| plain(self.call.arguments.get(place)?)) else {
                    return Vec::new();
                };
                let namespace = self.begun.split_once('/').map_or(namespace, |(elsewhere, _)| elsewhere);
                live.kind(named).map(|kind| in_namespace(kind, namespace)).into_iter().collect()
            }
            Named::Host => {
                let all = (kinds::service(), None);
                // Who may not look into every namespace may still look into this one.
                let scope = if live.is_forbidden(&all) { in_namespace(kinds::service(), namespace) } else { all };
                vec![scope]
            }
            Named::Kind | Named::Label | Named::PromQl | Named::OneOf(_) => Vec::new(),
        }
    }

    fn objects(&self, live: &Live, namespace: &str) -> Vec<Candidate> {
        let scopes = self.scopes(live, namespace);
        let elsewhere = matches!(self.named, Named::ObjectsOf(_)) && self.begun.contains('/');
        let written = |name: ObjectName| match self.named {
            Named::Host if *name.namespace != *namespace => format!("{}.{}", name.name, name.namespace),
            _ if elsewhere => format!("{}/{}", name.namespace, name.name),
            _ => name.name.into_string(),
        };
        let Names { known, stale, reading } = live.objects(&scopes);
        listed(self.begun, &Names { known: known.into_iter().map(written).collect(), stale, reading })
    }
}

/// Those that fit, each marked if it is stale.
fn listed(begun: &str, names: &Names<String>) -> Vec<Candidate> {
    let found = fitting(begun, names.known.iter().map(String::as_str), |name| name);
    let candidate = |name: &str| Candidate {
        text: name.to_owned(),
        shown: names.stale.map_or_else(|| name.to_owned(), |age| format!("{name}  (stale {})", seconds(age))),
    };
    let mut found = cut(found.into_iter().map(candidate).collect());
    if names.reading {
        // It carries what is typed, so that nothing is completed by names that are not all there is.
        found.push(Candidate {
            text: begun.to_owned(),
            shown: format!("… still reading, {} so far", names.known.len()),
        });
    }
    found
}

fn seconds(age: Duration) -> String {
    format!("{}s", age.as_secs())
}

/// The text of a string without escapes.
fn plain(written: &str) -> Option<&str> {
    let quote = written.chars().next().filter(|quote| matches!(quote, '"' | '`'))?;
    let text = written.strip_prefix(quote)?.strip_suffix(quote)?;
    (!text.contains(['\\', '"', '`', '$'])).then_some(text)
}

fn labels(metric: Option<&str>) -> Told {
    Told::Page("labels".into(), parameters(metric))
}

/// What lists what could stand at a place of a query.
fn told(place: &Place<'_>) -> Option<Told> {
    match place {
        Place::Metric => Some(Told::Page("label/__name__/values".into(), parameters(None))),
        Place::Label(metric) => Some(labels(*metric)),
        Place::Value { metric, label } => {
            promql::is_name(label).then(|| Told::Page(format!("label/{label}/values"), parameters(*metric)))
        }
    }
}

fn parameters(metric: Option<&str>) -> Vec<(String, String)> {
    let metric = metric.filter(|name| promql::is_name(name)).map(|name| ("match[]".to_owned(), name.to_owned()));
    metric.into_iter().chain([("limit".to_owned(), MOST.to_owned())]).collect()
}
