//! When a read is tried again, and how long to wait before.
//!
//! Only reads are retried: a write that was not answered may have happened, so its caller looks instead.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// How often a read is tried in all.
const TRIES: u32 = 4;
/// The wait before the second try; it is fourfold before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait that a server may ask for. Beyond it, a person is better told than kept waiting.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The tries of one call.
#[derive(Debug)]
pub(super) struct Tries {
    made: u32,
    most: u32,
}

impl Tries {
    /// A call that may be repeated.
    pub(super) fn of_a_read() -> Self {
        Tries { made: 0, most: TRIES }
    }

    /// A call that must not be repeated.
    pub(super) fn of_a_write() -> Self {
        Tries { made: 0, most: 1 }
    }

    /// Counts a try that failed, and says how long to wait before the next one; `None` if there is none.
    ///
    /// What the server asked for (`asked`) is a lower bound; jitter only ever adds to it, so that many
    /// clients that were turned away together do not come back together.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.made += 1;
        if self.made >= self.most || asked.is_some_and(|asked| asked > LONGEST_WAIT) {
            return None;
        }
        let wait = asked.unwrap_or(FIRST_WAIT * 4u32.pow(self.made - 1));
        Some(wait + wait.mul_f64(jitter() / 2.0))
    }

    /// ` after 4 tries`, for messages; empty after the first.
    pub(super) fn said(&self) -> String {
        if self.made > 1 { format!(" after {} tries", self.made) } else { String::new() }
    }
}

/// How long the server asks to wait (`Retry-After` in seconds, RFC 9110 §10.2.3). The API server never sends
/// the form with a date.
pub(super) fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// A number from 0 up to 1, different each time. The keys of a new hasher are random, which is all that is needed.
fn jitter() -> f64 {
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_are_jittered_and_end() {
        let mut tries = Tries::of_a_read();
        let waits: Vec<Duration> = std::iter::from_fn(|| tries.next(None)).collect();
        assert_eq!(waits.len(), 3);
        for (wait, least) in waits.iter().zip([100, 400, 1600]) {
            let least = Duration::from_millis(least);
            assert!(*wait >= least && *wait <= least.mul_f64(1.5), "{wait:?} for {least:?}");
        }
        assert_eq!(tries.said(), " after 4 tries");
        assert_ne!(jitter(), jitter());
    }

    #[test]
    fn a_server_is_obeyed_within_reason() {
        let mut tries = Tries::of_a_read();
        let wait = tries.next(Some(Duration::from_secs(2)));
        assert!(wait >= Some(Duration::from_secs(2)) && wait <= Some(Duration::from_secs(3)));
        assert_eq!(tries.next(Some(Duration::from_secs(3600))), None);
    }

    #[test]
    fn a_write_is_never_repeated() {
        assert_eq!(Tries::of_a_write().next(Some(Duration::ZERO)), None);
    }

    #[test]
    fn retry_after_is_read_in_seconds_only() {
        let mut headers = HeaderMap::new();
        assert_eq!(asked_wait(&headers), None);
        for (text, wait) in [("7", Some(7)), (" 0 ", Some(0)), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)] {
            headers.insert(RETRY_AFTER, http::HeaderValue::from_static(text));
            assert_eq!(asked_wait(&headers), wait.map(Duration::from_secs), "{text}");
        }
    }
}
