//! One change of an input: what damages a page on its way, and what somebody writes who means harm.

use proptest::prelude::*;
use proptest::sample::Index;

/// Texts that parsers fall over: limits of numbers, signs of nesting and quoting, marks of the formats that are read.
#[rustfmt::skip]
const TOKENS: [&str; 48] = [
    "", "0", "-1", "1e999", "-0", "NaN", "null", "true", "18446744073709551616", "-9223372036854775808",
    "0.1", "\"\"", "{}", "[]", "[[[[[[[[", "{\"a\":", "(((((((((((", "\"", "\\", "\\u0000", "\\ud800", "\n",
    "\r\n", "\t", "\0", " ", "%", "%00", "é", "\u{202e}", "\u{1b}[2J", "\u{feff}", "..", "/", "//", "|", ";",
    ":", "=", ",", "{{", "}}", "$", "#", "-", "*", "&a *a", "---\n",
];

/// One change of an input.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Everything behind a place is lost.
    Cut(Index),
    /// Some bytes are lost.
    Remove(Index, usize),
    /// A byte is another.
    Flip(Index, u8),
    /// Something stands there that did not.
    Insert(Index, Index),
    /// A word, number or text is another.
    Replace(Index, Index),
    /// A part stands there many times.
    Repeat(Index, usize, usize),
    /// What is behind comes from another input.
    Splice(Index, Index),
    /// A line, or what stands between commas, is gone, or has another's place.
    Move(Index, Index),
}

impl Arbitrary for Edit {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let at = any::<Index>;
        prop_oneof![
            1 => at().prop_map(Edit::Cut),
            3 => (at(), 1..16_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
            2 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Flip(at, byte)),
            4 => (at(), at()).prop_map(|(at, token)| Edit::Insert(at, token)),
            6 => (at(), at()).prop_map(|(at, token)| Edit::Replace(at, token)),
            2 => (at(), 1..32_usize, 2..100_usize).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
            1 => (at(), at()).prop_map(|(at, other)| Edit::Splice(at, other)),
            2 => (at(), at()).prop_map(|(from, to)| Edit::Move(from, to)),
        ]
        .boxed()
    }
}

impl Edit {
    /// The input with this change. `other` is another one.
    pub fn of(&self, mut input: Vec<u8>, other: &[u8]) -> Vec<u8> {
        let place = |at: &Index| at.index(input.len() + 1);
        match self {
            Edit::Cut(at) => input.truncate(place(at)),
            Edit::Remove(at, length) => {
                let at = place(at);
                input.drain(at..input.len().min(at + length));
            }
            Edit::Flip(at, byte) => {
                let at = place(at);
                input.get_mut(at).into_iter().for_each(|there| *there ^= byte);
            }
            Edit::Insert(at, token) => {
                let at = place(at);
                input.splice(at..at, token.get(&TOKENS).bytes());
            }
            Edit::Replace(at, token) => {
                let (from, to) = word(&input, place(at));
                input.splice(from..to, token.get(&TOKENS).bytes());
            }
            Edit::Repeat(at, length, times) => {
                let at = place(at);
                let part = input[at..input.len().min(at + length)].repeat(*times);
                input.splice(at..at, part);
            }
            Edit::Splice(at, from) => {
                let at = place(at);
                input.truncate(at);
                input.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
            Edit::Move(from, to) => {
                let pieces: Vec<&[u8]> = input.split_inclusive(|byte| b",\n".contains(byte)).collect();
                if !pieces.is_empty() {
                    let mut pieces = pieces;
                    let piece = pieces.remove(from.index(pieces.len()));
                    pieces.insert(to.index(pieces.len() + 1), piece);
                    input = pieces.concat();
                }
            }
        }
        input
    }
}

/// The word that begins at a place or behind it: letters and digits, or what stands between quotes.
fn word(input: &[u8], at: usize) -> (usize, usize) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let Some(from) = input[at..].iter().position(|byte| is_word(byte) || *byte == b'"').map(|skipped| at + skipped)
    else {
        return (at, at);
    };
    let length = match input[from] {
        b'"' => input[from + 1..].iter().position(|byte| *byte == b'"').map_or(1, |length| length + 2),
        _ => input[from..].iter().position(|byte| !is_word(byte)).unwrap_or(input.len() - from),
    };
    (from, from + length)
}
