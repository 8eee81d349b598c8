//! Pages that the transport itself reads: Envoy's `/logging`, and the kinds that an API server lists.
//!
//! Beyond "no panic": a logger's name is one word, its level lower-case letters; whatever is listed comes from the page.

use meshbook_runtime::transport::{kind, log_levels};

/// The input is a page.
pub fn run(page: &[u8]) {
    for known in kind::groups(page).into_iter().flatten() {
        assert!(known.kind.kind.len() <= page.len());
    }
    let Ok(page) = std::str::from_utf8(page) else { return };
    let Some(loggers) = log_levels::parse(page) else { return };
    assert!(!loggers.is_empty());
    for logger in loggers {
        assert!(!logger.name.contains(char::is_whitespace), "{logger:?}");
        assert!(logger.level.bytes().all(|byte| byte.is_ascii_lowercase()), "{logger:?}");
    }
}
