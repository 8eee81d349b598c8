//! The registry: one line for each word that tests have beside those of runbooks.

use std::sync::LazyLock;

use meshbook_runtime::failure::Code;
use meshbook_runtime::noun::NounType;
use meshbook_runtime::primitive::{Library, Primitive};

use crate::{expectation, rehearsal, stage, world};

/// What only tests can say.
pub static WORDS: Library = Library { primitives: PRIMITIVES, nouns: NOUNS, codes: CODES, kinds: Vec::new };

/// Everything that a test can say: the words of runbooks, and those of tests.
pub static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let runbooks = meshbook_stdlib::LIBRARY;
    Library {
        primitives: joined(runbooks.primitives, PRIMITIVES),
        nouns: joined(runbooks.nouns, NOUNS),
        codes: joined(runbooks.codes, CODES),
        kinds: runbooks.kinds,
    }
});

/// Both tables as one. It is made once, and libraries live as long as the process.
fn joined<T: Clone>(one: &[T], other: &[T]) -> &'static [T] {
    Vec::leak([one, other].concat())
}

macro_rules! primitives {
    ($($name:ident: $file:literal;)*) => {
        $(#[path = $file] pub mod $name;)*
        static PRIMITIVES: &[&Primitive] = &[$(&$name::PRIMITIVE),*];
    };
}

primitives! {
    test_world: "world/world.rs";
    world_set: "world/set.rs";
    world_without: "world/without.rs";
    world_run: "world/run.rs";
    world_plan: "world/plan.rs";
    world_host: "world/host.rs";
    rehearsal_ending: "rehearsal/ending.rs";
    rehearsal_exit_code: "rehearsal/exit_code.rs";
    rehearsal_message: "rehearsal/message.rs";
    rehearsal_next: "rehearsal/next.rs";
    rehearsal_changes: "rehearsal/changes.rs";
    rehearsal_story: "rehearsal/story.rs";
    expect: "expectation/expect.rs";
    expectation_to_be: "expectation/to_be.rs";
    expectation_to_contain: "expectation/to_contain.rs";
}

static NOUNS: &[NounType] = &[
    NounType::of::<world::World>(),
    NounType::of::<rehearsal::Rehearsal>(),
    NounType::of::<expectation::Expectation>(),
];

static CODES: &[&Code] = &[&stage::NO_WORLD, &stage::TWO_WORLDS, &expectation::EXPECTATION];
