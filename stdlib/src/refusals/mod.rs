//! The refusals: what circuit breakers on the way to a host refused in a span of time.

pub mod diagnose;
pub mod gather;
pub mod source;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Span, Table};
use serde_json::{Value, json};

use crate::host::Host;
use crate::proxy::{Proxy, Side};
use crate::rule::{Limits, Rule};
use crate::text::{and, count, figure};
pub use source::Source;

/// What circuit breakers refused.
#[derive(Clone, Debug)]
pub struct Refusals(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    span: Span,
    seen: Result<Seen, Missing>,
    notes: Vec<String>,
}

/// What was seen, where anything could be.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Who refused.
    pub groups: Vec<Group>,
    /// How many proxies were seen to refuse nothing.
    pub quiet: usize,
    /// The sources that were used.
    pub sources: Vec<Source>,
    /// The rules that set the limits, each once.
    pub rules: Vec<Rule>,
}

/// Proxies whose refusals are counted together: one proxy, or those of a workload where the source does not tell pods.
#[derive(Clone, Debug)]
pub struct Group {
    /// The proxies.
    pub members: Vec<Member>,
    /// What the source calls them, for when none of them could be found.
    pub name: String,
    /// Side, for people.
    pub side: Side,
    /// Requests that they refused in the span.
    pub refused: f64,
    /// Where the figure is from.
    pub source: Source,
}

/// A proxy that refuses.
#[derive(Clone, Debug)]
pub struct Member {
    /// Which.
    pub proxy: Proxy,
    /// The limits of its cluster; `None` if it could not be asked.
    pub limits: Option<Limits>,
    /// The rules that set them, as messages name them.
    pub rules: Vec<String>,
}

impl Refusals {
    /// What was found.
    pub fn new(host: Host, span: Span, seen: Result<Seen, Missing>, notes: Vec<String>) -> Self {
        Refusals(Arc::new(Inner { host, span, seen, notes }))
    }

    /// What was seen.
    ///
    /// # Errors
    /// `NO_DATA` with the reason, if nothing could be.
    pub fn seen(&self) -> Result<&Seen, Failure> {
        self.0
            .seen
            .as_ref()
            .map_err(|missing| missing.failure(&format!("what was refused on the way to {}", self.0.host.text())))
    }

    /// Why nothing could be seen, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }

    /// How many requests were refused.
    ///
    /// # Errors
    /// As [`Refusals::seen`].
    pub fn total(&self) -> Result<f64, Failure> {
        Ok(self.seen()?.groups.iter().map(|group| group.refused).sum())
    }

    /// The proxies that refuse.
    ///
    /// # Errors
    /// As [`Refusals::seen`].
    pub fn proxies(&self) -> Result<Vec<Proxy>, Failure> {
        Ok(self.seen()?.groups.iter().flat_map(|group| &group.members).map(|member| member.proxy.clone()).collect())
    }
}

impl Noun for Refusals {
    const NAME: &'static str = "Refusals";
    const DOC: &'static str = "What circuit breakers on the way to a host refused in a span of time, by proxy and side, with the source of each figure and the rules that set the limits. An increase between two reads, never a count since a proxy started. May be missing.";

    fn text(&self) -> String {
        let what = format!("refused in {} on the way to {}", self.0.span, self.0.host.text());
        match &self.0.seen {
            Err(missing) => format!("what was {what} has no data: {missing}"),
            Ok(seen) if seen.groups.is_empty() => format!("no request was {what}"),
            Ok(seen) => {
                let total: f64 = seen.groups.iter().map(|group| group.refused).sum();
                let of = |side| seen.groups.iter().filter(|g| g.side == side).map(|g| g.members.len()).sum::<usize>();
                let sides = [(of(Side::Caller), "callers"), (of(Side::Server), "servers")];
                let by = sides.iter().filter(|(proxies, _)| *proxies > 0);
                let by: Vec<_> = by.map(|(n, of)| format!("{} of {of}", count(*n, "proxy", "proxies"))).collect();
                format!("{} requests were {what} by {}", figure(total.round()), and(&by))
            }
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["PROXY", "SIDE", "REFUSED", "LIMITS", "SET BY", "SOURCE"]);
        if let Ok(seen) = &self.0.seen {
            for group in &seen.groups {
                rows(&mut table, group);
            }
            if seen.quiet > 0 {
                table.note(format!("{} refused nothing", count(seen.quiet, "other proxy", "other proxies")));
            }
            if seen.groups.is_empty() && !seen.sources.is_empty() {
                let sources: Vec<_> = seen.sources.iter().map(ToString::to_string).collect();
                table.note(format!("source: {}", and(&sources)));
            }
        }
        if table.rows.is_empty() {
            table.columns.clear();
        }
        table.notes.extend(self.0.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        let base = json!({ "host": self.0.host.fqdn(), "span": self.0.span.to_string(), "notes": self.0.notes });
        let rest = match &self.0.seen {
            Err(missing) => json!({ "missing": missing.to_string() }),
            Ok(seen) => json!({
                "refused": seen.groups.iter().map(|group| group.refused).sum::<f64>().round(),
                "by": seen.groups.iter().map(group_json).collect::<Vec<_>>(),
                "quiet": seen.quiet,
                "rules": seen.rules.iter().map(Noun::json).collect::<Vec<_>>(),
            }),
        };
        merged(base, rest)
    }

    fn same(&self, other: &Self) -> Result<bool, Failure> {
        self.seen()?;
        other.seen()?;
        Ok(self.json() == other.json())
    }
}

fn rows(table: &mut Table, group: &Group) {
    let refused = figure(group.refused.round());
    let cells = |proxy: String, refused: String, limits: String, rules: String| {
        [proxy, group.side.to_string(), refused, limits, rules, group.source.to_string()]
    };
    if group.members.is_empty() {
        table.row(cells(group.name.clone(), refused, "-".into(), "-".into()));
        return;
    }
    for (index, member) in group.members.iter().enumerate() {
        // Where the source does not tell pods apart, the figure is their sum and stands once.
        let refused = if index == 0 { refused.clone() } else { "with the above".into() };
        let limits = member.limits.map_or("not known".into(), |limits| limits.to_string());
        let rules = if member.rules.is_empty() { "no DestinationRule".into() } else { and(&member.rules) };
        table.row(cells(member.proxy.text(), refused, limits, rules));
    }
}

fn group_json(group: &Group) -> Value {
    let members: Vec<_> = group.members.iter().map(|member| json!({ "proxy": member.proxy.json(), "limits": member.limits.map(|limits| limits.json()), "rules": member.rules })).collect();
    json!({ "name": group.name, "side": group.side.to_string(), "refused": group.refused.round(), "source": group.source.to_string(), "proxies": members })
}

/// Two objects as one.
pub fn merged(mut base: Value, rest: Value) -> Value {
    if let (Some(base), Value::Object(rest)) = (base.as_object_mut(), rest) {
        base.extend(rest);
    }
    base
}
