//! From a name and a path to the address that curl is given.
//!
//! curl expands `[1-9]` and `{a,b}` in an address, which is how one command makes several requests: the range stands in
//! the fragment, which is never sent. So that nothing else is expanded, a path is written in the characters of RFC 3986,
//! and a name in those of DNS.

use std::fmt::Write;

use meshbook_runtime::failure::{Failure, TYPE};

use crate::text::first_line;

/// Scheme, name and port: `http://graph-core.summit:8080`.
///
/// # Errors
/// `TYPE` for what is no such address.
pub fn authority(text: &str) -> Result<String, Failure> {
    let refused = |why: &str| {
        Failure::new(&TYPE, format!("`{}` is no address: {why}", first_line(text)))
            .unchanged("no request was made")
            .hint("write a host, or \"NAME\", \"NAME:PORT\" or \"https://NAME\"; the path is an argument of its own")
    };
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        Some(_) => return Err(refused("only http and https can be asked")),
        None => ("http", text),
    };
    let (name, port) = match rest.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (rest, None),
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    // A name that begins with `-` would be an option to other programs than this.
    if name.len() > 253 || name.starts_with('-') || !name.trim_end_matches('.').split('.').all(is_label) {
        return Err(refused("its name is none of DNS, and no IPv4 address"));
    }
    let port = match port {
        None => String::new(),
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 && port.chars().all(|c| c.is_ascii_digit()) => format!(":{number}"),
            _ => return Err(refused("its port is not a number from 1 to 65535")),
        },
    };
    Ok(format!("{scheme}://{name}{port}"))
}

/// A path, with its query, as it is sent: every character that RFC 3986 does not allow there is percent-encoded, `%` too
/// where it encodes nothing.
///
/// # Errors
/// `TYPE` for one that does not begin with `/` or has a fragment.
pub fn path(text: &str) -> Result<String, Failure> {
    let refused = |why: &str| {
        Failure::new(&TYPE, format!("`{}` is no path: {why}", first_line(text))).unchanged("no request was made")
    };
    if !text.starts_with('/') {
        return Err(refused("it does not begin with `/`")
            .hint("write it as it stands after the host in an address, for example `/healthz`"));
    }
    if text.contains('#') {
        return Err(
            refused("a fragment is never sent to a server").hint("a `#` that is meant as it is, is written %23")
        );
    }
    let bytes = text.as_bytes();
    let mut encoded = String::with_capacity(text.len());
    for (at, byte) in bytes.iter().enumerate() {
        let is_escape = || bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        match byte {
            b'%' if is_escape() => encoded.push('%'),
            b if b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(b) => encoded.push(char::from(*b)),
            other => {
                let _ = write!(encoded, "%{other:02X}");
            }
        }
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_ports() {
        for (text, address) in [
            ("graph-core", "http://graph-core"),
            ("graph-core.summit:8080", "http://graph-core.summit:8080"),
            ("https://api.example.com.", "https://api.example.com."),
            ("10.96.0.1:80", "http://10.96.0.1:80"),
        ] {
            assert_eq!(authority(text).expect(text), address);
        }
        for wrong in [
            "",
            "-o",
            "http://",
            "ftp://a",
            "a b",
            "a:0",
            "a:70000",
            "a:+1",
            "a:",
            "a/b",
            "user@a",
            "a[1-9]",
            "{a,b}",
            "[::1]:80",
            "a..b",
            "file:///etc/passwd",
            "a\n",
        ] {
            assert!(authority(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths() {
        assert_eq!(path("/a b?x={1}&y=[2]").expect("a path"), "/a%20b?x=%7B1%7D&y=%5B2%5D");
        assert_eq!(path("/50%/%41").expect("a path"), "/50%25/%41");
        assert!(path("a").is_err() && path("/a#b").is_err() && path("").is_err());
    }

    /// What a server reads.
    fn decoded(text: &str) -> Vec<u8> {
        let bytes = text.as_bytes();
        let (mut at, mut out) = (0, Vec::new());
        while at < bytes.len() {
            let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
            match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| bytes[at] == b'%') {
                Some(byte) => {
                    out.push(byte);
                    at += 3;
                }
                None => {
                    out.push(bytes[at]);
                    at += 1;
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_server_reads_the_path_that_was_meant_and_curl_expands_nothing(text in "/[^#%]{0,40}") {
            let sent = path(&text).expect("it begins with a slash and has no fragment");
            prop_assert_eq!(decoded(&sent), text.as_bytes());
            let expanded = sent.contains(|c: char| "[]{}\\\" \n".contains(c));
            prop_assert!(!expanded && sent.is_ascii());
        }

        #[test]
        fn encoding_twice_is_encoding_once(text in "/.{0,40}") {
            if let Ok(sent) = path(&text) {
                prop_assert_eq!(path(&sent).expect("what is encoded is a path"), sent);
            }
        }

        #[test]
        fn no_address_holds_what_curl_or_a_shell_expands(text in ".{0,30}") {
            if let Ok(address) = authority(&text) {
                prop_assert!(address.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c)));
            }
        }
    }
}
