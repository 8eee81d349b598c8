//! Every example of every descriptor comes to what it says, on the lab.

use meshbook_runtime::primitive::{Example, Expect};
use meshbook_stdlib::{LIBRARY, show};
use tokio::runtime::Runtime;

use crate::world::{What, run};

fn fault(runtime: &Runtime, example: &Example) -> Option<String> {
    let ran = run(runtime, example.world, &What::Text(example.script));
    let failure = ran.outcome.diagnostic.as_ref().map(|diagnostic| &diagnostic.failure);
    let value = show::text(&ran.outcome.value);
    let (expected, actual, holds) = match &example.expect {
        Expect::Value(expected) => (format!("`{expected}`"), value.clone(), failure.is_none() && value == *expected),
        Expect::Contains(expected) => {
            (format!("… {expected} …"), value.clone(), failure.is_none() && value.contains(expected))
        }
        Expect::Changes(expected) => {
            let (mut actual, mut wanted) = (ran.changes(), expected.to_vec());
            actual.sort();
            wanted.sort_unstable();
            (wanted.join("; "), actual.join("; "), failure.is_none() && actual == wanted)
        }
        Expect::Fails(code) => {
            let actual = failure.map_or("no failure".to_owned(), |failure| failure.code.name.to_owned());
            ((*code).to_owned(), actual.clone(), actual == *code)
        }
        Expect::Ends(word) => ((*word).to_owned(), ran.outcome.ended.ending.clone(), ran.outcome.ended.ending == *word),
    };
    (!holds).then(|| {
        let why = failure.map(|failure| format!(" ({}: {failure})", failure.code.name)).unwrap_or_default();
        format!("{} in {}\n  expected {expected}\n  got      {actual}{why}", example.script, example.world)
    })
}

/// `EXAMPLE=refusals` runs only those whose script contains that.
#[test]
fn every_example_comes_to_what_it_says() {
    let runtime = Runtime::new().expect("a runtime");
    let only = std::env::var("EXAMPLE").unwrap_or_default();
    let examples: Vec<_> = LIBRARY
        .primitives
        .iter()
        .flat_map(|primitive| primitive.examples)
        .filter(|example| example.script.contains(&only))
        .collect();
    assert!(!examples.is_empty(), "no example's script contains `{only}`");
    let half = examples.len().div_ceil(2).max(1);
    let faults: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = examples
            .chunks(half)
            .map(|part| {
                let runtime = &runtime;
                scope.spawn(move || part.iter().filter_map(|example| fault(runtime, example)).collect::<Vec<_>>())
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no example panics")).collect()
    });
    assert!(faults.is_empty(), "{} of {} examples do not hold:\n{}", faults.len(), examples.len(), faults.join("\n"));
}
