//! The levels of the loggers of a workload's proxies.

pub mod gather;
pub mod set;
pub mod wanted;

use std::collections::BTreeMap;
use std::sync::Arc;

use meshbook_runtime::effect::Logger;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::text::{and, count, some};
use wanted::Wanted;

/// The levels of the loggers of some proxies, as they were when they were asked for.
#[derive(Clone, Debug)]
pub struct LogLevels(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    of: Vec<Told>,
    missing: Option<Missing>,
}

/// What one proxy told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its pod.
    pub pod: String,
    /// Its loggers.
    pub levels: Levels,
}

/// The levels of one proxy.
#[derive(Clone, Debug)]
pub enum Levels {
    /// Its loggers in the order of its page, and the document that a change of them starts from.
    Known(Vec<Logger>, Value),
    /// Its pod does not exist any more.
    Gone,
    /// Why it does not tell.
    Silent(String),
}

impl LogLevels {
    /// What these proxies told. `none` is why there is no proxy, if so.
    pub fn new(of: Vec<Told>, none: Option<Missing>) -> Self {
        let silent = of.iter().find_map(|one| match &one.levels {
            Levels::Silent(why) => Some(format!("{}: {why}", one.pod)),
            Levels::Gone => Some(format!("{} does not exist any more", one.pod)),
            Levels::Known(..) => None,
        });
        let any = of.iter().any(|one| matches!(one.levels, Levels::Known(..)));
        let missing = none.or_else(|| silent.filter(|_| !any).map(Missing::Unreachable));
        LogLevels(Arc::new(Inner { of, missing }))
    }

    /// What each proxy told.
    pub fn told(&self) -> &[Told] {
        &self.0.of
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.missing.as_ref()
    }

    fn known(&self) -> Result<(), Failure> {
        self.0.missing.as_ref().map_or(Ok(()), |missing| Err(missing.failure("the level of the loggers")))
    }

    /// Whether every proxy is at the wanted levels, and what was seen.
    ///
    /// # Errors
    /// `NO_DATA` if none tells; `TYPE` for a logger that Envoy does not have.
    pub fn are(&self, wanted: &Wanted) -> Result<(bool, String), Failure> {
        self.known()?;
        let mut others = Vec::new();
        for one in self.told() {
            match &one.levels {
                Levels::Known(loggers, _) => {
                    let differ = wanted.changes(loggers)?.len();
                    if differ > 0 {
                        others.push(format!("{} has {} at another level", one.pod, count(differ, "logger", "loggers")));
                    }
                }
                Levels::Silent(why) => others.push(format!("{} does not tell: {why}", one.pod)),
                Levels::Gone => {}
            }
        }
        Ok(verdict(others, &format!("{} at {}", self.text_of(), wanted.level())))
    }

    /// Whether every logger is at the level that it had, and what was seen.
    ///
    /// # Errors
    /// `NO_DATA` if nothing is known of one of the two.
    pub fn are_as(&self, before: &LogLevels) -> Result<(bool, String), Failure> {
        before.known()?;
        let now: BTreeMap<&str, &Levels> = self.told().iter().map(|one| (one.pod.as_str(), &one.levels)).collect();
        let mut others = Vec::new();
        for one in before.told() {
            let Levels::Known(had, _) = &one.levels else { continue };
            match now.get(one.pod.as_str()) {
                Some(Levels::Known(has, _)) => {
                    let differ: Vec<String> =
                        had.iter().filter(|logger| !has.contains(logger)).map(|logger| logger.name.clone()).collect();
                    if !differ.is_empty() {
                        others.push(format!("{} logs otherwise: {}", one.pod, some(&differ, 5)));
                    }
                }
                Some(Levels::Gone) => {}
                Some(Levels::Silent(why)) => others.push(format!("{} does not tell: {why}", one.pod)),
                None => others.push(format!("{} was not asked", one.pod)),
            }
        }
        Ok(verdict(others, &format!("{} as before", count(before.told().len(), "proxy logs", "proxies log"))))
    }

    fn text_of(&self) -> String {
        count(self.0.of.len(), "proxy logs", "proxies log")
    }
}

fn verdict(others: Vec<String>, good: &str) -> (bool, String) {
    if others.is_empty() { (true, good.to_owned()) } else { (false, some(&others, 3)) }
}

/// `70 loggers warning, 1 error`: the commonest level first.
fn summary(loggers: &[Logger]) -> String {
    let mut by_level: BTreeMap<&str, usize> = BTreeMap::new();
    for logger in loggers {
        *by_level.entry(&logger.level).or_default() += 1;
    }
    let mut levels: Vec<(&str, usize)> = by_level.into_iter().collect();
    levels.sort_by_key(|(level, number)| (std::cmp::Reverse(*number), *level));
    let parts: Vec<String> = levels
        .iter()
        .enumerate()
        .map(|(place, (level, number))| match place {
            0 => format!("{} {level}", count(*number, "logger", "loggers")),
            _ => format!("{number} {level}"),
        })
        .collect();
    parts.join(", ")
}

impl Noun for LogLevels {
    const NAME: &'static str = "LogLevels";
    const DOC: &'static str =
        "The level of every logger of some proxies, as Envoy's `/logging` lists them. May be missing.";

    fn text(&self) -> String {
        if let Some(missing) = &self.0.missing {
            return format!("the levels are not known: {missing}");
        }
        let mut alike: Vec<(String, usize)> = Vec::new();
        for one in self.told() {
            let Levels::Known(loggers, _) = &one.levels else { continue };
            let summary = summary(loggers);
            match alike.iter_mut().find(|(known, _)| *known == summary) {
                Some((_, number)) => *number += 1,
                None => alike.push((summary, 1)),
            }
        }
        let parts: Vec<_> = alike
            .iter()
            .map(|(summary, number)| format!("{}: {summary}", count(*number, "proxy", "proxies")))
            .collect();
        and(&parts)
    }

    fn table(&self) -> Table {
        if self.0.missing.is_some() {
            return Table::line(self.text());
        }
        let mut table = Table::new("log levels", &["PROXY", "LEVELS", "OTHERS THAN THE COMMONEST"]);
        for one in self.told() {
            match &one.levels {
                Levels::Known(loggers, _) => {
                    let summary = summary(loggers);
                    let commonest =
                        summary.split(',').next().and_then(|first| first.rsplit(' ').next()).unwrap_or_default();
                    let others: Vec<String> = loggers
                        .iter()
                        .filter(|logger| logger.level != commonest)
                        .map(|logger| format!("{} {}", logger.name, logger.level))
                        .collect();
                    let others = if others.is_empty() { "-".to_owned() } else { some(&others, 6) };
                    table.row([one.pod.clone(), summary.clone(), others]);
                }
                Levels::Gone => drop(table.note(format!("{} does not exist any more", one.pod))),
                Levels::Silent(why) => drop(table.note(format!("{} does not tell: {why}", one.pod))),
            }
        }
        table
    }

    fn json(&self) -> Value {
        let proxies: Vec<Value> = self
            .told()
            .iter()
            .map(|one| match &one.levels {
                Levels::Known(loggers, _) => json!({ "pod": one.pod, "loggers": loggers }),
                Levels::Gone => json!({ "pod": one.pod, "missing": "the pod does not exist any more" }),
                Levels::Silent(why) => json!({ "pod": one.pod, "missing": why }),
            })
            .collect();
        json!({ "proxies": proxies, "missing": self.0.missing.as_ref().map(ToString::to_string) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(pod: &str, levels: &[(&str, &str)]) -> Told {
        let loggers = levels.iter().map(|(name, level)| Logger { name: (*name).into(), level: (*level).into() });
        Told { pod: pod.into(), levels: Levels::Known(loggers.collect(), json!({})) }
    }

    #[test]
    fn what_differs_is_named() {
        let before = LogLevels::new(vec![known("a-1", &[("http", "warning"), ("misc", "error")])], None);
        let now = LogLevels::new(vec![known("a-1", &[("http", "debug"), ("misc", "error")])], None);
        assert_eq!(now.are_as(&before).ok(), Some((false, "a-1 logs otherwise: http".into())));
        assert_eq!(before.are_as(&before).ok(), Some((true, "1 proxy logs as before".into())));
        let debug = Wanted::parse("debug", "http").expect("a level");
        assert_eq!(now.are(&debug).ok().map(|(are, _)| are), Some(true));
        assert_eq!(before.are(&debug).ok().map(|(are, _)| are), Some(false));
        assert_eq!(now.text(), "1 proxy: 1 logger debug, 1 error");
    }

    #[test]
    fn a_pod_that_is_gone_took_its_levels_with_it_and_one_that_is_silent_did_not() {
        let before = LogLevels::new(vec![known("a-1", &[("http", "warning")])], None);
        let with = |levels| LogLevels::new(vec![Told { pod: "a-1".into(), levels }, known("a-2", &[])], None);
        assert_eq!(with(Levels::Gone).are_as(&before).ok().map(|(are, _)| are), Some(true));
        assert_eq!(with(Levels::Silent("no".into())).are_as(&before).ok().map(|(are, _)| are), Some(false));
        let nothing = LogLevels::new(vec![Told { pod: "a-1".into(), levels: Levels::Silent("no".into()) }], None);
        assert!(nothing.missing().is_some() && before.are_as(&nothing).expect_err("no data").is_no_data());
    }
}
