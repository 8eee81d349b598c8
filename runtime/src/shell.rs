//! Commands as a person could type them into a POSIX shell.

/// A command: its words, each as [`word`] writes it.
pub fn line(words: &[String]) -> String {
    words.iter().map(|one| word(one)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it back: in single quotes, if it would read it otherwise without.
pub fn word(word: &str) -> String {
    let is_plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_it_otherwise() {
        assert_eq!(word("service=graph-core"), "service=graph-core");
        assert_eq!(word("note=it's $HOME"), r"'note=it'\''s $HOME'");
        assert_eq!(word(""), "''");
    }

    /// What a POSIX shell makes of words that are plain or in single quotes, with `\'` between them.
    fn words(text: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let (mut quoted, mut chars) = (false, text.chars());
        while let Some(c) = chars.next() {
            let word = words.last_mut().expect("there is always one");
            match c {
                '\'' => quoted = !quoted,
                '\\' if !quoted => word.extend(chars.next()),
                ' ' if !quoted => words.push(String::new()),
                c => word.push(c),
            }
        }
        words
    }

    proptest! {
        #[test]
        fn a_shell_reads_the_words_that_were_meant(command in proptest::collection::vec("[a-z' $`\"\\\\*#\n-]{0,12}", 1..5)) {
            prop_assert_eq!(words(&line(&command)), command);
        }
    }
}
