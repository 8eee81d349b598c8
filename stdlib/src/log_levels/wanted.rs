//! Which loggers shall be at which level.

use meshbook_runtime::effect::Logger;
use meshbook_runtime::failure::{Failure, TYPE, nearest};
use meshbook_runtime::primitive::Invocation;

use crate::text::{first_line, some};

/// Envoy's levels, as its pages write them (`source/common/common/logger.h`). `warn` is taken for `warning`.
const LEVELS: [&str; 7] = ["trace", "debug", "info", "warning", "error", "critical", "off"];

/// Some loggers, or all, and a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    level: &'static str,
    /// `None` is all of them.
    names: Option<Vec<String>>,
}

/// The names of loggers in an argument that may be left out: then all of them are meant.
///
/// # Errors
/// As [`Invocation::string`].
pub fn loggers(call: &Invocation<'_>, index: usize) -> Result<String, Failure> {
    if call.given(index) { call.string(index) } else { Ok("all".into()) }
}

impl Wanted {
    /// Reads a level, and names by commas or `all`.
    ///
    /// # Errors
    /// `TYPE` for what is no level, or no name.
    pub fn parse(level: &str, loggers: &str) -> Result<Self, Failure> {
        let written = if level == "warn" { "warning" } else { level };
        let Some(level) = LEVELS.into_iter().find(|known| *known == written) else {
            let hint = match level {
                "none" => "to log nothing is `off`".to_owned(),
                _ => format!("one of {}", LEVELS.join(", ")),
            };
            return Err(Failure::new(&TYPE, format!("`{}` is no level of Envoy's loggers", first_line(level)))
                .unchanged("no level was changed")
                .hint(hint));
        };
        if loggers.trim() == "all" {
            return Ok(Wanted { level, names: None });
        }
        let names: Vec<String> =
            loggers.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if names.is_empty() {
            return Err(Failure::new(&TYPE, "no logger is named")
                .unchanged("no level was changed")
                .hint("name some by commas, for example `http,router`, or `all`"));
        }
        Ok(Wanted { level, names: Some(names) })
    }

    /// The level.
    pub fn level(&self) -> &str {
        self.level
    }

    /// In a sentence: `http and router debug`.
    pub fn text(&self) -> String {
        match &self.names {
            None => format!("all loggers {}", self.level),
            Some(names) => format!("{} {}", some(names, 4), self.level),
        }
    }

    /// Of these loggers those that are not at the level yet, with that level.
    ///
    /// # Errors
    /// `TYPE` for a name that is not among them, with the nearest.
    pub fn changes(&self, loggers: &[Logger]) -> Result<Vec<Logger>, Failure> {
        if let Some(unknown) = self.names.iter().flatten().find(|name| !loggers.iter().any(|one| one.name == **name)) {
            let failure = Failure::new(&TYPE, format!("Envoy has no logger `{}`", first_line(unknown)))
                .unchanged("no level was changed");
            return Err(match nearest(unknown, loggers.iter().map(|one| one.name.as_str())) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`show(proxies(…).log_levels())` lists them in `-o json`"),
            });
        }
        let is_named = |logger: &&Logger| self.names.as_ref().is_none_or(|names| names.contains(&logger.name));
        Ok(loggers
            .iter()
            .filter(is_named)
            .filter(|logger| logger.level != self.level)
            .map(|logger| Logger { name: logger.name.clone(), level: self.level.into() })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn loggers() -> Vec<Logger> {
        let logger = |name: &str, level: &str| Logger { name: name.into(), level: level.into() };
        vec![logger("http", "warning"), logger("misc", "error"), logger("router", "debug")]
    }

    #[test]
    fn only_what_is_named_and_differs_changes() {
        let changes = |level: &str, names: &str| {
            let wanted = Wanted::parse(level, names).expect("a level");
            wanted.changes(&loggers()).map(|all| all.into_iter().map(|one| one.name).collect::<Vec<_>>())
        };
        assert_eq!(changes("debug", "http, router").ok(), Some(vec!["http".into()]));
        assert_eq!(changes("warn", "all").ok(), Some(vec!["misc".into(), "router".into()]));
        let failure = changes("debug", "htpp").expect_err("no such logger");
        assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("http")), "{failure:?}");
    }

    #[test]
    fn none_is_off_and_nothing_is_not_all() {
        let failure = Wanted::parse("none", "all").expect_err("no level");
        assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("`off`")), "{failure:?}");
        assert!(Wanted::parse("debug", " , ").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(level in "\\PC{0,8}", names in "\\PC{0,12}") {
            if let Ok(wanted) = Wanted::parse(&level, &names) {
                let _ = wanted.changes(&loggers());
            }
        }
    }
}
