//! Which route a request takes: the routes of a virtual host in the order in which Envoy tries them.
//!
//! Format and order: `envoy.config.route.v3.{Route,RouteMatch,HeaderMatcher}`; the first that fits is taken. What a request
//! of its own would need is not walked: query parameters, runtime fractions, gRPC. Such a route ends the walk without a
//! result, for it may be taken or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use regex::Regex;
use serde_json::{Value, json};

use super::Carried;
use crate::text::{count, some};

/// A synthetic request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its path, without a query.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// What a route does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its name; empty if it has none.
    pub route: String,
    /// Clusters with their shares, or what it answers itself.
    pub to: String,
    /// The whole time of a request.
    pub timeout: String,
    /// How often it is tried again, and when.
    pub retries: String,
}

/// What becomes of a request in each proxy.
#[derive(Clone, Debug)]
pub struct Walk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: String,
    asked: Asked,
    /// What becomes of it, and in which proxies.
    groups: Vec<(Result<Taken, String>, Vec<String>)>,
}

impl Walk {
    /// Walks the routes of every proxy.
    ///
    /// # Errors
    /// `NO_DATA` where nothing is known of the proxies.
    pub fn through(carried: &Carried, asked: Asked) -> Result<Self, Failure> {
        let key = format!("virtual host {}", carried.virtual_host());
        let mut groups: Vec<(Result<Taken, String>, Vec<String>)> = Vec::new();
        for (name, configuration) in carried.proxies()? {
            let taken = match configuration.get(&key) {
                Some(host) => walk(host, &asked),
                None => Err("it does not know the host".to_owned()),
            };
            match groups.iter_mut().find(|(known, _)| *known == taken) {
                Some((_, names)) => names.push(name.clone()),
                None => groups.push((taken, vec![name.clone()])),
            }
        }
        Ok(Walk(Arc::new(Inner { host: carried.host().to_owned(), asked, groups })))
    }

    /// Whether every proxy sends the request by the route of this name.
    pub fn takes(&self, route: &str) -> bool {
        let by =
            |(taken, _): &(Result<Taken, String>, Vec<String>)| taken.as_ref().is_ok_and(|taken| taken.route == route);
        !self.0.groups.is_empty() && self.0.groups.iter().all(by)
    }
}

/// The route of a virtual host that a request takes.
///
/// # Errors
/// Why none is taken, or why that cannot be told.
pub fn walk(host: &Value, asked: &Asked) -> Result<Taken, String> {
    for route in host.get("routes").and_then(Value::as_array).into_iter().flatten() {
        if fits(route.get("match").unwrap_or(&Value::Null), asked)? {
            return Ok(taken(route));
        }
    }
    Err("no route takes it: it is answered 404".into())
}

fn fits(matches: &Value, asked: &Asked) -> Result<bool, String> {
    for undecided in ["query_parameters", "grpc", "runtime_fraction", "dynamic_metadata", "tls_context"] {
        if matches.get(undecided).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty())) {
            return Err(format!("a route asks for {undecided}, which a request by path and headers does not say"));
        }
    }
    let ignores_case = matches.get("case_sensitive") == Some(&Value::Bool(false));
    let folded = |text: &str| if ignores_case { text.to_ascii_lowercase() } else { text.to_owned() };
    let path = folded(&asked.path);
    let of = |key: &str| matches.get(key).and_then(Value::as_str).map(folded);
    let path_fits = if let Some(exact) = of("path") {
        path == exact
    } else if let Some(prefix) = of("prefix") {
        path.starts_with(&prefix)
    } else if let Some(prefix) = of("path_separated_prefix") {
        path.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    } else if let Some(regex) = matches.pointer("/safe_regex/regex").and_then(Value::as_str) {
        is_whole_match(regex, &asked.path)?
    } else {
        return Err("a route matches paths in a way that is not known here".into());
    };
    if !path_fits {
        return Ok(false);
    }
    for header in matches.get("headers").and_then(Value::as_array).into_iter().flatten() {
        if !header_fits(header, asked)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn header_fits(header: &Value, asked: &Asked) -> Result<bool, String> {
    let name = header.get("name").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let value = match name.as_str() {
        ":method" => Some("GET"),
        ":path" => Some(asked.path.as_str()),
        _ => asked.headers.get(&name).map(String::as_str),
    };
    let inverted = header.get("invert_match") == Some(&Value::Bool(true));
    let found = if let Some(present) = header.get("present_match").and_then(Value::as_bool) {
        value.is_some() == present
    } else if let Some(how) = header.get("string_match") {
        let Some(value) = value else {
            // What is not there fits no text, inverted or not, unless it is treated as empty.
            return Ok(inverted && header.get("treat_missing_header_as_empty") == Some(&Value::Bool(true)));
        };
        let ignores_case = how.get("ignore_case") == Some(&Value::Bool(true));
        let folded = |text: &str| if ignores_case { text.to_ascii_lowercase() } else { text.to_owned() };
        let of = |key: &str| how.get(key).and_then(Value::as_str).map(folded);
        let own = folded(value);
        if let Some(exact) = of("exact") {
            own == exact
        } else if let Some(prefix) = of("prefix") {
            own.starts_with(&prefix)
        } else if let Some(suffix) = of("suffix") {
            own.ends_with(&suffix)
        } else if let Some(part) = of("contains") {
            own.contains(&part)
        } else if let Some(regex) = how.pointer("/safe_regex/regex").and_then(Value::as_str) {
            is_whole_match(regex, value)?
        } else {
            return Err(format!("a route matches the header {name} in a way that is not known here"));
        }
    } else {
        return Err(format!("a route matches the header {name} in a way that is not known here"));
    };
    Ok(found != inverted)
}

/// Envoy's regular expressions (RE2) match the whole text.
fn is_whole_match(regex: &str, text: &str) -> Result<bool, String> {
    let whole = Regex::new(&format!(r"\A(?:{regex})\z"))
        .map_err(|_| format!("the regular expression {} cannot be read", crate::text::first_line(regex)))?;
    Ok(whole.is_match(text))
}

fn taken(route: &Value) -> Taken {
    let text = |pointer: &str| route.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let weighted: Vec<String> = route
        .pointer("/route/weighted_clusters/clusters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|one| format!("{} {}", one["weight"], one["name"].as_str().unwrap_or_default()))
        .collect();
    let to = match (text("/route/cluster"), weighted.is_empty()) {
        (Some(cluster), _) => cluster,
        (None, false) => weighted.join(", "),
        (None, true) => route
            .pointer("/direct_response/status")
            .map_or_else(|| "a redirect".to_owned(), |status| format!("answers {status}")),
    };
    let retries = route.pointer("/route/retry_policy/num_retries").and_then(Value::as_u64).map_or_else(
        || "none".to_owned(),
        |times| format!("{times} on {}", text("/route/retry_policy/retry_on").unwrap_or_default()),
    );
    let timeout = text("/route/timeout").filter(|timeout| timeout != "0s").unwrap_or_else(|| "none".into());
    Taken { route: text("/name").unwrap_or_default(), to, timeout, retries }
}

impl Noun for Walk {
    const NAME: &'static str = "Walk";
    const DOC: &'static str = "Which route a request by path and headers takes in each proxy: the first of its virtual host that fits, as Envoy tries them, with the cluster, timeout and retries that it leads to.";

    fn text(&self) -> String {
        let inner = &*self.0;
        let one = |(taken, names): &(Result<Taken, String>, Vec<String>)| match taken {
            Ok(taken) => format!(
                "route {} to {} in {}",
                if taken.route.is_empty() { "without a name" } else { &taken.route },
                taken.to,
                count(names.len(), "proxy", "proxies")
            ),
            Err(why) => format!("{why} (in {})", some(names, 3)),
        };
        let all: Vec<String> = inner.groups.iter().map(one).collect();
        format!("{} of {}: {}", inner.asked.path, inner.host, all.join("; "))
    }

    fn table(&self) -> Table {
        let inner = &*self.0;
        let with: Vec<String> = inner.asked.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
        let mut table = Table::new(
            format!("GET {}{with} to {}", inner.asked.path, inner.host),
            &["PROXIES", "ROUTE", "TO", "TIMEOUT", "RETRIES"],
        );
        for (taken, names) in &inner.groups {
            let who = some(names, 3);
            match taken {
                Ok(taken) => table.row([
                    who,
                    taken.route.clone(),
                    taken.to.clone(),
                    taken.timeout.clone(),
                    taken.retries.clone(),
                ]),
                Err(why) => table.row([who, why.clone(), "-".into(), "-".into(), "-".into()]),
            };
        }
        table
    }

    fn json(&self) -> Value {
        let groups = self.0.groups.iter().map(|(taken, names)| match taken {
            Ok(taken) => json!({ "proxies": names, "route": taken.route, "to": taken.to, "timeout": taken.timeout, "retries": taken.retries }),
            Err(why) => json!({ "proxies": names, "none": why }),
        });
        json!({ "host": self.0.host, "path": self.0.asked.path, "taken": groups.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(path: &str, headers: &[(&str, &str)]) -> Asked {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Asked { path: path.into(), headers }
    }

    fn host(matches: Vec<Value>) -> Value {
        let routes: Vec<Value> = matches.into_iter().enumerate().map(|(index, fits)| json!({ "name": format!("r{index}"), "match": fits, "route": { "cluster": "c", "timeout": "10s" } })).collect();
        json!({ "routes": routes })
    }

    fn name(host: &Value, asked: &Asked) -> Result<String, String> {
        walk(host, asked).map(|taken| taken.route)
    }

    #[test]
    fn the_first_route_that_fits_is_taken() {
        let canary = json!({ "prefix": "/", "headers": [{ "name": "x-test", "string_match": { "exact": "canary" } }] });
        let host = host(vec![canary, json!({ "path": "/health" }), json!({ "prefix": "/" })]);
        assert_eq!(name(&host, &asked("/health", &[("x-test", "canary")])), Ok("r0".into()));
        assert_eq!(name(&host, &asked("/health", &[("x-test", "canar")])), Ok("r1".into()));
        assert_eq!(name(&host, &asked("/healthz", &[])), Ok("r2".into()));
    }

    #[test]
    fn paths_and_headers_in_every_form() {
        let header = |how: Value| json!({ "prefix": "/", "headers": [how] });
        let of = |how: Value, value: &str| name(&host(vec![header(how)]), &asked("/", &[("a", value)])).is_ok();
        assert!(of(json!({ "name": "A", "present_match": true }), "x"));
        assert!(!of(json!({ "name": "b", "present_match": true }), "x"));
        assert!(of(json!({ "name": "b", "present_match": true, "invert_match": true }), "x"));
        assert!(of(json!({ "name": "a", "string_match": { "safe_regex": { "regex": "x+" } } }), "xx"));
        assert!(!of(json!({ "name": "a", "string_match": { "safe_regex": { "regex": "x" } } }), "xx"), "a whole match");
        assert!(of(json!({ "name": "a", "string_match": { "prefix": "X", "ignore_case": true } }), "xy"));
        assert!(!of(json!({ "name": "b", "string_match": { "exact": "x" }, "invert_match": true }), "x"), "not there");
        let path = |fits: Value, path: &str| name(&host(vec![fits]), &asked(path, &[])).is_ok();
        assert!(
            path(json!({ "path_separated_prefix": "/a" }), "/a/b")
                && !path(json!({ "path_separated_prefix": "/a" }), "/ab")
        );
        assert!(path(json!({ "prefix": "/A", "case_sensitive": false }), "/ab"));
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let undecided = host(vec![json!({ "prefix": "/", "query_parameters": [{ "name": "v" }] })]);
        assert!(name(&undecided, &asked("/", &[])).is_err_and(|why| why.contains("query_parameters")));
        assert!(name(&host(vec![json!({ "path": "/x" })]), &asked("/", &[])).is_err_and(|why| why.contains("404")));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z_/()*+ ]{0,80}", regex in ".{0,20}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = walk(&value, &asked("/", &[]));
            }
            let _ = walk(&host(vec![json!({ "safe_regex": { "regex": regex } })]), &asked("/", &[]));
        }
    }
}
