//! Every fuzz target over its seeds, over what was once found, and over a fixed series of edited inputs.
//!
//! The series is the same on every machine and at every run. What fails is made smaller by proptest and printed: put it
//! into `fuzz/found/TARGET/`, mend the parser, and it stays looked at. `MESHBOOK_FUZZ_TIMES=100` makes the series longer.

mod edit;

use std::panic::{AssertUnwindSafe, catch_unwind};

use edit::Edit;
use meshbook_fuzz::{TARGETS, Target};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// The main thread's: scripts and documents nest, and the command reads them there.
const STACK: usize = 8 << 20;

fn all_of(target: &Target) {
    let seeds = target.seeds();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    for (file, input) in target.found() {
        let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        assert!(ended.is_ok(), "{} finds a defect with {}", target.name, file.display());
    }
    for seed in &seeds {
        let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(seed)));
        assert!(ended.is_ok(), "{} finds a defect with its seed {:?}", target.name, String::from_utf8_lossy(seed));
    }
    let times = std::env::var("MESHBOOK_FUZZ_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let config = Config {
        cases: target.cases.saturating_mul(times),
        max_shrink_iters: 256,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let edits = (any::<Index>(), any::<Index>(), prop::collection::vec(any::<Edit>(), 1..5));
    let made = |(seed, other, edits): &(Index, Index, Vec<Edit>)| {
        edits.iter().fold(seed.get(&seeds).clone(), |input, edit| edit.of(input, other.get::<Vec<u8>>(&seeds)))
    };
    let ended = runner.run(&edits, |given| {
        (target.run)(&made(&given));
        Ok(())
    });
    if let Err(TestError::Fail(why, given)) = &ended {
        let input = made(given);
        panic!("{} finds a defect: {why}\nwith {:?}\n{input:02x?}", target.name, String::from_utf8_lossy(&input));
    }
    assert!(ended.is_ok(), "{}: {ended:?}", target.name);
}

fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("the list below is that of the targets");
    let run = std::thread::Builder::new().stack_size(STACK).spawn(|| all_of(target)).expect("there is a thread");
    run.join().expect("see above");
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn every_target_has_a_test() {
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), [$(stringify!($name)),*]);
        }
    };
}

targets! {
    cli_arguments
    cli_escape
    runtime_answers
    runtime_bodies
    runtime_change
    runtime_config
    runtime_kubeconfig
    runtime_matchers
    runtime_pages
    runtime_params
    runtime_record
    runtime_redact
    runtime_script
    runtime_span
    runtime_values
    stdlib_access_log
    stdlib_backup
    stdlib_certificates
    stdlib_envoy_pages
    stdlib_istiod
    stdlib_jaeger
    stdlib_names
    stdlib_objects
    stdlib_printed
    stdlib_prometheus
    stdlib_rules
    lab_api
    lab_exec
    lab_fields
    lab_pages
    lab_promql
    lab_world
}
