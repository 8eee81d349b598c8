//! The certificates by which the proxies of a workload prove themselves, judged together.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span, Table};
use serde_json::{Value, json};

use crate::envoy::admin;
use crate::envoy::secrets::{Secrets, serial};
use crate::overview::gather::body;
use crate::proxies::Proxies;
use crate::text::{count, some};

/// The certificates of the proxies of a workload.
#[derive(Clone, Debug)]
pub struct Identities(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    of: String,
    now: Timestamp,
    proxies: Result<Vec<(String, Secrets)>, Missing>,
}

/// Asks these proxies. One that does not answer makes all of it missing.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run, proxies: &Proxies) -> Result<Identities, Failure> {
    let (of, now) = (proxies.of().to_owned(), run.now()?);
    if let Some(missing) = proxies.missing() {
        return Ok(Identities(Arc::new(Inner { of, now, proxies: Err(missing.clone()) })));
    }
    let pods = proxies.pods();
    let replies = run.read_all(pods.iter().map(|pod| admin::secrets(&pod.namespace, &pod.name)).collect());
    let (mut told, mut silent) = (Vec::new(), Vec::new());
    for (pod, reply) in pods.iter().zip(replies) {
        match body(reply)?.and_then(|page| Secrets::parse(&page)) {
            Ok(secrets) => told.push((pod.name.clone(), secrets)),
            Err(why) => silent.push(format!("{}: {why}", pod.name)),
        }
    }
    let proxies = if silent.is_empty() { Ok(told) } else { Err(Missing::Unreachable(some(&silent, 3))) };
    Ok(Identities(Arc::new(Inner { of, now, proxies })))
}

impl Identities {
    fn all(&self) -> Result<&[(String, Secrets)], Failure> {
        let what = || format!("the certificates of the proxies of {}", self.0.of);
        self.0.proxies.as_deref().map_err(|missing| missing.failure(&what()))
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.proxies.as_ref().err()
    }

    /// The proxies whose certificate ends within a span from the time when it was looked at, or has ended.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn ending_within(&self, span: Span) -> Result<Vec<String>, Failure> {
        let least = i64::try_from(span.0.as_secs()).unwrap_or(i64::MAX);
        let ends = |(_, secrets): &&(String, Secrets)| self.seconds_left(secrets) < least;
        Ok(self.all()?.iter().filter(ends).map(|(name, _)| name.clone()).collect())
    }

    /// Why these are not new ones in the place of others: a serial number that was there before, or a chain that does not
    /// lead to a root that the proxy trusts.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn not_replacing(&self, before: &Identities) -> Result<Option<String>, Failure> {
        let known: BTreeSet<&str> = before.all()?.iter().map(|(_, secrets)| secrets.own.serial.as_str()).collect();
        for (name, secrets) in self.all()? {
            if known.contains(secrets.own.serial.as_str()) {
                return Ok(Some(format!("{name} shows the certificate {} as before", secrets.own.serial)));
            }
            if !secrets.trusts(secrets) {
                return Ok(Some(format!("the chain of {name} leads to no root that it trusts")));
            }
            if secrets.own.is_expired(self.0.now) {
                return Ok(Some(format!("the certificate of {name} is out of its validity")));
            }
        }
        Ok(None)
    }

    fn seconds_left(&self, secrets: &Secrets) -> i64 {
        secrets.own.until.as_second() - self.0.now.as_second()
    }
}

/// `18h 20m`, as far as it matters.
fn left(seconds: i64) -> String {
    let minutes = seconds.abs() / 60;
    let span = match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    };
    if seconds < 0 { format!("ended {span} ago") } else { span }
}

impl Noun for Identities {
    const NAME: &'static str = "Identities";
    const DOC: &'static str = "The certificates by which the proxies of a workload prove themselves, with serial number, end of validity, and whether their chain leads to a root that the proxy trusts. May be missing.";

    fn text(&self) -> String {
        match &self.0.proxies {
            Err(missing) => format!("the certificates of the proxies of {} have no data: {missing}", self.0.of),
            Ok(proxies) => {
                let least = proxies.iter().map(|(_, secrets)| self.seconds_left(secrets)).min().unwrap_or_default();
                format!(
                    "{} of {}, the first to end: {}",
                    count(proxies.len(), "certificate", "certificates"),
                    self.0.of,
                    left(least)
                )
            }
        }
    }

    fn table(&self) -> Table {
        let Ok(proxies) = &self.0.proxies else { return Table::line(self.text()) };
        let mut table = Table::new(self.text(), &["PROXY", "SERIAL NUMBER", "NOT AFTER", "LEFT", "ROOT", "CHAIN"]);
        for (name, secrets) in proxies {
            let chain = if secrets.trusts(secrets) { "leads to its root" } else { "leads to no root that it trusts" };
            table.row([
                name.clone(),
                secrets.own.serial.clone(),
                secrets.own.until.to_string(),
                left(self.seconds_left(secrets)),
                serial(secrets.anchor()),
                chain.to_owned(),
            ]);
        }
        table
    }

    fn json(&self) -> Value {
        match &self.0.proxies {
            Err(missing) => json!({ "of": self.0.of, "missing": missing.to_string() }),
            Ok(proxies) => {
                let all = proxies.iter().map(|(name, secrets)| json!({ "proxy": name, "serial": secrets.own.serial, "not_before": secrets.own.from.to_string(), "not_after": secrets.own.until.to_string(), "trusted": secrets.trusts(secrets) }));
                json!({ "of": self.0.of, "certificates": all.collect::<Vec<_>>() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_reads_as_people_say_it() {
        assert_eq!([left(59), left(3_720), left(100_000), left(-7_200)], ["0m", "1h 2m", "1d 3h", "ended 2h 0m ago"]);
    }
}
