//! One moment: while many causes are looked for at once, what was read answers every later question for the same.
//!
//! Diagnoses know nothing of each other, and ask for the same pods, the same configuration and the same series. What is
//! read twice to see it grow (`super::sampler`) is never answered from here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use meshbook_runtime::effect::{Effect, Reply};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;

type Known = HashMap<String, Result<Reply, Failure>>;

/// What is known in the moment that lasts; `None` outside of one.
#[derive(Default)]
struct Moment(Mutex<Option<Known>>);

impl Moment {
    fn with<T>(&self, use_it: impl FnOnce(&mut Option<Known>) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Works as if no time passed: nothing that goes through [`read`] or [`read_all`] is asked twice. Whoever works so must
/// change nothing. A moment inside another is a part of it.
pub fn during<T>(run: &Run, work: impl FnOnce() -> T) -> T {
    struct Ends<'a>(&'a Moment);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.with(|known| *known = None);
        }
    }
    let moment = run.kept::<Moment>();
    let begins = moment.with(|known| known.is_none().then(|| *known = Some(Known::new())).is_some());
    let _ends = begins.then(|| Ends(&moment));
    work()
}

/// Reads one thing, or recalls it.
///
/// # Errors
/// As [`Run::read`].
pub fn read(run: &Run, effect: Effect) -> Result<Reply, Failure> {
    read_all(run, vec![effect]).pop().expect("each effect is answered")
}

/// Reads many, or recalls them; answers stand in the order of the effects, as in [`Run::read_all`].
pub fn read_all(run: &Run, effects: Vec<Effect>) -> Vec<Result<Reply, Failure>> {
    let moment = run.kept::<Moment>();
    let keys: Vec<Option<String>> = effects.iter().map(|effect| serde_json::to_string(&effect.call).ok()).collect();
    let recall = |known: &mut Option<Known>| -> Option<Vec<Option<Result<Reply, Failure>>>> {
        let known = known.as_ref()?;
        Some(keys.iter().map(|key| known.get(key.as_ref()?).cloned()).collect())
    };
    let Some(mut answers) = moment.with(recall) else { return run.read_all(effects) };
    let (places, asked): (Vec<usize>, Vec<Effect>) =
        effects.into_iter().enumerate().filter(|(place, _)| answers[*place].is_none()).unzip();
    if !asked.is_empty() {
        let replies = run.read_all(asked);
        moment.with(|known| {
            for (place, reply) in places.into_iter().zip(replies) {
                // What stops the run is no answer.
                let counts = reply.as_ref().err().is_none_or(|failure| failure.code.catchable);
                if let (Some(known), Some(key), true) = (known.as_mut(), &keys[place], counts) {
                    known.insert(key.clone(), reply.clone());
                }
                answers[place] = Some(reply);
            }
        });
    }
    answers.into_iter().map(|answer| answer.expect("what was not recalled was asked")).collect()
}
