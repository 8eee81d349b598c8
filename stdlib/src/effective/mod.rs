//! Effective configuration: what applies to one caller and one host, and why.
//!
//! The rules of precedence stand where diagnoses use them too: `sidecar`, `route::lookup`, `rule::lookup`,
//! `rule::policy`, `peer_authentication`. Here they are asked, and their verdicts become one value.

pub mod caller;
pub mod gather;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::candidate::Candidate;
use crate::code::ROUTE;
use crate::host::Host;
use crate::peer_authentication::Mode;
use crate::route::Route;
use crate::rule::policy::Level;
use crate::rule::{Limits, Rule};
use crate::text::and;
use caller::Caller;

/// What applies to a caller and a host.
#[derive(Clone, Debug)]
pub struct Effective(Arc<Seen>);

/// What was found.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Who is called.
    pub host: Host,
    /// Who calls.
    pub caller: Caller,
    /// The port of the Service.
    pub port: u16,
    /// Whether the caller's proxy is told of the host: by what, or why not.
    pub known: Result<String, String>,
    /// The DestinationRules that apply, the one whose policy counts first.
    pub rules: Vec<Rule>,
    /// The route; why there is none.
    pub route: Result<Route, Failure>,
    /// What the rules set for each subset to which the route leads; `""` is the host without a subset.
    pub parts: Vec<Part>,
    /// What the server's pods accept; several if they differ.
    pub accepts: Result<Vec<Mode>, Missing>,
    /// Every candidate.
    pub candidates: Vec<Candidate>,
    /// What could not be seen, and what is decided elsewhere.
    pub notes: Vec<String>,
}

/// What the rules set for one cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The subset; empty for none.
    pub subset: String,
    /// The rule and the place of its connection pool, with its limits.
    pub pool: Option<(String, Level, Limits)>,
    /// The rule and the place of its TLS mode, with the mode.
    pub tls: Option<(String, Level, String)>,
}

impl Effective {
    /// What was found.
    pub fn new(seen: Seen) -> Self {
        Effective(Arc::new(seen))
    }

    /// What was found.
    pub fn seen(&self) -> &Seen {
        &self.0
    }

    /// The route that applies.
    ///
    /// # Errors
    /// `ROUTE` if none takes every request, or none can apply.
    pub fn route(&self) -> Result<Route, Failure> {
        self.0.route.clone()
    }

    /// What the rules set for a subset.
    ///
    /// # Errors
    /// `ROUTE` if the route leads to no such subset.
    pub fn part(&self, subset: &str) -> Result<&Part, Failure> {
        let parts = &self.0.parts;
        parts.iter().find(|part| part.subset == subset).ok_or_else(|| {
            let known: Vec<String> = parts.iter().map(|part| format!("`{}`", part.subset)).collect();
            Failure::new(
                &ROUTE,
                format!("{} has no subset `{}` that applies", self.0.host.text(), crate::text::first_line(subset)),
            )
            .hint(format!("it has {}", and(&known)))
        })
    }

    /// What the caller sends, by the rules: a mode of a DestinationRule, `automatic`, or `plain text` without a proxy.
    pub fn sends(&self, part: &Part) -> String {
        match (&part.tls, self.0.caller.has_proxy) {
            (_, false) => "plain text".into(),
            (Some((_, _, mode)), true) => mode.clone(),
            (None, true) => "automatic".into(),
        }
    }

    /// What the server's pods accept.
    ///
    /// # Errors
    /// `NO_DATA` if there is no pod.
    pub fn accepts(&self) -> Result<String, Failure> {
        let what = format!("what {} accepts", self.0.host.text());
        let modes = self.0.accepts.as_ref().map_err(|missing| missing.failure(&what))?;
        Ok(modes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "))
    }

    fn of_kind(&self, kind: &str) -> Option<String> {
        let all: Vec<String> = self
            .0
            .candidates
            .iter()
            .filter(|one| one.kind() == kind && one.applies())
            .map(|one| one.object().to_owned())
            .collect();
        (!all.is_empty()).then(|| and(&all))
    }

    fn summary(&self) -> Vec<[String; 3]> {
        let seen = &*self.0;
        let default = || "Istio's default".to_owned();
        let mut rows = Vec::new();
        let (word, by) = match &seen.known {
            Ok(by) => ("yes", by.clone()),
            Err(why) => ("no", why.clone()),
        };
        rows.push(["host known".to_owned(), word.to_owned(), by]);
        if !seen.caller.has_proxy {
            rows.push(["sends".into(), "plain text".into(), "no sidecar".into()]);
        } else if seen.known.is_ok() {
            match &seen.route {
                Ok(route) => {
                    let place = route.place();
                    let by = place.map_or_else(default, |place| format!("{}, {}", place.object, place.label));
                    rows.push(["route".into(), route.policy().text(), by]);
                }
                Err(why) => rows.push(["route".into(), "not one".into(), why.message.clone()]),
            }
            for part in &seen.parts {
                let of = |what: &str| match part.subset.as_str() {
                    "" => what.to_owned(),
                    subset => format!("{what}, {subset}"),
                };
                rows.push(match &part.pool {
                    Some((rule, level, limits)) => {
                        [of("limits"), limits.to_string(), format!("{rule}, {}", place(level))]
                    }
                    None => [of("limits"), "unlimited".into(), default()],
                });
                let by = part.tls.as_ref().map_or_else(default, |(rule, level, _)| format!("{rule}, {}", place(level)));
                rows.push([of("sends"), self.sends(part), by]);
            }
        }
        let accepted = match &seen.accepts {
            Ok(modes) => modes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
            Err(missing) => missing.to_string(),
        };
        rows.push(["accepts".into(), accepted, self.of_kind("PeerAuthentication").unwrap_or_else(default)]);
        rows
    }
}

/// The chain of precedence: a branch for each kind, and for each of its objects, those that count first above the
/// others, whether it applies and why.
fn tree(candidates: &[Candidate]) -> Vec<String> {
    let mut kinds: Vec<&str> = Vec::new();
    for one in candidates {
        if !kinds.contains(&one.kind()) {
            kinds.push(one.kind());
        }
    }
    let mut lines = Vec::new();
    for kind in kinds {
        lines.push(kind.to_owned());
        let mut of_kind = candidates.iter().filter(|one| one.kind() == kind).peekable();
        while let Some(one) = of_kind.next() {
            let branch = if of_kind.peek().is_some() { "├─" } else { "└─" };
            let verdict = if one.applies() { "+" } else { "-" };
            let object = one.object().strip_prefix(kind).map_or(one.object(), str::trim_start);
            lines.push(format!("{branch} {verdict} {object}: {}", one.why()));
        }
    }
    lines
}

/// Where in a rule's spec a policy stands: `subsets[v1].trafficPolicy`.
fn place(level: &Level) -> String {
    let path = level.to_string();
    path.trim_start_matches("spec.").trim_end_matches(".connectionPool").to_owned()
}

impl Noun for Effective {
    const NAME: &'static str = "Effective";
    const DOC: &'static str = "What of the mesh's configuration applies to one caller and one host: whether the caller's proxy knows the host (Sidecar), the route (VirtualService), limits and TLS (DestinationRule), what the server accepts (PeerAuthentication), and for every object that could apply why it does or does not. By the objects alone, as istiod would decide: whether a proxy has it already, `carries` tells.";

    fn text(&self) -> String {
        let seen = &*self.0;
        let way = format!("{} to {}:{}", seen.caller.text(), seen.host.text(), seen.port);
        if !seen.caller.has_proxy {
            return format!("{way}: the caller has no sidecar, so that nothing but the server's side applies");
        }
        if let Err(why) = &seen.known {
            return format!("{way}: the caller's proxy does not know the host: {why}");
        }
        let applying: Vec<String> = ["Sidecar", "VirtualService", "DestinationRule", "PeerAuthentication"]
            .into_iter()
            .filter_map(|kind| self.of_kind(kind))
            .collect();
        match applying.is_empty() {
            true => format!("{way}: no object applies, Istio's defaults hold"),
            false => format!("{way}: {}", and(&applying)),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["WHAT", "IS", "BY"]);
        for row in self.summary() {
            table.row(row);
        }
        table.notes.extend(tree(&self.0.candidates));
        table.notes.extend(self.0.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        let seen = &*self.0;
        let parts: Vec<_> = seen
            .parts
            .iter()
            .map(|part| {
                json!({
                    "subset": part.subset,
                    "limits": part.pool.as_ref().map(|(rule, level, limits)| json!({ "rule": rule, "where": level.to_string(), "limits": limits.json() })),
                    "sends": self.sends(part),
                    "tls": part.tls.as_ref().map(|(rule, level, mode)| json!({ "rule": rule, "where": crate::rule::tls::path(level), "mode": mode })),
                })
            })
            .collect();
        json!({
            "host": seen.host.fqdn(), "port": seen.port, "caller": seen.caller.text(), "sidecar": seen.caller.has_proxy,
            "known": seen.known.is_ok(), "known_by": seen.known.as_ref().unwrap_or_else(|why| why),
            "rules": seen.rules.iter().map(Noun::text).collect::<Vec<_>>(),
            "route": seen.route.as_ref().map_or(Value::Null, Noun::json),
            "subsets": parts,
            "accepts": seen.accepts.as_ref().map_or(Value::Null, |modes| json!(modes.iter().map(ToString::to_string).collect::<Vec<_>>())),
            "candidates": seen.candidates.iter().map(Noun::json).collect::<Vec<_>>(),
            "notes": seen.notes,
        })
    }
}
