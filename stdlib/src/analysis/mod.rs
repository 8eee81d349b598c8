//! Mistakes in the configuration of the mesh that can be told from its objects alone, in the words of `istioctl analyze`.
//!
//! Codes, levels and texts: `pkg/config/analysis/msg/messages.yaml` of istio.io/istio
//! (<https://istio.io/latest/docs/reference/config/analysis/>). What is implemented is listed in [`CODES`]. `IST0113` is
//! no longer given by istioctl; what it names still breaks traffic.

pub mod deprecated;
pub mod gateways;
pub mod gather;
pub mod injection;
pub mod objects;
pub mod ports;
pub mod references;
pub mod routes;
pub mod selectors;
pub mod tls;

use std::fmt;
use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::text::count;
use objects::Objects;

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something probably does not do what was meant.
    Warning,
    /// Worth knowing.
    Info,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Error => "Error",
            Level::Warning => "Warning",
            Level::Info => "Info",
        })
    }
}

/// A code: its number, level, name in words, and the runbook that goes on with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `IST0101`.
    pub code: &'static str,
    /// Its level.
    pub level: Level,
    /// What it is, in words.
    pub cause: &'static str,
    /// The runbook to go on with; empty where the object has to be corrected, and nothing more.
    pub runbook: &'static str,
}

macro_rules! codes {
    ($($name:ident: $code:literal, $level:ident, $cause:literal, $runbook:literal;)*) => {
        $(#[doc = concat!($code, ": ", $cause, ".")]
        pub const $name: Code = Code { code: $code, level: Level::$level, cause: $cause, runbook: $runbook };)*
        /// All that are implemented.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

codes! {
    DEPRECATED: "IST0002", Warning, "deprecated field", "";
    REFERENCE: "IST0101", Error, "reference to what does not exist", "";
    NOT_INJECTED: "IST0102", Info, "namespace without injection", "";
    NO_PROXY: "IST0103", Warning, "pod without a proxy", "troubleshooting/mtls.rhai";
    CONFLICTING_HOSTS: "IST0109", Error, "VirtualServices for the same host", "";
    SIDECARS_CONFLICT: "IST0110", Error, "Sidecars for the same pod", "troubleshooting/sidecar-memory.rhai";
    SIDECARS_WITHOUT_SELECTOR: "IST0111", Error, "more than one Sidecar for a namespace", "troubleshooting/sidecar-memory.rhai";
    PORT_NEEDED: "IST0112", Error, "destination without a port", "";
    MTLS_CONFLICT: "IST0113", Error, "DestinationRule against STRICT mutual TLS", "troubleshooting/mtls.rhai";
    PORT_NAME: "IST0118", Info, "port name off convention", "";
    BOTH_LABELS: "IST0123", Warning, "two injection labels", "reference/version-skew.rhai";
    NO_WORKLOAD: "IST0127", Warning, "selector that matches nothing", "";
    NO_CA: "IST0128", Warning, "TLS without verification", "troubleshooting/mtls.rhai";
    NO_CA_ON_PORT: "IST0129", Warning, "TLS of a port without verification", "troubleshooting/mtls.rhai";
    UNREACHABLE: "IST0130", Warning, "rule that is never used", "";
    DUPLICATE_MATCH: "IST0131", Info, "match that is never used", "";
    HOST_NOT_IN_GATEWAY: "IST0132", Warning, "host that the Gateway does not have", "";
    DEPRECATED_ANNOTATION: "IST0135", Info, "deprecated annotation", "";
    EMPTY_SUBSET: "IST0173", Error, "subset without pods", "";
    UNKNOWN_HOST: "IST0174", Warning, "DestinationRule for an unknown host", "";
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its code.
    pub code: &'static Code,
    /// `VirtualService summit/graph-core`.
    pub object: String,
    /// The object's namespace; of a Namespace its own name.
    pub namespace: String,
    /// What is wrong with it.
    pub text: String,
}

impl Message {
    /// A message about an object.
    pub fn about(object: &Value, code: &'static Code, text: String) -> Self {
        let field = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, namespace, name) = (field("/kind"), field("/metadata/namespace"), field("/metadata/name"));
        let object = if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") };
        Message { code, object, namespace: if namespace.is_empty() { name } else { namespace }, text }
    }
}

/// What is wrong with these objects: the gravest first, then by code and object.
pub fn messages(objects: &Objects) -> Vec<Message> {
    let checks: [fn(&Objects) -> Vec<Message>; 8] = [
        references::check,
        gateways::check,
        routes::check,
        injection::check,
        selectors::check,
        ports::check,
        tls::check,
        deprecated::check,
    ];
    let mut found: Vec<Message> = checks.iter().flat_map(|check| check(objects)).collect();
    found.retain(|message| !objects.is_suppressed(message));
    found.sort_by(|a, b| {
        (a.code.level, a.code.code, &a.object, &a.text).cmp(&(b.code.level, b.code.code, &b.object, &b.text))
    });
    found.dedup();
    found
}

/// The messages about the objects of a namespace, or of all.
#[derive(Clone, Debug)]
pub struct Messages(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    of: String,
    found: Result<Vec<Message>, Missing>,
    looked_at: usize,
}

impl Messages {
    /// Messages about a namespace; `*` is all of them. `looked_at` is how many objects were looked at.
    pub fn new(namespace: &str, found: Result<Vec<Message>, Missing>, looked_at: usize) -> Self {
        let found = found.map(|found| {
            found.into_iter().filter(|one| namespace == "*" || one.namespace == namespace).collect::<Vec<_>>()
        });
        let of = if namespace == "*" { "all namespaces".into() } else { format!("namespace {namespace}") };
        Messages(Arc::new(Inner { of, found, looked_at }))
    }

    /// The messages, the gravest first.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn found(&self) -> Result<&[Message], Failure> {
        self.0.found.as_deref().map_err(|missing| missing.failure("the configuration of the mesh"))
    }

    /// Errors and warnings, the gravest first.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn problems(&self) -> Result<Vec<&Message>, Failure> {
        Ok(self.found()?.iter().filter(|one| one.code.level < Level::Info).collect())
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.found.as_ref().err()
    }
}

impl Noun for Messages {
    const NAME: &'static str = "Messages";
    const DOC: &'static str = "What is wrong with the configuration of the mesh, as messages of `istioctl analyze`: code, level, object, text, the gravest first. May be missing.";

    fn text(&self) -> String {
        match &self.0.found {
            Err(missing) => format!("the configuration cannot be analysed: {missing}"),
            Ok(found) => {
                let problems: Vec<&Message> = found.iter().filter(|one| one.code.level < Level::Info).collect();
                match problems.as_slice() {
                    [] => format!("no error and no warning about {}", self.0.of),
                    [only] => format!("{} {}: {}", only.code.code, only.object, only.text),
                    [first, rest @ ..] => {
                        format!("{} {}: {} (and {} more)", first.code.code, first.object, first.text, rest.len())
                    }
                }
            }
        }
    }

    fn table(&self) -> Table {
        let Ok(found) = &self.0.found else { return Table::line(self.text()) };
        let number = |level| found.iter().filter(|one| one.code.level == level).count();
        let mut table = Table::line(format!(
            "{}, {} and {} about {}",
            count(number(Level::Error), "error", "errors"),
            count(number(Level::Warning), "warning", "warnings"),
            count(number(Level::Info), "info", "infos"),
            self.0.of
        ));
        if !found.is_empty() {
            table.columns = ["LEVEL", "CODE", "OBJECT", "MESSAGE"].map(str::to_owned).to_vec();
        }
        for one in found {
            table.row([one.code.level.to_string(), one.code.code.into(), one.object.clone(), one.text.clone()]);
        }
        table.note(format!("{} looked at", count(self.0.looked_at, "object was", "objects were")));
        table
    }

    fn json(&self) -> Value {
        match &self.0.found {
            Err(missing) => json!({ "missing": missing.to_string() }),
            Ok(found) => {
                let all = found.iter().map(|one| json!({
                    "code": one.code.code, "level": one.code.level.to_string(), "object": one.object, "message": one.text,
                    "cause": one.code.cause, "runbook": one.code.runbook,
                    "documentation": format!("https://istio.io/latest/docs/reference/config/analysis/{}/", one.code.code.to_ascii_lowercase()),
                }));
                json!({ "of": self.0.of, "messages": all.collect::<Vec<_>>(), "looked_at": self.0.looked_at })
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Objects of YAML documents.
    pub(crate) fn of(yaml: &str) -> Objects {
        let documents: Vec<Value> =
            yaml.split("\n---\n").map(|one| serde_saphyr::from_str(one).expect("YAML")).collect();
        Objects::of(documents, "istio-system")
    }

    /// The codes of what a check finds, each with its object's name.
    pub(crate) fn codes(check: fn(&Objects) -> Vec<Message>, yaml: &str) -> Vec<String> {
        let mut found: Vec<String> =
            check(&of(yaml)).iter().map(|one| format!("{} {}", one.code.code, one.object)).collect();
        found.sort();
        found
    }

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert!(CODES.iter().all(|one| one.runbook.is_empty() || one.runbook.ends_with(".rhai")));
    }

    #[test]
    fn the_gravest_comes_first_and_suppression_is_obeyed() {
        let yaml = "{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {istio-injection: enabled, istio.io/rev: x}}}
---
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: r, namespace: a}, spec: {hosts: [b], http: [{route: [{destination: {host: b}}]}]}}";
        let found: Vec<_> = messages(&of(yaml)).iter().map(|one| one.code.code).collect();
        assert_eq!(found, ["IST0101", "IST0123"]);
        let quiet =
            yaml.replace("{name: r,", "{name: r, annotations: {galley.istio.io/analyze-suppress: 'IST0101,IST0109'},");
        let found: Vec<_> = messages(&of(&quiet)).iter().map(|one| one.code.code).collect();
        assert_eq!(found, ["IST0123"]);
    }

    #[test]
    fn a_filter_is_on_messages() {
        let about = |namespace: &str| Message {
            code: &REFERENCE,
            object: String::new(),
            namespace: namespace.into(),
            text: String::new(),
        };
        let all = vec![about("a"), about("b")];
        assert_eq!(Messages::new("a", Ok(all.clone()), 2).found().map(<[_]>::len).ok(), Some(1));
        assert_eq!(Messages::new("*", Ok(all), 2).found().map(<[_]>::len).ok(), Some(2));
    }
}
