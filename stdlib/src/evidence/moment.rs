//! One moment: while many causes are looked for at once, what was read answers every later question for the same.
//!
//! Diagnoses know nothing of each other, and ask for the same pods, the same configuration and the same series, some at
//! the same time. What is read twice to see it grow (`super::sampler`) is never answered from here.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use meshbook_runtime::effect::{Call, Effect, Reply};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;

/// What was answered; it may be long, so all who ask for it share it.
pub type Answer = Arc<Result<Reply, Failure>>;

/// What became of a question.
enum Asked {
    /// Somebody waits for its answer.
    Now,
    /// It was answered.
    Answered(Answer),
}

/// What is known, by the call as text.
type Known = HashMap<String, Asked>;

/// What is known in the moment that lasts; `None` outside of one.
#[derive(Default)]
struct Moment {
    known: Mutex<Option<Known>>,
    news: Condvar,
}

impl Moment {
    fn with<T>(&self, use_it: impl FnOnce(&mut Option<Known>) -> T) -> T {
        use_it(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until a question that somebody else asks is answered; `None` if it was given up.
    fn wait_for(&self, key: &str) -> Option<Answer> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let waits =
            |known: &mut Option<Known>| matches!(known.as_ref().and_then(|known| known.get(key)), Some(Asked::Now));
        let known = self.news.wait_while(known, waits).unwrap_or_else(PoisonError::into_inner);
        recalled(known.as_ref()?, key)
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

/// Whether one lasts: whether many causes are looked for at once.
pub fn lasts(run: &Run) -> bool {
    run.kept::<Moment>().with(|known| known.is_some())
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
    if !moment.with(|known| known.is_some()) {
        return run.read_all(effects);
    }
    learn(run, &moment, &effects).into_iter().map(Arc::unwrap_or_clone).collect()
}

/// Reads one thing, or recalls it, and shares it with whoever else asks for it.
pub fn share(run: &Run, effect: Effect) -> Answer {
    let moment = run.kept::<Moment>();
    if !moment.with(|known| known.is_some()) {
        return Arc::new(run.read(effect));
    }
    learn(run, &moment, &[effect]).pop().expect("each effect is answered")
}

/// What was answered already in the moment that lasts.
pub fn recall(run: &Run, effect: &Effect) -> Option<Answer> {
    run.kept::<Moment>().with(|known| recalled(known.as_ref()?, &key(&effect.call)))
}

/// Reads what many will ask for, at once, and keeps it for them. A failure is theirs to meet.
pub fn know(run: &Run, effects: &[Effect]) {
    learn(run, &run.kept::<Moment>(), effects);
}

fn learn(run: &Run, moment: &Moment, effects: &[Effect]) -> Vec<Answer> {
    let keys: Vec<String> = effects.iter().map(|effect| key(&effect.call)).collect();
    let mut answers: Vec<Option<Answer>> = Vec::with_capacity(effects.len());
    let (mut places, mut asked) = (Vec::new(), Vec::new());
    moment.with(|known| {
        let known = known.get_or_insert_default();
        for (place, effect) in effects.iter().enumerate() {
            answers.push(recalled(known, &keys[place]));
            if answers[place].is_none() && !known.contains_key(&keys[place]) {
                known.insert(keys[place].clone(), Asked::Now);
                places.push(place);
                asked.push(effect.clone());
            }
        }
    });
    if !asked.is_empty() {
        let given_up = GivenUp { moment, keys: places.iter().map(|place| keys[*place].as_str()).collect() };
        let replies = run.read_all(asked);
        moment.with(|known| {
            for (place, reply) in places.into_iter().zip(replies) {
                // What stops the run is no answer.
                let counts = reply.as_ref().err().is_none_or(|failure| failure.code.catchable);
                let reply = Arc::new(reply);
                if let (Some(known), true) = (known.as_mut(), counts) {
                    known.insert(keys[place].clone(), Asked::Answered(Arc::clone(&reply)));
                }
                answers[place] = Some(reply);
            }
        });
        drop(given_up);
    }
    let answer = |(place, answer): (usize, Option<Answer>)| {
        let heard = answer.or_else(|| moment.wait_for(&keys[place]));
        heard.unwrap_or_else(|| Arc::new(run.read(effects[place].clone())))
    };
    answers.into_iter().enumerate().map(answer).collect()
}

/// Whatever is still being asked when this is dropped is given up, so that nobody waits for it.
struct GivenUp<'a> {
    moment: &'a Moment,
    keys: Vec<&'a str>,
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.moment.with(|known| {
            if let Some(known) = known {
                self.keys.iter().for_each(|key| {
                    if matches!(known.get(*key), Some(Asked::Now)) {
                        known.remove(*key);
                    }
                });
            }
        });
        self.moment.news.notify_all();
    }
}

fn key(call: &Call) -> String {
    serde_json::to_string(call).expect("a call is plain data with string keys")
}

fn recalled(known: &Known, key: &str) -> Option<Answer> {
    match known.get(key)? {
        Asked::Answered(answer) => Some(Arc::clone(answer)),
        Asked::Now => None,
    }
}
