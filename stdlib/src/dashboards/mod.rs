//! Where the mesh's dashboards are, and whether they answer.

pub mod gather;
pub mod known;

use std::sync::Arc;

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::text::and;
use known::Known;

/// The dashboards that there are.
#[derive(Clone, Debug)]
pub struct Dashboards(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seen: Result<Vec<Dashboard>, Missing>,
    notes: Vec<String>,
}

/// One of the dashboards that meshbook knows.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// Which.
    pub known: &'static Known,
    /// Where it is; `None` if no Service looks like it.
    pub place: Option<Place>,
    /// Whether the configuration file says where it is. Of Prometheus and Jaeger only their answers tell.
    pub configured: bool,
    /// Whether it answers; why not.
    pub answers: Result<(), String>,
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// Its port.
    pub port: u16,
}

impl Dashboard {
    /// How to open it.
    fn open(&self) -> String {
        match &self.place {
            Some(_) if self.known.path.is_empty() => "-".into(),
            Some(place) => format!(
                "kubectl -n {} port-forward svc/{} {}:{}, then http://localhost:{}{}",
                place.namespace, place.service, self.known.port, place.port, self.known.port, self.known.path
            ),
            None => "-".into(),
        }
    }

    fn state(&self) -> String {
        match &self.answers {
            Ok(()) => "answers".into(),
            Err(why) if self.is_there() => format!("does not answer: {why}"),
            Err(why) => why.clone(),
        }
    }

    /// Whether it is there, well or not.
    pub fn is_there(&self) -> bool {
        self.place.is_some() || self.configured
    }
}

impl Dashboards {
    /// These dashboards.
    pub fn new(seen: Result<Vec<Dashboard>, Missing>, notes: Vec<String>) -> Self {
        Dashboards(Arc::new(Inner { seen, notes }))
    }

    /// Each that meshbook knows.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn seen(&self) -> Result<&[Dashboard], Failure> {
        self.0.seen.as_deref().map_err(|missing| missing.failure("where the dashboards are"))
    }

    /// One of them, by its name in any case.
    ///
    /// # Errors
    /// `NO_DATA` with the reason; `TYPE` for one that meshbook does not know.
    pub fn find(&self, name: &str) -> Result<&Dashboard, Failure> {
        let all = self.seen()?;
        all.iter().find(|one| one.known.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|one| one.known.name.to_owned()).collect();
            Failure::new(&TYPE, format!("`{}` is no dashboard that meshbook knows", crate::text::first_line(name)))
                .hint(format!("one of {}", and(&names)))
        })
    }

    /// Those that are there and do not answer.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn silent(&self) -> Result<Vec<&Dashboard>, Failure> {
        Ok(self.seen()?.iter().filter(|one| one.is_there() && one.answers.is_err()).collect())
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }
}

impl Noun for Dashboards {
    const NAME: &'static str = "Dashboards";
    const DOC: &'static str = "Where Prometheus, Grafana, Jaeger and Kiali are, and the OpenTelemetry collector if it was asked for; whether each answers, and how to open it. May be missing.";

    fn text(&self) -> String {
        let seen = match &self.0.seen {
            Err(missing) => return format!("the dashboards cannot be looked for: {missing}"),
            Ok(seen) => seen,
        };
        let names = |wanted: &dyn Fn(&&Dashboard) -> bool| {
            seen.iter().filter(wanted).map(|one| one.known.name.to_owned()).collect::<Vec<_>>()
        };
        let answering = names(&|one| one.answers.is_ok());
        let silent = names(&|one| one.is_there() && one.answers.is_err());
        let absent = names(&|one| !one.is_there() && one.answers.is_err());
        let mut parts = Vec::new();
        for (names, one, more) in [
            (answering, "answers", "answer"),
            (silent, "does not answer", "do not answer"),
            (absent, "is not there", "are not there"),
        ] {
            if !names.is_empty() {
                parts.push(format!("{} {}", and(&names), if names.len() == 1 { one } else { more }));
            }
        }
        parts.join("; ")
    }

    fn table(&self) -> Table {
        let Ok(seen) = &self.0.seen else { return Table::line(self.text()) };
        let mut table = Table::new(self.text(), &["DASHBOARD", "SERVICE", "STATE", "OPEN IT BY"]);
        for one in seen {
            let outside = if one.configured || one.answers.is_ok() { "(configured)" } else { "-" };
            let place =
                one.place.as_ref().map_or(outside.to_owned(), |place| format!("{}/{}", place.namespace, place.service));
            table.row([one.known.name.into(), place, one.state(), one.open()]);
        }
        table.notes.extend(self.0.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        match &self.0.seen {
            Err(missing) => json!({ "missing": missing.to_string() }),
            Ok(seen) => {
                let all = seen.iter().map(|one| json!({
                    "name": one.known.name,
                    "service": one.place.as_ref().map(|place| json!({ "namespace": place.namespace, "name": place.service, "port": place.port })),
                    "answers": one.answers.is_ok(),
                    "why_not": one.answers.as_ref().err(),
                    "open": one.place.as_ref().map(|_| one.open()),
                }));
                json!({ "dashboards": all.collect::<Vec<_>>() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::known::KNOWN;
    use super::*;

    #[test]
    fn what_answers_what_does_not_and_what_is_not_there() {
        let at = |index: usize, place: bool, answers: bool| Dashboard {
            known: &KNOWN[index],
            configured: false,
            place: place.then(|| Place { namespace: "monitoring".into(), service: "s".into(), port: 80 }),
            answers: if answers { Ok(()) } else { Err("no".into()) },
        };
        let all = Dashboards::new(
            Ok(vec![at(0, true, true), at(1, true, false), at(2, false, false), at(3, false, false)]),
            vec![],
        );
        assert_eq!(all.text(), "Prometheus answers; Grafana does not answer; Jaeger and Kiali are not there");
        assert_eq!(all.silent().map(|silent| silent.len()).ok(), Some(1));
        assert!(all.find("grafana").is_ok_and(|one| one.answers.is_err()) && all.find("zipkin").is_err());
        assert!(all.seen().is_ok_and(|seen| seen[1].open().contains("svc/s 3000:80, then http://localhost:3000/")));
    }
}
