//! curl, as far as a container of the lab runs it: its arguments, and what it prints by `--write-out`.
//!
//! What it prints is held against a real curl, see `testdata/curl`.

use std::fmt::Write as _;
use std::time::Duration;

/// What the arguments ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// `http` or `https`.
    pub scheme: String,
    /// The name that is asked.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The method.
    pub method: String,
    /// Path and query, as they are sent.
    pub path: String,
    /// Headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// How many requests the address expands to.
    pub count: u32,
    /// `--max-time`; none if absent.
    pub max_time: Option<Duration>,
    /// `--write-out`.
    pub format: String,
}

/// What came of one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transfer {
    /// `%{http_code}`, 0 if there was no answer.
    pub code: u16,
    /// `%{exitcode}`.
    pub exit: u16,
    /// `%{time_total}`.
    pub seconds: f64,
    /// Headers of the answer that somebody asks for.
    pub headers: Vec<(&'static str, String)>,
    /// `%{errormsg}`.
    pub error: String,
}

/// How curl ends that does not begin: its exit code, and what it prints to standard error.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal(pub u16, pub String);

/// An argument as a kubelet hands it on: `$$` is a `$`, and `$(NAME)` of a variable that is not there stays
/// (`k8s.io/kubernetes/third_party/forked/golang/expansion`).
pub fn expanded(argument: &str) -> String {
    let mut out = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..=at]);
        rest = rest[at + 1..].strip_prefix('$').unwrap_or(&rest[at + 1..]);
    }
    out + rest
}

impl Command {
    /// Reads arguments.
    ///
    /// # Errors
    /// How curl ends with what it does not understand.
    pub fn parse(arguments: &[String]) -> Result<Command, Refusal> {
        let (mut url, mut max_time, mut format, mut headers) = (None, None, String::new(), Vec::new());
        let mut method = "GET".to_owned();
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let mut value = || {
                let missing = format!(
                    "curl: option {word}: requires parameter\ncurl: try 'curl --help' or 'curl --manual' for more information\n"
                );
                words.next().ok_or(Refusal(2, missing))
            };
            match word {
                "--disable" | "-q" | "--silent" | "-s" | "--show-error" | "-S" | "--path-as-is" => {}
                "--head" | "-I" => "HEAD".clone_into(&mut method),
                "--request" | "-X" => value()?.clone_into(&mut method),
                "--noproxy" | "--output" | "-o" => drop(value()?),
                "--header" | "-H" => {
                    // `NAME;` is a header without a value.
                    let header = value()?;
                    let (name, value) = header.split_once(':').unwrap_or((header.trim_end_matches(';'), ""));
                    headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
                "--max-time" | "-m" => {
                    let text = value()?;
                    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds > 0.0);
                    let wrong = || Refusal(2, format!("curl: option {word}: expected a proper numerical parameter\n"));
                    max_time = Some(Duration::from_secs_f64(seconds.ok_or_else(wrong)?));
                }
                "--write-out" | "-w" => format = value()?.to_owned(),
                option if option.starts_with('-') => {
                    let text = format!(
                        "curl: option {option}: is unknown\ncurl: try 'curl --help' or 'curl --manual' for more information\n"
                    );
                    return Err(Refusal(2, text));
                }
                address => url = Some(address),
            }
        }
        let url = url.ok_or_else(|| Refusal(2, "curl: (2) no URL specified\n".into()))?;
        let bad = || Refusal(3, "curl: (3) URL using bad/illegal format or missing URL\n".into());
        let (url, count) = match url.split_once('#') {
            None => (url, 1),
            Some((url, fragment)) => (url, range(fragment).ok_or_else(bad)?),
        };
        if url.contains(['[', ']', '{', '}', ' ']) {
            // It would expand to several addresses, which the lab does not do.
            return Err(bad());
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| bad())?),
            None => (authority, if scheme == "https" { 443 } else { 80 }),
        };
        if host.is_empty() || !matches!(scheme, "http" | "https") {
            return Err(bad());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Command { scheme: scheme.into(), host: host.into(), port, method, path, headers, count, max_time, format })
    }

    /// What it prints of one request.
    pub fn print(&self, transfer: &Transfer) -> String {
        let mut out = String::new();
        let mut rest = self.format.as_str();
        while let Some(first) = rest.chars().next() {
            let escaped = [(r"\t", '\t'), (r"\n", '\n'), (r"\r", '\r'), ("%%", '%')];
            if let Some((code, c)) = escaped.iter().find(|(code, _)| rest.starts_with(code)) {
                out.push(*c);
                rest = &rest[code.len()..];
            } else if let Some((name, after)) = named(rest, "%header{") {
                let value = transfer.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
                out.push_str(value.map_or("", |(_, value)| value));
                rest = after;
            } else if let Some((name, after)) = named(rest, "%{") {
                let _ = match name {
                    "http_code" | "response_code" => write!(out, "{:03}", transfer.code),
                    "exitcode" => write!(out, "{}", transfer.exit),
                    "time_total" => write!(out, "{:.6}", transfer.seconds),
                    "errormsg" => write!(out, "{}", transfer.error),
                    // curl complains on standard error, and prints nothing in its place.
                    _ => Ok(()),
                };
                rest = after;
            } else {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        out
    }
}

/// The name between a beginning and the next `}`, and what follows.
fn named<'a>(text: &'a str, begins: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(begins)?.split_once('}')
}

/// `[1-5]`, the only expansion that the lab knows.
fn range(text: &str) -> Option<u32> {
    let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else {
        return (!text.contains(['[', ']', '{', '}'])).then_some(1);
    };
    let (from, to) = inner.split_once('-')?;
    let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
    to.checked_sub(from)?.checked_add(1).filter(|count| *count <= 1000)
}

impl Transfer {
    /// No answer, and curl's words for it.
    pub fn failed(exit: u16, seconds: f64, error: String) -> Transfer {
        Transfer { exit, seconds, error, ..Transfer::default() }
    }

    /// The name does not exist.
    pub fn unresolved(host: &str) -> Transfer {
        Transfer::failed(6, 0.002, format!("Could not resolve host: {host}"))
    }

    /// Nobody listens.
    pub fn refused(host: &str, port: u16) -> Transfer {
        Transfer::failed(
            7,
            0.0002,
            format!("Failed to connect to {host} port {port} after 0 ms: Couldn't connect to server"),
        )
    }

    /// The connection was reset before an answer came.
    pub fn reset(seconds: f64) -> Transfer {
        Transfer::failed(56, seconds, "Recv failure: Connection reset by peer".into())
    }

    /// The time of the request was up.
    pub fn timed_out(after: f64) -> Transfer {
        let millis = (after * 1000.0).floor();
        Transfer::failed(28, after, format!("Operation timed out after {millis} milliseconds with 0 bytes received"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    const FORMAT: &str = r"meshbook\t%{http_code}\t%{exitcode}\t%{time_total}\t%header{x-envoy-upstream-service-time}\t%header{server}\t%{errormsg}\n";

    /// The times of two lines differ, and how long a timeout says it took.
    fn without_times(line: &str) -> String {
        let mut fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        assert!(fields[3].parse::<f64>().is_ok() && fields[3].split_once('.').unwrap().1.len() == 6, "{line}");
        fields[3].clear();
        let digits = |word: &str| word.chars().all(|c| c.is_ascii_digit());
        let said: Vec<&str> = fields[6].split(' ').collect();
        let after = |at: usize| at > 0 && said[at - 1] == "after";
        fields[6] = said
            .iter()
            .enumerate()
            .map(|(at, word)| if after(at) && digits(word) { "N" } else { word })
            .collect::<Vec<_>>()
            .join(" ");
        fields.join("\t")
    }

    #[test]
    fn it_prints_what_a_real_curl_prints() {
        let command = Command::parse(&words(&["--write-out", FORMAT, "http://a/"])).unwrap();
        let answered = |code| Transfer {
            code,
            seconds: 0.003,
            headers: vec![("x-envoy-upstream-service-time", "3".into()), ("server", "envoy".into())],
            ..Transfer::default()
        };
        let transfers = [
            answered(200),
            answered(200),
            answered(503),
            Transfer::timed_out(1.0),
            Transfer::refused("127.0.0.1", 1),
            Transfer::unresolved("no-such-host.invalid"),
            Transfer::reset(0.002),
        ];
        let printed: String = transfers.iter().map(|transfer| command.print(transfer)).collect();
        let recorded = include_str!("../../../testdata/curl/printed.txt");
        assert_eq!(
            printed.lines().map(without_times).collect::<Vec<_>>(),
            recorded.lines().map(without_times).collect::<Vec<_>>()
        );
    }

    #[test]
    fn arguments_come_to_requests() {
        let all =
            ["--disable", "--noproxy", "*", "--max-time", "1.500", "--header", "a: b", "http://a.b:8080/x?y#[1-3]"];
        let command = Command::parse(&words(&all)).unwrap();
        assert_eq!((command.host.as_str(), command.port, command.path.as_str()), ("a.b", 8080, "/x?y"));
        assert_eq!(command.headers, [("a".to_owned(), "b".to_owned())]);
        assert_eq!((command.count, command.max_time), (3, Some(Duration::from_millis(1500))));
        assert_eq!(Command::parse(&words(&["https://a"])).unwrap().port, 443);
        for (line, code) in [
            (vec!["--no-such"], 2),
            (vec![], 2),
            (vec!["--max-time", "x", "http://a"], 2),
            (vec!["--max-time"], 2),
            (vec!["http://a/[1-2]"], 3),
            (vec!["http://a/#{b,c}"], 3),
            (vec!["http://a:nine/"], 3),
            (vec!["ftp://a/"], 3),
        ] {
            assert_eq!(Command::parse(&words(&line)).unwrap_err().0, code, "{line:?}");
        }
    }

    #[test]
    fn a_kubelet_reads_two_dollars_as_one() {
        for (given, handed_on) in
            [("a", "a"), ("$$(HOME)", "$(HOME)"), ("$(NONE)", "$(NONE)"), ("$$$$", "$$"), ("1$", "1$")]
        {
            assert_eq!(expanded(given), handed_on);
        }
    }
}
