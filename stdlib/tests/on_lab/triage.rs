//! Triage of a namespace with more services than it looks at one by one.

use meshbook_lab::World;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Span;
use meshbook_stdlib::triage::triage;
use tokio::runtime::Runtime;

use crate::world::ask;

/// A world with twenty services more.
fn crowded(world: &str) -> World {
    World::named(world).and_then(|world| world.set("crowd.proxies", 20)).expect("a variation")
}

#[test]
fn of_many_services_those_that_fail_are_looked_at() {
    let runtime = Runtime::new().expect("a runtime");
    let bound: Span = "2s".parse().expect("a span");
    let causes = ask(&runtime, crowded("breaker"), |run| triage(run, None, bound)).expect("it is told");
    let found = causes.found().expect("there are data");
    assert_eq!(found.first().map(|one| one.cause), Some("full circuit breaker"), "{}", causes.text());
    let causes = ask(&runtime, crowded("healthy"), |run| triage(run, None, bound)).expect("it is told");
    assert!(causes.found().expect("there are data").is_empty(), "{}", causes.text());
}

#[test]
fn services_that_were_not_looked_at_are_not_called_well() {
    let runtime = Runtime::new().expect("a runtime");
    let bound: Span = "2s".parse().expect("a span");
    for fault in ["down", "no-series"] {
        let world = crowded("healthy").set("faults.prometheus", fault).expect("a variation");
        let causes = ask(&runtime, world, |run| triage(run, None, bound)).expect("it is told");
        assert!(causes.missing().is_some(), "{fault}: {}", causes.text());
    }
}
