//! Where expressions begin, told from the text alone: it is not complete yet, so no parser reads it.

/// Where the word at the end of a text begins.
pub(crate) fn word_start(text: &str) -> usize {
    text.char_indices().rev().take_while(|(_, c)| is_word(*c)).last().map_or(text.len(), |(at, _)| at)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Bytes of a text that stand outside strings and comments, and where the string opens that its end stands in.
fn code(text: &str) -> (Vec<bool>, Option<usize>) {
    let bytes = text.as_bytes();
    let mut plain = vec![true; bytes.len()];
    let mut quote = None;
    let (mut at, mut opened) = (0, 0);
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (None, open @ (b'"' | b'`')) => {
                quote = Some(open);
                opened = at;
                plain[at] = false;
            }
            (None, b'/') if bytes.get(at + 1) == Some(&b'/') => {
                while at < bytes.len() && bytes[at] != b'\n' {
                    plain[at] = false;
                    at += 1;
                }
                continue;
            }
            (None, _) => {}
            (Some(b'"'), b'\\') => {
                plain[at] = false;
                at += 1;
                if at < bytes.len() {
                    plain[at] = false;
                }
            }
            (Some(open), byte) => {
                plain[at] = false;
                if byte == open {
                    quote = None;
                }
            }
        }
        at += 1;
    }
    (plain, quote.map(|_| opened))
}

/// Whether the end of a text stands in a string.
pub(crate) fn is_in_string(text: &str) -> bool {
    code(text).1.is_some()
}

/// Where the string opens that the end of a text stands in.
pub(crate) fn open_string(text: &str) -> Option<usize> {
    code(text).1
}

/// The chain of calls at the end of a text: `pod("x").proxy()` of `show(pod("x").proxy()`.
pub(crate) fn before(text: &str) -> &str {
    let (plain, _) = code(text);
    let bytes = text.as_bytes();
    let mut at = text.trim_end().len();
    loop {
        // One part of the chain from its end: brackets, then a name with its namespace.
        let end = at;
        while at > 0 && matches!(bytes[at - 1], b')' | b']') && plain[at - 1] {
            match opening(bytes, &plain, at - 1) {
                Some(open) => at = open,
                None => return &text[end..],
            }
        }
        if at > 0 && !plain[at - 1] && at == end {
            while at > 0 && !plain[at - 1] {
                at -= 1;
            }
            return &text[at..];
        }
        at = word_start(&text[..at]);
        while let Some(space) = text[..at].strip_suffix("::") {
            at = word_start(space);
        }
        match text[..at].trim_end().strip_suffix('.') {
            Some(rest) if !rest.ends_with('.') => at = rest.trim_end().len(),
            _ => return &text[at..],
        }
    }
}

/// Where the bracket opens that closes here.
fn opening(bytes: &[u8], plain: &[bool], close: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for at in (0..=close).rev().filter(|at| plain[*at]) {
        match bytes[at] {
            b')' | b']' | b'}' => depth += 1,
            b'(' | b'[' | b'{' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// A call that is still open at the end of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OpenCall<'a> {
    /// What stands in front of its bracket.
    pub(crate) callee: &'a str,
    /// Its arguments that are complete, as they are written.
    pub(crate) arguments: Vec<&'a str>,
}

/// The innermost call that is still open at the end of a text.
pub(crate) fn open_call(text: &str) -> Option<OpenCall<'_>> {
    let (plain, _) = code(text);
    let bytes = text.as_bytes();
    let (mut depth, mut end) = (0_usize, None);
    let mut arguments = Vec::new();
    for at in (0..bytes.len()).rev().filter(|at| plain[*at]) {
        match bytes[at] {
            b')' | b']' | b'}' => depth += 1,
            b'(' if depth == 0 => {
                arguments.extend(end.map(|end| text[at + 1..end].trim()));
                arguments.reverse();
                return Some(OpenCall { callee: before(&text[..at]), arguments })
                    .filter(|call| !call.callee.is_empty());
            }
            b'[' | b'{' if depth == 0 => return None,
            b'(' | b'[' | b'{' => depth -= 1,
            b',' if depth == 0 => {
                arguments.extend(end.map(|end| text[at + 1..end].trim()));
                end = Some(at);
            }
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The parts of a chain: `pod("x")`, `proxy()`, `[0]`.
pub(crate) fn parts(chain: &str) -> Vec<&str> {
    let (plain, _) = code(chain);
    let bytes = chain.as_bytes();
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for at in (0..bytes.len()).filter(|at| plain[*at]) {
        match bytes[at] {
            b'[' if depth == 0 => {
                parts.push(&chain[start..at]);
                start = at;
                depth += 1;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'.' if depth == 0 => {
                parts.push(&chain[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&chain[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_begins_where_its_expression_does() {
        for (text, chain) in [
            ("show(pod(\"x\").proxy()", "pod(\"x\").proxy()"),
            ("let a = k8s::get(\"pod\", \"a.b)\")", "k8s::get(\"pod\", \"a.b)\")"),
            ("1 + xs[0].f(|x| x)", "xs[0].f(|x| x)"),
            ("a;\nhost(\"q\")\n    .rules()", "host(\"q\")\n    .rules()"),
            ("é + \"text\"", "\"text\""),
            ("f)", ""),
        ] {
            assert_eq!(before(text), chain, "{text}");
        }
        assert_eq!(parts("xs[0].f(a.b, \"c.d\").g"), ["xs", "[0]", "f(a.b, \"c.d\")", "g"]);
        let call = OpenCall { callee: "f", arguments: vec!["1", "g(2, 3)", "\"a, (\""] };
        assert_eq!(open_call("f(1, g(2, 3), \"a, (\", "), Some(call));
        assert_eq!(open_call("a.f(x)"), None);
    }
}
