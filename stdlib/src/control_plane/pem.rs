//! Certificates as texts: PEM, and the base64 in which webhooks carry it. They are compared, not interpreted.

use std::collections::BTreeSet;

/// The certificates of a PEM, each without white space.
pub fn certificates(pem: &str) -> BTreeSet<String> {
    pem.split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .filter_map(|rest| rest.split_once("-----END CERTIFICATE-----"))
        .map(|(body, _)| body.split_whitespace().collect())
        .collect()
}

/// Text behind base64 (RFC 4648, 4); `None` if it is none.
pub fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_ends_do_not_matter_and_two_certificates_are_two() {
        let one = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(one), certificates(&one.replace('\n', "\r\n")));
        assert_eq!(certificates(&format!("{one}{}", one.replace("QUJD", "REVG"))).len(), 2);
        assert!(certificates("no certificate").is_empty());
        assert_eq!(decoded("QUJD").as_deref(), Some("ABC"));
        assert_eq!(decoded("QQ==").as_deref(), Some("A"));
        assert_eq!(decoded("Q!"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,60}") {
            let _ = certificates(&text);
            let _ = decoded(&text);
        }
    }
}
