//! A revision of the control plane: its istiods, the Service before them, the webhooks that call it, and who depends on it.

pub mod default;
pub mod gather;
pub mod labels;
pub mod objects;
pub mod remove;
pub mod synced;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::control_plane::istiod::Istiod;
use crate::control_plane::{ControlPlane, Seen};
use crate::text::{and, count, some};

/// A revision, as it was when it was asked for.
#[derive(Clone, Debug)]
pub struct Revision(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The name that was given.
    asked: String,
    /// The tag of that name, if it is one.
    is_tag: bool,
    /// The revision itself.
    name: Result<String, Missing>,
    plane: ControlPlane,
}

impl Revision {
    /// The revision of this name, or behind the tag of this name.
    pub fn new(asked: &str, plane: ControlPlane) -> Self {
        let (name, is_tag) = match plane.outcome() {
            Err(missing) => (Err(missing), false),
            Ok(seen) => find(asked, seen),
        };
        Revision(Arc::new(Inner { asked: asked.to_owned(), is_tag, name, plane }))
    }

    /// Its name; that of the tag's revision where a tag was given.
    ///
    /// # Errors
    /// `NO_DATA` where there is none.
    pub fn name(&self) -> Result<&str, Failure> {
        self.0.name.as_deref().map_err(|missing| missing.failure("the revision"))
    }

    /// The name of what would be removed: that of the revision, or the name that was asked for where no istiod has it any more.
    /// A tag of that name is another thing.
    pub fn removable_name(&self) -> &str {
        match &self.0.name {
            Ok(name) if !self.0.is_tag => name,
            _ => &self.0.asked,
        }
    }

    /// The value of `istio.io/rev` by which it is chosen: the name that was given.
    pub fn label(&self) -> &str {
        &self.0.asked
    }

    /// Why it is not there, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.name.as_ref().err()
    }

    /// The same in words.
    pub fn why(&self) -> String {
        match &self.0.name {
            Ok(_) => String::new(),
            // That there is none is no want of figures.
            Err(Missing::NoSeries(why)) => why.clone(),
            Err(other) => other.to_string(),
        }
    }

    /// What was seen of the control plane.
    ///
    /// # Errors
    /// `NO_DATA` where nothing was.
    pub fn seen(&self) -> Result<&Seen, Failure> {
        self.0.plane.seen()
    }

    /// The namespace of istiod.
    pub fn root(&self) -> &str {
        self.0.plane.root()
    }

    /// Its istiods.
    pub fn istiods(&self) -> Vec<&Istiod> {
        let (Ok(name), Ok(seen)) = (&self.0.name, self.0.plane.outcome()) else { return Vec::new() };
        seen.istiods.iter().filter(|istiod| istiod.revision == *name).collect()
    }

    /// What is not as it should be: istiods that are not ready, a Service or an injector that leads nowhere.
    ///
    /// # Errors
    /// `NO_DATA` where it is not there.
    pub fn problems(&self) -> Result<Vec<String>, Failure> {
        let (name, seen) = (self.name()?, self.seen()?);
        let istiods = self.istiods();
        let mut problems = Vec::new();
        if istiods.is_empty() {
            problems.push("it has no istiod".to_owned());
        }
        problems.extend(istiods.iter().filter(|one| !one.ready).map(|one| format!("{} is {}", one.pod, one.state())));
        for one in istiods.iter().filter(|one| one.ready) {
            if let Some(Err(why)) = &one.says {
                problems.push(format!("{} does not answer: {}", one.pod, crate::text::first_line(why)));
            }
        }
        match seen.services.iter().find(|service| service.name == service_of(name)) {
            None => problems.push(format!("Service {}/{} does not exist", self.root(), service_of(name))),
            Some(service) if service.ready == 0 => {
                problems.push(format!("Service {}/{} has no ready endpoint", self.root(), service.name));
            }
            Some(_) => {}
        }
        let mut injectors =
            seen.webhooks.iter().filter(|one| one.injects() && one.service.1 == service_of(name)).peekable();
        if injectors.peek().is_none() {
            problems.push("no MutatingWebhookConfiguration calls it: it injects no pod".into());
        } else if injectors.any(|one| one.is_dead()) {
            problems.push("nothing answers its injector".into());
        }
        Ok(problems)
    }
}

/// The Service of a revision's istiods (charts `istio-discovery`).
pub fn service_of(revision: &str) -> String {
    if revision == "default" { "istiod".into() } else { format!("istiod-{revision}") }
}

/// The revision behind a Service of istiods.
pub fn of_service(service: &str) -> Option<&str> {
    match service {
        "istiod" => Some("default"),
        other => other.strip_prefix("istiod-"),
    }
}

/// A label of an object.
pub(crate) fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(name)?.as_str()
}

fn find(asked: &str, seen: &Seen) -> (Result<String, Missing>, bool) {
    let tagged = seen.mutating.iter().find(|one| label(one, "istio.io/tag") == Some(asked));
    let has_istiod = |name: &str| seen.istiods.iter().any(|istiod| istiod.revision == name);
    let has_injector = |name: &str| {
        let mut own = seen.mutating.iter().filter(|one| label(one, "istio.io/tag").is_none());
        own.any(|one| label(one, "istio.io/rev") == Some(name))
    };
    if has_istiod(asked) || (tagged.is_none() && has_injector(asked)) {
        return (Ok(asked.to_owned()), false);
    }
    if let Some(tagged) = tagged {
        let revision = label(tagged, "istio.io/rev").unwrap_or_default().to_owned();
        let why = format!("tag {asked} points at revision {revision}, which has no istiod");
        let found = if has_istiod(&revision) { Ok(revision) } else { Err(Missing::NoSeries(why)) };
        return (found, true);
    }
    let mut there: Vec<String> = seen.istiods.iter().map(|istiod| istiod.revision.clone()).collect();
    there.extend(seen.mutating.iter().filter_map(|one| label(one, "istio.io/tag")).map(|tag| format!("tag {tag}")));
    there.sort();
    there.dedup();
    let asked = crate::text::first_line(asked);
    (Err(Missing::NoSeries(format!("there is no revision or tag `{asked}`; there is {}", and(&there)))), false)
}

impl Noun for Revision {
    const NAME: &'static str = "Revision";
    const DOC: &'static str = "A revision of Istio's control plane as it was when it was asked for: its istiods, their Service, and the webhooks that call it. Asked for by its name, or by a tag's. May be missing: there is none.";

    fn text(&self) -> String {
        match (&self.0.name, self.problems()) {
            (Err(_), _) => self.why(),
            (Ok(name), Ok(problems)) if problems.is_empty() => format!("revision {name}"),
            (Ok(name), Ok(problems)) => format!("revision {name}: {}", some(&problems, 4)),
            (Ok(name), Err(_)) => format!("revision {name}"),
        }
    }

    fn table(&self) -> Table {
        let (Ok(name), Ok(seen)) = (&self.0.name, self.0.plane.outcome()) else { return Table::line(self.text()) };
        let istiods = self.istiods();
        let ready = istiods.iter().filter(|istiod| istiod.ready).count();
        let title = format!("revision {name}: {ready} of {} ready", count(istiods.len(), "istiod", "istiods"));
        let mut table = Table::new(title, &["ISTIOD", "VERSION", "STATE", "PROXIES", "ANSWERS"]);
        for istiod in &istiods {
            let says = istiod.answer();
            table.row([
                istiod.pod.clone(),
                says.map_or_else(|| "-".to_owned(), |says| says.version.clone()),
                istiod.state(),
                says.map_or_else(|| "-".to_owned(), |says| says.proxies.len().to_string()),
                if says.is_some() { "yes" } else { "no" }.to_owned(),
            ]);
        }
        if istiods.is_empty() {
            table.columns.clear();
        }
        if self.0.is_tag {
            table.note(format!("tag {} points at it", self.0.asked));
        }
        let mut callers: Vec<String> = seen
            .webhooks
            .iter()
            .filter(|one| one.service.1 == service_of(name))
            .map(|one| one.configuration.clone())
            .collect();
        callers.dedup();
        table.note(format!("webhooks that call it: {}", and(&callers)));
        table.notes.extend(self.problems().unwrap_or_default());
        table
    }

    fn json(&self) -> Value {
        match &self.0.name {
            Err(_) => json!({ "missing": self.why() }),
            Ok(name) => json!({
                "revision": name, "asked": self.0.asked, "tag": self.0.is_tag,
                "istiods": self.istiods().iter().map(|one| json!({ "pod": one.pod, "ready": one.ready, "version": one.answer().map(|says| says.version.as_str()) })).collect::<Vec<_>>(),
                "problems": self.problems().unwrap_or_default(),
            }),
        }
    }

    fn same(&self, other: &Self) -> Result<bool, Failure> {
        Ok(self.name()? == other.name()?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::control_plane::tests::seen;

    pub(crate) fn istiod(pod: &str, revision: &str) -> Istiod {
        Istiod { pod: pod.into(), revision: revision.into(), ready: true, running: true, ..Istiod::default() }
    }

    fn revision(asked: &str) -> Revision {
        let mut seen = seen(vec![istiod("istiod-a", "default"), istiod("istiod-1-31-b", "1-31")]);
        let tag =
            |tag: &str, to: &str| json!({ "metadata": { "labels": { "istio.io/tag": tag, "istio.io/rev": to } } });
        seen.mutating = vec![tag("prod", "1-31"), tag("stale", "1-29")];
        Revision::new(asked, ControlPlane::new("istio-system".into(), Ok(seen)))
    }

    #[test]
    fn a_tag_stands_for_its_revision_and_may_point_at_nothing() {
        assert_eq!(revision("1-31").name().expect("there"), "1-31");
        assert_eq!((revision("prod").name().expect("there"), revision("prod").label()), ("1-31", "prod"));
        assert!(revision("stale").text().contains("points at revision 1-29, which has no istiod"));
        assert!(revision("nothing").text().contains("there is 1-31, default, tag prod and tag stale"));
    }

    #[test]
    fn a_service_and_its_revision_lead_to_each_other() {
        for name in ["default", "1-31", "canary"] {
            assert_eq!(of_service(&service_of(name)), Some(name));
        }
        assert_eq!(of_service("front"), None);
    }
}
