//! What a script asks for: an address, and the options beside it.

use std::time::Duration;

use meshbook_runtime::failure::{Failure, TYPE, nearest};
use meshbook_runtime::noun::{Noun, a_type};
use meshbook_runtime::primitive::Invocation;
use meshbook_runtime::record::redact;
use meshbook_runtime::value::Span;
use rhai::{Dynamic, Map};
use serde_json::json;

use super::address;
use crate::code::HOST_PORT;
use crate::host::Host;
use crate::text::{first_line, some};

/// The most requests of one call, so that a typing error is no load test.
const MOST: i64 = 100;
/// The longest that one request may take.
const LONGEST: Duration = Duration::from_secs(300);
/// What can stand in the options.
const OPTIONS: [&str; 7] = ["method", "headers", "count", "timeout", "port", "image", "header"];
/// Methods without a body of the request. The first three are safe (RFC 9110, 9.2.1): they change nothing.
const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// Some requests, all alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where to.
    pub url: String,
    /// `GET`.
    pub method: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// How many, one after the other.
    pub count: u32,
    /// What each may take.
    pub timeout: Duration,
    /// The image with curl, if the script names one.
    pub image: Option<String>,
    /// The header of the answers that is kept beside `server`, its name in lower case.
    pub header: Option<String>,
}

impl Asked {
    /// Reads the arguments of a primitive that takes `to`, and optionally `path` and `options`.
    ///
    /// # Errors
    /// As of [`Asked::of`].
    pub fn of_call(call: &Invocation<'_>) -> Result<Self, Failure> {
        let path = if call.given(1) { call.string(1)? } else { "/".to_owned() };
        let options = if call.given(2) { call.map(2)? } else { Map::new() };
        Asked::of(&call.any(0), &path, &options)
    }

    /// Reads the arguments of a call.
    ///
    /// # Errors
    /// `TYPE` with what is wrong; `HOST_PORT` if a host has several ports, or not the one that is named.
    pub fn of(to: &Dynamic, path: &str, options: &Map) -> Result<Self, Failure> {
        if let Some(key) = options.keys().find(|key| !OPTIONS.contains(&key.as_str())) {
            let failure = refused(format!("a request has no `{}`", first_line(key)));
            return Err(match nearest(key, OPTIONS.iter().copied()) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(format!("it has {}", OPTIONS.join(", "))),
            });
        }
        let given = |name: &str| options.get(name).filter(|value| !value.is_unit());
        let port = given("port").map(|value| whole("port", value, 65535)).transpose()?;
        let authority = match (to.clone().try_cast::<Host>(), to.clone().into_string()) {
            (Some(host), _) => format!("http://{}:{}", host.text(), port_of(&host, port)?),
            (None, Ok(text)) if port.is_none() => address::authority(&text)?,
            (None, Ok(_)) => {
                return Err(
                    refused("`port` is for a host; an address names its own".into()).hint("write \"NAME:PORT\"")
                );
            }
            (None, Err(_)) => {
                return Err(refused(format!("`to` must be a host or an address, not {}", a_type(to)))
                    .hint("write host(\"NAME\"), or \"NAME:PORT\""));
            }
        };
        Ok(Asked {
            url: format!("{authority}{}", address::path(path)?),
            method: given("method").map_or(Ok("GET".to_owned()), method)?,
            headers: given("headers").map_or(Ok(Vec::new()), headers)?,
            count: given("count").map_or(Ok(1), |value| whole("count", value, MOST))?,
            timeout: given("timeout").map_or(Ok(Duration::from_secs(10)), timeout)?,
            image: given("image").map(image).transpose()?,
            header: given("header").map(header_name).transpose()?,
        })
    }

    /// `5 GET http://graph-core.summit:8080/`.
    pub fn what(&self) -> String {
        format!("{} {} {}", self.count, self.method, self.url)
    }

    /// Whether its method is one that changes nothing.
    pub fn is_safe(&self) -> bool {
        METHODS[..3].contains(&self.method.as_str())
    }

    /// The longest that all of them take together.
    pub fn longest(&self) -> Duration {
        self.timeout * self.count
    }
}

fn refused(what: String) -> Failure {
    Failure::new(&TYPE, what)
        .unchanged("no request was made")
        .hint("correct it in the script or its parameters; `Workload.request` in docs/reference.md says what each option takes")
}

fn port_of(host: &Host, wanted: Option<u32>) -> Result<u16, Failure> {
    let ports: Vec<u16> = host.ports().iter().map(|port| port.number).collect();
    let found = match (wanted, ports.as_slice()) {
        (Some(wanted), ports) => ports.iter().find(|port| u32::from(**port) == wanted),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    found.copied().ok_or_else(|| {
        let has: Vec<String> = ports.iter().map(u16::to_string).collect();
        let what = match wanted {
            Some(wanted) => format!("{} has no port {wanted}", host.text()),
            None => format!("{} has {} ports, and it is not said which is asked", host.text(), ports.len()),
        };
        Failure::new(&HOST_PORT, what)
            .unchanged("no request was made")
            .hint(format!("write #{{ port: … }} with one of: {}", some(&has, 8)))
    })
}

fn whole(name: &str, value: &Dynamic, most: i64) -> Result<u32, Failure> {
    let number = value.as_int().ok().filter(|number| (1..=most).contains(number));
    number
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| refused(format!("`{name}` must be a whole number from 1 to {most}, not {}", seen(value))))
}

/// A value as a message shows it.
fn seen(value: &Dynamic) -> String {
    value.as_int().map_or_else(|_| a_type(value), |number| number.to_string())
}

fn text(name: &str, value: &Dynamic) -> Result<String, Failure> {
    value.clone().into_string().map_err(|_| refused(format!("`{name}` must be a string, not {}", a_type(value))))
}

fn method(value: &Dynamic) -> Result<String, Failure> {
    let named = text("method", value)?;
    if METHODS.contains(&named.as_str()) {
        return Ok(named);
    }
    Err(refused(format!("`{}` is no method that can be asked for", first_line(&named)))
        .hint(format!("write one of {}", METHODS.join(", "))))
}

fn timeout(value: &Dynamic) -> Result<Duration, Failure> {
    let written = value.clone().into_string().ok().and_then(|text| text.parse().ok());
    let span = value.clone().try_cast::<Span>().or(written);
    span.map(|span| span.0).filter(|span| *span <= LONGEST).ok_or_else(|| {
        refused("`timeout` must be a duration up to 5m".into()).hint("write for example \"2s\", or over(\"2s\")")
    })
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

/// The header of the answers that is kept. One that carries a session would stand in the record for everybody to read.
fn header_name(value: &Dynamic) -> Result<String, Failure> {
    let name = text("header", value)?.to_ascii_lowercase();
    if !is_token(&name) || name.contains(['%', '`']) {
        return Err(refused(format!("`{}` is no header's name", first_line(&name))));
    }
    if name.starts_with("set-cookie") || is_secret(&name, "x") {
        return Err(refused(format!("header `{name}` is a credential, and would be readable by everybody")));
    }
    Ok(name)
}

/// Names are tokens and values are printable (RFC 9110, 5.1 and 5.5), so that one is one line.
fn headers(value: &Dynamic) -> Result<Vec<(String, String)>, Failure> {
    let Some(map) = value.read_lock::<Map>() else {
        return Err(refused(format!("`headers` must be a map, not {}", a_type(value)))
            .hint("write #{ \"x-test\": \"canary\" }"));
    };
    let mut headers = Vec::new();
    for (name, value) in map.iter() {
        let value = text(name, value)?;
        if !is_token(name) {
            return Err(refused(format!("`{}` is no header's name", first_line(name))));
        }
        if value.chars().any(char::is_control) {
            return Err(refused(format!("the value of header `{name}` holds a control character")));
        }
        if is_secret(name, &value) {
            return Err(refused(format!("header `{name}` is a credential, and would be readable by everybody"))
                .hint("what a pod is made for stands in its specification, in the record and in the API server's audit log: ask for a path that needs no credential"));
        }
        headers.push((name.to_string(), value));
    }
    Ok(headers)
}

/// Whether the record would have to hide it.
fn is_secret(name: &str, value: &str) -> bool {
    let mut map = json!({ name: value });
    redact::value(&mut map);
    let line = format!("{name}: {value}");
    map[name] != value || redact::text(&line) != line || name.eq_ignore_ascii_case("proxy-authorization")
}

/// An image's reference is taken as it is, but for what none can hold.
fn image(value: &Dynamic) -> Result<String, Failure> {
    let image = text("image", value)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "./:@_-".contains(c);
    if image.is_empty() || !image.chars().all(allowed) {
        return Err(refused(format!("`{}` is no image", first_line(&image))));
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::graph_core;

    fn asked(to: impl Into<Dynamic>, options: &[(&str, Dynamic)]) -> Result<Asked, Failure> {
        let options: Map = options.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        Asked::of(&to.into(), "/a", &options)
    }

    #[test]
    fn what_is_not_said_is_one_get() {
        let one = asked("front:8080", &[]).expect("a request");
        assert_eq!(one.what(), "1 GET http://front:8080/a");
        assert_eq!((one.timeout, one.is_safe(), one.image), (Duration::from_secs(10), true, None));
        let host = Dynamic::from(graph_core());
        assert!(asked(host.clone(), &[]).expect_err("two ports").is(&HOST_PORT));
        let by_port = asked(host.clone(), &[("port", 8080_i64.into())]).expect("a request");
        assert_eq!(by_port.url, "http://graph-core.summit:8080/a");
        assert!(asked(host, &[("port", 81_i64.into())]).expect_err("no such port").is(&HOST_PORT));
    }

    #[test]
    fn wrong_options_say_what_is_wrong() {
        let headers = |name: &str, value: &str| {
            let map: Map = [(name.into(), value.to_owned().into())].into_iter().collect();
            vec![("headers", Dynamic::from(map))]
        };
        for (options, why) in [
            (vec![("counts", 1_i64.into())], "has no `counts`"),
            (vec![("count", 0_i64.into())], "from 1 to 100, not 0"),
            (vec![("count", 101_i64.into())], "not 101"),
            (vec![("method", "TRACE".into())], "is no method"),
            (vec![("timeout", "1h".into())], "up to 5m"),
            (vec![("image", "a b".into())], "is no image"),
            (vec![("port", 80_i64.into())], "is for a host"),
            (vec![("header", "x y".into())], "no header's name"),
            (vec![("header", "Set-Cookie".into())], "is a credential"),
            (headers("x y", "a"), "no header's name"),
            (headers("@file", "a"), "no header's name"),
            (headers("x", "a\r\ny: b"), "control character"),
            (headers("Authorization", "Bearer abcdefghijkl"), "is a credential"),
            (headers("cookie", "a=b"), "is a credential"),
            (headers("x-api-key", "a"), "is a credential"),
        ] {
            let failure = asked("front", &options).expect_err(why);
            assert!(failure.message.contains(why), "{} says {why}", failure.message);
            assert_eq!(failure.unchanged.as_deref(), Some("no request was made"));
        }
    }
}
