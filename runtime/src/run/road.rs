//! The road of reads: gate, journal, transport. Changes take the same road in [`crate::change`].

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;
use tracing::Instrument;

use super::wall::Stopwatch;
use super::{Mode, Run};
use crate::change::{Change, Changed};
use crate::effect::{Call, Class, Effect, Notice, Reply};
use crate::failure::{BAD_ANSWER, Failure, NOT_FOUND, SCRIPT};
use crate::record::event::Event;

impl Run {
    /// Reads or probes.
    ///
    /// # Errors
    /// The gate's refusal, the transport's failure, or what has stopped the run.
    pub fn read(&self, effect: Effect) -> Result<Reply, Failure> {
        let mut answers = self.read_all(vec![effect]);
        answers.pop().expect("read_all answers each effect")
    }

    /// Reads or probes many, so many at once as the budget allows. Answers stand in the order of the effects, and one
    /// that fails does not fail the others.
    pub fn read_all(&self, effects: Vec<Effect>) -> Vec<Result<Reply, Failure>> {
        let call = self.ordinal.fetch_add(1, Ordering::Relaxed);
        self.caller.latch.time_is(self.caller.now());
        let looks = stream::iter(&effects).map(|effect| self.look(effect)).buffered(self.gate.meter.in_flight());
        let outcome = self.caller.unless_stopped(looks.collect::<Vec<_>>());
        let now = self.caller.now();
        self.caller.latch.time_is(now);
        let answers = match outcome {
            Ok(answers) => answers,
            // Stopped: the reads that were under way are given up, and nothing is known of them.
            Err(failure) => effects.iter().map(|_| (Err(failure.clone()), Duration::ZERO)).collect(),
        };
        let mut results = Vec::with_capacity(effects.len());
        for (place, (effect, (answer, took))) in effects.into_iter().zip(answers).enumerate() {
            let answer = match answer {
                Ok(reply) => Ok(self.gate.overlay.over(&effect.call, reply)),
                Err(failure) if failure.is(&NOT_FOUND) => self.gate.overlay.created(&effect.call).ok_or(failure),
                Err(failure) => Err(failure),
            };
            let answer = self.recorded(now, effect, (call, place as u64), answer, took);
            results.push(self.latched(answer));
        }
        results
    }

    /// The present time.
    ///
    /// # Errors
    /// What has stopped the run.
    pub fn now(&self) -> Result<Timestamp, Failure> {
        match self.read(Effect::read("clock", "now", Call::Now))? {
            Reply::Time(now) => Ok(now),
            _ => Err(Failure::new(&BAD_ANSWER, "the clock answered with something else than a time")),
        }
    }

    /// Lets time pass. It ends early if a deadline or the time of a block is up.
    ///
    /// # Errors
    /// What has stopped the run.
    pub fn sleep(&self, duration: Duration) -> Result<(), Failure> {
        let now = self.caller.now();
        let allowed = self.caller.latch.next_timer().map_or(duration, |at| duration.min(super::between(now, at)));
        self.read(Effect::read("clock", format!("wait {duration:?}"), Call::Sleep { duration: allowed }))?;
        self.caller.latch.failure().map_or(Ok(()), Err)
    }

    /// Tells people. A plan only says that it would. Answers why nobody was told, where that is so: a lab and a replay tell
    /// nobody.
    ///
    /// # Errors
    /// [`crate::failure::NOT_TOLD`]; or what has stopped the run.
    pub fn tell(&self, notice: Notice, summary: &str) -> Result<Option<String>, Failure> {
        let channel = notice.channel;
        if self.is_rehearsing() {
            return Err(Failure::new(
                &SCRIPT,
                format!("{channel} was to be told by the condition of a `wait` or `hold`"),
            )
            .hint("a proof only looks: move the message out of it"));
        }
        if self.mode() == Mode::Plan {
            self.note(Event::NotEvaluated { what: format!("tell {channel}: {summary}") });
            return Ok(Some("a plan tells nobody".into()));
        }
        let effect = Effect {
            class: Class::Probe,
            target: channel.to_string(),
            summary: format!("tell: {summary}"),
            call: Call::Notify(notice),
        };
        Ok(match self.read(effect)? {
            Reply::Text(why) => Some(why),
            _ => None,
        })
    }

    /// Makes a change, or in a plan tries it.
    ///
    /// # Errors
    /// The gate's refusal, the server's, or what has stopped the run. Nothing was changed then, unless the message
    /// says that it is not known.
    pub fn change(&self, change: Change) -> Result<Changed, Failure> {
        let outcome = match self.only_reads(&change.object, change.class) {
            Ok(()) => crate::change::road::change(self, change),
            Err(refused) => Err(refused),
        };
        let outcome = self.latched(outcome);
        self.caller.latch.time_is(self.caller.now());
        outcome
    }

    /// Makes changes of objects that do not depend on each other, many at once, or in a plan tries them. Each is tried,
    /// approved and recorded as by [`Run::change`]; none is read back, so a proof that reads them has to follow.
    ///
    /// # Errors
    /// As of [`Run::change`], for the first that failed. Some after it may have been made then: they are in the record, and
    /// are taken back with the others.
    pub fn change_all(&self, changes: Vec<Change>) -> Result<Vec<Changed>, Failure> {
        let outcome = self.latched(crate::change::many::change_all(self, changes));
        self.caller.latch.time_is(self.caller.now());
        outcome
    }

    /// Writes a read down. A list of thousands of objects goes into the record and comes back: it is copied only where the
    /// record keeps something of it out.
    fn recorded(
        &self,
        now: Timestamp,
        effect: Effect,
        ordinal: (u64, u64),
        answer: Result<Reply, Failure>,
        took: Duration,
    ) -> Result<Reply, Failure> {
        let (kept, reply) = match answer {
            Ok(reply) => match facts(&effect.call, &reply) {
                Some(facts) => (Some(Ok(reply)), Some(facts)),
                None => (None, Some(reply)),
            },
            Err(failure) => (Some(Err(failure)), None),
        };
        let failure = kept.as_ref().and_then(|answer| answer.as_ref().err());
        let failure = failure.map(|failure| (failure.code.name.to_owned(), failure.message.clone()));
        let event = Event::Looked { effect, beside: self.beside.clone(), ordinal, reply, failure, took };
        let (line, whole) = self.journal.pass(now, event);
        match (kept, whole, line.event) {
            (Some(answer), ..) => answer,
            (None, Some(whole), _) => Ok(whole),
            (None, None, Event::Looked { reply: Some(reply), .. }) => Ok(reply),
            (None, None, _) => unreachable!("an event comes back as it went"),
        }
    }

    async fn look(&self, effect: &Effect) -> (Result<Reply, Failure>, Duration) {
        let span =
            tracing::info_span!("effect", class = %effect.class, target = %effect.target, took = tracing::field::Empty);
        let watch = Stopwatch::start();
        let answer = async {
            self.only_reads(&effect.target, effect.class)?;
            self.gate.admit(effect)?;
            self.caller.transport.call(&effect.call).await
        };
        let answer = answer.instrument(span.clone()).await;
        let took = watch.took();
        span.record("took", tracing::field::debug(took));
        (answer, took)
    }

    /// A failure that no script may handle stops the run, wherever it was met.
    fn latched<T>(&self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(failure) = &outcome
            && !failure.code.catchable
        {
            self.stop(failure.clone());
        }
        outcome
    }
}

/// What stands in the record in the place of an answer that is kept elsewhere.
fn facts(call: &Call, reply: &Reply) -> Option<Reply> {
    let facts = |bytes: &[u8]| Some(Reply::Json(crate::transport::files::facts(bytes)));
    match (call, reply) {
        // A file stays where it is; the record says which it was.
        (Call::ReadFile { .. }, Reply::Text(text)) => facts(text.as_bytes()),
        // What was rendered stands in the record object by object, where it is applied.
        (Call::Render(_), Reply::Json(objects)) => facts(objects.to_string().as_bytes()),
        _ => None,
    }
}
