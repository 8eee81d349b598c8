//! Log levels of processes in pods: a page that lists and sets them.

use super::pod;
use super::port_forward::Forwards;
use super::server::Server;
use super::status::printable;
use crate::change::levels;
use crate::effect::{LogLevels, Logger, PodRequest, Reply};
use crate::failure::{BAD_ANSWER, Failure, REJECTED, TYPE};

/// Lists the levels, or sets some first.
pub(super) async fn ask(
    server: &Server,
    forwards: &Forwards,
    of: &LogLevels,
    set: &[Logger],
) -> Result<Reply, Failure> {
    let request = PodRequest {
        namespace: of.namespace.clone(),
        pod: of.pod.clone(),
        port: of.port,
        method: "POST".into(),
        path: path(of, set)?,
        body: String::new(),
    };
    let object = of.object();
    let answer = pod::request(server, forwards, &request).await?;
    match answer {
        Reply::Http { status: 200, body } => {
            let loggers = parse(&body).ok_or_else(|| {
                Failure::new(&BAD_ANSWER, format!("{object}: its page lists no loggers: {}", first_line(&body)))
            })?;
            Ok(Reply::Json(levels::document(of, &loggers)))
        }
        Reply::Http { status, body } if (400..500).contains(&status) && !set.is_empty() => {
            Err(Failure::new(&REJECTED, format!("{object}: the process answered {status}: {}", first_line(&body))))
        }
        Reply::Http { status, body } => {
            Err(Failure::new(&BAD_ANSWER, format!("{object}: its page answered {status}: {}", first_line(&body))))
        }
        _ => Err(Failure::new(&BAD_ANSWER, format!("{object}: its port gave no HTTP answer"))),
    }
}

fn first_line(body: &str) -> String {
    printable(body.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing"))
}

/// Path and query. Names and levels hold no character that has a meaning in a query, so that none leaves its place.
fn path(of: &LogLevels, set: &[Logger]) -> Result<String, Failure> {
    if set.is_empty() {
        return Ok(of.path.clone());
    }
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
    };
    if let Some(wrong) = set.iter().flat_map(|one| [&one.name, &one.level]).find(|text| !plain(text)) {
        return Err(Failure::new(&TYPE, format!("`{}` is neither a logger nor a level", printable(wrong))));
    }
    let pairs: Vec<String> = set.iter().map(|one| format!("{}:{}", one.name, one.level)).collect();
    Ok(format!("{}?{}={}", of.path, of.parameter, pairs.join(",")))
}

/// The loggers of a page; `None` if it lists none.
pub fn parse(page: &str) -> Option<Vec<Logger>> {
    let (_, listed) = page.split_once('\n')?;
    let mut loggers = Vec::new();
    for line in listed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, level) = line.rsplit_once(": ")?;
        if name.contains(char::is_whitespace)
            || level.is_empty()
            || !level.bytes().all(|byte| byte.is_ascii_lowercase())
        {
            return None;
        }
        loggers.push(Logger { name: name.into(), level: level.into() });
    }
    (!loggers.is_empty()).then_some(loggers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use proptest::prelude::*;

    use super::*;

    fn levels() -> LogLevels {
        LogLevels {
            namespace: "summit".into(),
            pod: "front-1".into(),
            port: 15000,
            path: "/logging".into(),
            parameter: "paths".into(),
        }
    }

    fn logger(name: &str, level: &str) -> Logger {
        Logger { name: name.into(), level: level.into() }
    }

    #[test]
    fn a_page_is_read_and_its_query_is_built() {
        let page = "active loggers:\n  admin: warning\n  misc: error\n\n";
        assert_eq!(parse(page), Some(vec![logger("admin", "warning"), logger("misc", "error")]));
        for none in ["", "active loggers:\n", "error: unknown logger level\nusage: /logging?level=x (change all)\n"] {
            assert_eq!(parse(none), None, "{none}");
        }
        assert_eq!(path(&levels(), &[]).unwrap(), "/logging");
        let two = [logger("http", "debug"), logger("misc", "error")];
        assert_eq!(path(&levels(), &two).unwrap(), "/logging?paths=http:debug,misc:error");
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_place(name in "\\PC{0,12}", level in "[a-z]{0,6}") {
            let _ = parse(&name);
            if let Ok(path) = path(&levels(), &[logger(&name, &level)]) {
                prop_assert_eq!(path, format!("/logging?paths={name}:{level}"));
                prop_assert!(!name.contains(['&', '#', '%', ',', ':', ' ', '?', '=']));
            }
        }
    }
}
