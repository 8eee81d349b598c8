//! curl's arguments for some requests, and what it prints about each.
//!
//! `--write-out` is the contract (<https://curl.se/docs/manpage.html#-w>): one line for each request, of fields that tabs
//! separate. Arguments are a list that no shell reads.

use serde_json::{Value, json};

use super::asked::Asked;

/// Begins each line, so that nothing else in a log is taken for one.
const MARK: &str = "meshbook";

/// What is printed of each request. `%header{}` is of curl 7.84; the last field may hold anything.
const FORMAT: &str = r"meshbook\t%{http_code}\t%{exitcode}\t%{time_total}\t%header{x-envoy-upstream-service-time}\t%header{server}\t%{errormsg}\n";
/// The same with one header more before the last field; `NAME` stands for its name.
const WITH_HEADER: &str = r"meshbook+\t%{http_code}\t%{exitcode}\t%{time_total}\t%header{x-envoy-upstream-service-time}\t%header{server}\t%header{NAME}\t%{errormsg}\n";
/// Begins a line with one header more.
const MARK_WITH_HEADER: &str = "meshbook+";

/// One request's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its status; `None` if none came.
    pub status: Option<u16>,
    /// How long it took in all.
    pub seconds: f64,
    /// How long it took beyond the sidecar: `x-envoy-upstream-service-time`.
    pub upstream_seconds: Option<f64>,
    /// The header `server`.
    pub server: Option<String>,
    /// The header that was asked for.
    pub header: Option<String>,
    /// curl's exit code, and its words, if something went wrong.
    pub failure: Option<(u16, String)>,
}

impl Answer {
    /// Whether it was answered so, whole.
    pub fn is(&self, status: u16) -> bool {
        self.status == Some(status) && self.failure.is_none()
    }

    /// What people are told: `200`, or `no answer: Could not resolve host: a`.
    pub fn outcome(&self) -> String {
        match (self.status, &self.failure) {
            (Some(status), None) => status.to_string(),
            (Some(status), Some((code, why))) => format!("{status}, then {}", cause(*code, why)),
            (None, Some((code, why))) => format!("no answer: {}", cause(*code, why)),
            (None, None) => "no answer".into(),
        }
    }

    /// As it stands in the record.
    pub fn json(&self) -> Value {
        json!({
            "status": self.status, "seconds": self.seconds, "upstream_seconds": self.upstream_seconds,
            "server": self.server, "header": self.header, "curl": self.failure.as_ref().map(|(code, why)| json!({ "code": code, "said": why })),
        })
    }
}

/// curl's words without the figures that differ from request to request: how long a timeout took it says twice.
fn cause(code: u16, why: &str) -> String {
    match code {
        28 => "timed out".into(),
        _ if why.is_empty() => format!("curl ended by {code}"),
        _ => why.split(" after ").next().unwrap_or(why).to_owned(),
    }
}

/// The arguments of curl.
pub fn arguments(asked: &Asked) -> Vec<String> {
    // A configuration file or a proxy of the image's environment would make other requests than these.
    let mut arguments: Vec<String> =
        ["--disable", "--noproxy", "*", "--silent", "--path-as-is", "--output", "/dev/null"]
            .map(str::to_owned)
            .to_vec();
    let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    add("--max-time", format!("{:.3}", asked.timeout.as_secs_f64()));
    let format = asked.header.as_ref().map_or_else(|| FORMAT.into(), |name| WITH_HEADER.replace("NAME", name));
    add("--write-out", format);
    if !matches!(asked.method.as_str(), "GET" | "HEAD") {
        add("--request", asked.method.clone());
    }
    for (name, value) in &asked.headers {
        // `name:` alone would take a header away.
        add("--header", if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") });
    }
    if asked.method == "HEAD" {
        arguments.push("--head".into());
    }
    arguments.push(format!("{}#[1-{}]", asked.url, asked.count));
    arguments
}

/// The answers in what curl printed.
pub fn read(printed: &str) -> Vec<Answer> {
    printed.lines().filter_map(answer).collect()
}

fn answer(line: &str) -> Option<Answer> {
    let more = line.starts_with(MARK_WITH_HEADER);
    let mut fields = line.splitn(if more { 8 } else { 7 }, '\t');
    if fields.next()? != if more { MARK_WITH_HEADER } else { MARK } {
        return None;
    }
    let status: u16 = fields.next()?.parse().ok()?;
    let code: u16 = fields.next()?.parse().ok()?;
    let seconds: f64 = fields.next()?.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)?;
    let upstream = fields.next()?.parse::<u32>().ok();
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let server = given(fields.next()?);
    let header = if more { given(fields.next()?) } else { None };
    let said = fields.next().unwrap_or_default();
    Some(Answer {
        status: (status > 0).then_some(status),
        seconds,
        upstream_seconds: upstream.map(|millis| f64::from(millis) / 1000.0),
        server,
        header,
        failure: (code > 0).then(|| (code, said.to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arguments_are_a_list() {
        let asked = Asked {
            url: "http://a:80/x".into(),
            method: "HEAD".into(),
            headers: vec![("x-a".into(), "b; $(c)".into()), ("x-e".into(), String::new())],
            count: 3,
            timeout: Duration::from_millis(1500),
            image: None,
            header: None,
        };
        let arguments = arguments(&asked);
        assert_eq!(arguments[0], "--disable", "it counts only where it stands first");
        assert!(arguments.windows(2).any(|two| two == ["--max-time", "1.500"]));
        assert!(arguments.windows(2).any(|two| two == ["--header", "x-a: b; $(c)"]));
        assert!(arguments.windows(2).any(|two| two == ["--header", "x-e;"]));
        assert_eq!(arguments.last().map(String::as_str), Some("http://a:80/x#[1-3]"));
        assert!(!arguments.contains(&"--request".to_owned()) && arguments.contains(&"--head".to_owned()));
    }

    #[test]
    fn what_curl_has_printed_is_read() {
        let printed = include_str!("../../testdata/curl/printed.txt");
        let answers = read(printed);
        let outcomes: Vec<String> = answers.iter().map(Answer::outcome).collect();
        assert_eq!(
            outcomes,
            [
                "200",
                "200",
                "503",
                "no answer: timed out",
                "no answer: Failed to connect to 127.0.0.1 port 1",
                "no answer: Could not resolve host: no-such-host.invalid",
                "no answer: Recv failure: Connection reset by peer",
            ]
        );
        assert_eq!(answers[0].upstream_seconds, Some(0.003));
        assert_eq!(answers[0].server.as_deref(), Some("envoy"));
        assert!(answers[0].is(200) && !answers[3].is(200) && answers[3].seconds > 1.0);
    }

    proptest! {
        #[test]
        fn nothing_panics_and_only_marked_lines_count(text in "(meshbook)?[\t0-9a-z. \n]{0,80}") {
            let answers = read(&text);
            prop_assert!(answers.len() <= text.lines().filter(|line| line.starts_with(MARK)).count());
        }
    }
}
