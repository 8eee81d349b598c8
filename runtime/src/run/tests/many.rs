//! Many changes at once: tried, approved, recorded and taken back as each by itself.

use crate::failure::{DENIED, Exit, REJECTED};
use crate::record::event::Event;
use crate::record::file;
use crate::run::Mode;
use crate::run::fake::{Bench, rule};

fn name(number: usize) -> String {
    format!("rule-{number:03}")
}

fn there(bench: &Bench) -> usize {
    bench.cluster.lock().objects.keys().filter(|object| object.name.starts_with("rule-")).count()
}

#[test]
fn all_are_made_and_the_record_announces_each_before_it_is_sent() {
    let bench = Bench::new();
    let record = bench.done(|run| {
        let mut changes: Vec<_> = (0..150).map(|number| bench.creation(&name(number))).collect();
        changes.insert(3, bench.change("graph-core", |_| ()));
        let made = run.change_all(changes).unwrap();
        assert_eq!(made.len(), 151);
        assert_eq!(made[3].number, None, "what is so already is left alone");
        for (place, one) in made.iter().enumerate().filter(|(place, _)| *place != 3) {
            assert_eq!(one.object["metadata"]["name"], name(if place < 3 { place } else { place - 1 }));
        }
    });
    assert_eq!(there(&bench), 150);
    let lines = file::read(&record).unwrap();
    let (mut announced, mut answered) = (Vec::new(), 0);
    for line in &lines {
        match &line.event {
            Event::Changing(changing) => announced.push((line.number, changing.object.name.clone())),
            Event::ChangeAnswered { change, .. } => {
                assert_eq!(*change, announced[answered].0, "answers stand in the order of the changes");
                answered += 1;
            }
            _ => {}
        }
    }
    assert_eq!((announced.len(), answered), (150, 150));
    assert!(announced.iter().enumerate().all(|(place, (_, object))| *object == name(place)));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!(there(&bench), 0);
}

#[test]
fn one_that_fails_ends_it_and_the_others_are_taken_back() {
    let bench = Bench::new();
    // It is there when it is sent: what was tried before does not hold any more.
    bench.cluster.lock().refused = Some(rule(&name(70)));
    let run = bench.start();
    let step = run.step_started("create").unwrap();
    let failure = run.change_all((0..150).map(|number| bench.creation(&name(number))).collect()).unwrap_err();
    assert!(failure.is(&REJECTED) && failure.unchanged.is_some_and(|what| what.contains(&name(70))));
    assert_eq!(there(&bench), 127, "the batch that was under way is made, the one after it is not begun");
    run.step_ended(step, false);
    assert_eq!(there(&bench), 0);
}

#[test]
fn without_approval_none_is_made_and_a_plan_makes_none() {
    let mut bench = Bench::new();
    bench.settings.approvals.clear();
    let failure = bench.start().change_all(vec![bench.creation(&name(1)), bench.creation(&name(2))]).unwrap_err();
    assert!(failure.is(&DENIED) || failure.code.exit == Exit::Refused, "{failure:?}");
    let mut bench = Bench::new();
    bench.settings.mode = Mode::Plan;
    let planned = bench.start().change_all(vec![bench.creation(&name(1)), bench.creation(&name(2))]).unwrap();
    assert_eq!((planned.len(), there(&bench)), (2, 0));
}
