//! The matrix: every troubleshooting runbook on every world of the lab, printed as a table.
//!
//! In its own world a runbook ends as `expected.toml` says: the symptom is gone, the state is as described, everything else
//! in the cluster compares equal. In any other it changes nothing and names no wrong runbook. Triage ranks the true cause
//! first everywhere. Then the same for worlds whose names, namespaces, load and replicas vary by seed, for worlds with two
//! faults, for worlds in which the cure does not help, and for worlds in which evidence is missing. Only this test reads what is expected; no diagnosis can see it.
//!
//! `cargo test --test matrix -- WORLD` plays the worlds whose name contains WORLD. Each world is played under some of
//! the twenty seeds, and without some of the kinds of evidence, which change from world to world so that all of them are
//! played somewhere: as many as two cores play in five minutes. `MESHBOOK_MATRIX=all` plays all of them everywhere.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blind;
mod cell;
mod expected;
mod play;
mod snapshot;
mod table;
mod two;
mod vary;

use std::process::ExitCode;
use std::time::Instant;

use cell::{Cell, Job};
use expected::Expected;
use meshbook_runtime::side_by_side::{processors, side_by_side};

/// How many seeds vary the worlds.
const SEEDS: u64 = 20;
/// Of so many seeds, a world is played under one unless all are asked for.
const ONE_SEED_OF: usize = 10;

fn main() -> ExitCode {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let since = Instant::now();
    let expected = Expected::read();
    let worlds: Vec<_> = expected.worlds.iter().filter(|world| world.name.contains(&only)).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();

    let all = std::env::var("MESHBOOK_MATRIX").is_ok_and(|matrix| matrix == "all");
    let mut jobs = Vec::new();
    for world in &worlds {
        jobs.extend(expected.runbooks.iter().map(|runbook| Job::single(world, runbook)));
    }
    for (index, world) in worlds.iter().enumerate() {
        let seeds = (1..=SEEDS).filter(|seed| all || (*seed as usize + index).is_multiple_of(ONE_SEED_OF));
        jobs.extend(seeds.flat_map(|seed| Job::varied(world, seed)));
        jobs.extend(blind::jobs(index, world, all));
    }
    jobs.extend(two::in_vain(&expected).into_iter().filter(|job| job.world.contains(&only)));
    jobs.extend(two::jobs(&expected).into_iter().filter(|job| job.world.contains(&only)));

    let cells = side_by_side(processors(), &jobs, |job| cell::play(&runtime, job));

    table::print(&expected, &cells);
    let wrong: Vec<&Cell> = cells.iter().filter(|cell| !cell.wrong.is_empty()).collect();
    for cell in &wrong {
        println!("\nwrong: {} on {}: {}", cell.runbook, cell.world, cell.outcome);
        cell.wrong.iter().for_each(|why| println!("  {why}"));
    }
    let mut slowest: Vec<&Cell> = cells.iter().collect();
    slowest.sort_by_key(|cell| std::cmp::Reverse(cell.took));
    let slowest = slowest
        .iter()
        .take(3)
        .map(|cell| format!("{} on {} {:.1} s", cell.runbook, cell.world, cell.took.as_secs_f64()));
    println!("\nslowest: {}", slowest.collect::<Vec<_>>().join("; "));
    if !all {
        println!(
            "each world under {} of {SEEDS} seeds, and without some kinds of evidence; MESHBOOK_MATRIX=all plays all",
            SEEDS as usize / ONE_SEED_OF
        );
    }
    println!("matrix: {} runs in {} s, {} wrong", cells.len(), since.elapsed().as_secs(), wrong.len());
    if wrong.is_empty() && !cells.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
