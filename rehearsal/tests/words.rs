//! Every example of every word of tests comes to what it says.

use std::path::Path;

use meshbook_rehearsal::registry::{LIBRARY, WORDS};
use meshbook_rehearsal::suite::{self, TestFile};
use meshbook_runtime::primitive::{Example, Expect, Primitive};
use tokio::runtime::Runtime;

/// A file with one test that holds if the example comes to what it says.
fn file(folder: &Path, index: usize, example: &Example) -> TestFile {
    let text = match &example.expect {
        Expect::Value("") | Expect::Fails(_) => {
            format!("test \"example\" {{ {}; expect(1).to_be(1); }}", example.script)
        }
        Expect::Value(value) => format!("test \"example\" {{ expect(`${{{}}}`).to_be({value:?}); }}", example.script),
        Expect::Contains(part) => {
            format!("test \"example\" {{ expect(`${{{}}}`).to_contain({part:?}); }}", example.script)
        }
        Expect::Changes(_) | Expect::Ends(_) => panic!("words of tests neither change nor end anything themselves"),
    };
    let path = folder.join(format!("{index}.test.rhai"));
    std::fs::write(&path, text).expect("the folder can be written");
    TestFile::load(&path).unwrap_or_else(|found| panic!("{}: {:?}", example.script, found[0].failure))
}

#[test]
fn every_example_comes_to_what_it_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The examples name runbooks of the project's own tree.
    let tree = folder.path().join("runbooks");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks").canonicalize().expect("the tree is there");
    copy(&ours, &tree);
    let runtime = Runtime::new().expect("a runtime");
    let examples: Vec<(&Primitive, &Example)> =
        WORDS.primitives.iter().flat_map(|primitive| primitive.examples.iter().map(move |e| (*primitive, e))).collect();
    let files: Vec<_> = examples.iter().enumerate().map(|(index, (_, example))| file(&tree, index, example)).collect();
    let _inside = runtime.enter();
    let verdicts = suite::run(&files, "", runtime.handle(), &|_| ());
    assert_eq!(verdicts.len(), examples.len());
    let mut faults = Vec::new();
    for ((primitive, example), verdict) in examples.iter().zip(&verdicts) {
        let failure = verdict.failure.as_ref().map(|diagnostic| &diagnostic.failure);
        let holds = match &example.expect {
            Expect::Fails(code) => {
                assert!(
                    primitive.errors.iter().any(|known| known.name == *code),
                    "{} does not document {code}",
                    primitive.name
                );
                failure.is_some_and(|failure| failure.code.name == *code)
            }
            _ => failure.is_none(),
        };
        if !holds {
            faults.push(format!("{}: {failure:?}", example.script));
        }
    }
    assert!(faults.is_empty(), "{} of {} examples do not hold:\n{}", faults.len(), examples.len(), faults.join("\n"));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target)
        } else {
            std::fs::copy(&path, &target).map(|_| ()).expect("a file can be copied")
        }
    }
}

#[test]
fn every_word_is_whole() {
    for primitive in WORDS.primitives {
        let name = primitive.signature();
        assert!(
            !primitive.examples.is_empty() && !primitive.search.is_empty(),
            "{name}: no example or no search words"
        );
        assert!(primitive.summary.ends_with('.') && !primitive.changes(), "{name}");
        let same = LIBRARY.primitives.iter().filter(|p| p.name == primitive.name && p.receiver == primitive.receiver);
        assert_eq!(same.count(), 1, "{name} is listed twice");
    }
    for code in WORDS.codes {
        assert!(code.name.starts_with("meshbook::test::") && code.explain.ends_with('.'), "{}", code.name);
    }
}

/// `MESHBOOK_UPDATE=1 cargo test -p meshbook-rehearsal` writes it anew.
#[test]
fn the_reference_of_tests_is_what_the_descriptors_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference-tests.md");
    let text = meshbook_stdlib::reference::markdown(
        &WORDS,
        "# Reference of tests\n\nWhat a file `*.test.rhai` can say beside everything that a runbook can ([reference](reference.md)). Generated from the descriptors by `MESHBOOK_UPDATE=1 cargo test -p meshbook-rehearsal`. Every example is run by the tests.\n",
    );
    if std::env::var_os("MESHBOOK_UPDATE").is_some() {
        std::fs::write(&path, &text).expect("the file can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "docs/reference-tests.md is not what the descriptors say: run `MESHBOOK_UPDATE=1 cargo test -p meshbook-rehearsal`"
    );
}
