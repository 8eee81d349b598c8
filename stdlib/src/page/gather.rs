//! How a page of several proxies is gathered: each is asked at once, and one that does not answer fails no other.

use meshbook_runtime::effect::Effect;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Invocation, Param, Type};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;

use super::{Page, Row, Seen};
use crate::descriptor::optional;
use crate::overview::gather::body;
use crate::proxies::Proxies;
use crate::text::{count, first_line, some};

/// What a page that is asked for by name takes.
pub const NAME: &[Param] =
    &[optional("name", Type::String, "\"\"", "a part of their names, taken as it is; all if empty")];

/// Which page, and how it is read.
pub struct Ask<'a> {
    /// `clusters`.
    pub what: String,
    /// Headings.
    pub columns: &'static [&'static str],
    /// The request, by namespace and pod.
    pub page: &'a dyn Fn(&str, &str) -> Effect,
    /// The rows of a page.
    pub read: &'a dyn Fn(&str) -> Result<Vec<Row>, String>,
    /// What no rows at all mean; `None` where that is an answer.
    pub empty: Option<String>,
    /// What the page leaves out.
    pub notes: Vec<String>,
}

/// Asks the proxies of a call for the part of a page that its first parameter, [`NAME`], names; `page` makes the request by
/// namespace, pod and that name.
///
/// # Errors
/// What a script may not handle.
pub fn by_name(
    call: &Invocation<'_>,
    what: &str,
    columns: &'static [&'static str],
    page: &dyn Fn(&str, &str, &str) -> Effect,
    read: &dyn Fn(&str) -> Result<Vec<Row>, String>,
) -> Result<Page, Failure> {
    let name = if call.given(0) { call.string(0)? } else { String::new() };
    let ask = Ask {
        what: what.into(),
        columns,
        page: &|namespace, pod| page(namespace, pod, &name),
        read,
        empty: nothing_named(&name),
        notes: Vec::new(),
    };
    gather(call.run(), &call.receiver::<Proxies>()?, ask)
}

/// What no rows mean where a part of a name was given.
pub fn nothing_named(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| format!("no name holds `{}`", first_line(name)))
}

/// Asks these proxies for a page.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run, proxies: &Proxies, ask: Ask<'_>) -> Result<Page, Failure> {
    let mut seen = Seen {
        what: ask.what,
        of: proxies.of().to_owned(),
        columns: ask.columns,
        who: "proxy",
        told: Vec::new(),
        silent: Vec::new(),
        notes: ask.notes,
        missing: proxies.missing().cloned(),
    };
    let pods = proxies.pods();
    if pods.is_empty() {
        return Ok(Page::new(seen));
    }
    if pods.len() > 1 {
        run.progress(Some(&format!("asking {} for {}", count(pods.len(), "proxy", "proxies"), seen.what)));
    }
    let replies = run.read_all(pods.iter().map(|pod| (ask.page)(&pod.namespace, &pod.name)).collect());
    run.progress(None);
    for (pod, reply) in pods.iter().zip(replies) {
        match body(reply)?.and_then(|page| (ask.read)(&page)) {
            Ok(rows) => seen.told.push((pod.name.clone(), rows)),
            Err(why) => seen.silent.push(format!("{}: {why}", pod.name)),
        }
    }
    if seen.told.is_empty() {
        seen.missing = Some(Missing::Unreachable(some(&seen.silent, 3)));
    } else if seen.told.iter().all(|(_, rows)| rows.is_empty()) {
        seen.missing = ask.empty.map(Missing::NotExported);
    }
    Ok(Page::new(seen))
}
