//! `wait DURATION until { }` polls until it is true; `hold DURATION while { }` must stay true all that time.

use std::time::Duration;

use jiff::Timestamp;
use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, Position, Stmt};

use super::is_unit;
use crate::engine::raise::{error_of, plain_failure};
use crate::engine::session::{Session, Tag};
use crate::failure::{Failure, PROOF, TYPE};
use crate::noun::a_type;
use crate::record::event::ProofOutcome;
use crate::run::Mode;
use crate::run::changed_back::HINT;
use crate::value::Span;

/// What helps where a proof failed and nobody has meddled.
const LOOK: &str = "run it with `--debug` at a terminal: a prompt opens where it failed, before anything is taken back";
/// The first pause between two polls, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

pub(super) fn register(engine: &mut Engine, word: &'static str, before_block: &'static str) {
    engine.register_custom_syntax_with_state_raw(
        word,
        move |symbols, ahead, _| {
            let last = symbols.last().map(|symbol| symbol.as_str()).unwrap_or_default();
            Ok(match last {
                "$block$" => None,
                _ if symbols.len() == 1 => Some("$expr$".into()),
                _ if last == before_block => Some("$block$".into()),
                "$expr$" if is_unit(ahead) => Some("$ident$".into()),
                _ => Some(before_block.into()),
            })
        },
        true,
        move |context, inputs, _| prove(context, word, inputs),
    );
}

/// A span of time from what a script wrote: `2m`, `soak`, `"2m"`.
pub(super) fn span_of(value: &Dynamic, unit: &str, position: Position) -> Result<Span, Box<EvalAltResult>> {
    if let Some(span) = value.clone().try_cast::<Span>() {
        return Ok(span);
    }
    let read = if value.is_string() || !unit.is_empty() {
        format!("{value}{unit}").parse::<Span>()
    } else {
        Err(format!("{} is not a duration; write for example 30s or 2m", a_type(value)))
    };
    read.map_err(|why| error_of(Failure::new(&TYPE, why), position))
}

/// A condition must answer with a bool.
pub(super) fn as_bool(value: &Dynamic, word: &str, position: Position) -> Result<bool, Box<EvalAltResult>> {
    value.as_bool().map_err(|_| {
        error_of(
            Failure::new(&TYPE, format!("the condition of `{word}` must be true or false, not {}", a_type(value))),
            position,
        )
    })
}

/// Notes that a proof can be evaluated, before the first change of its step.
pub(super) fn looked_at(
    session: &Tag,
    context: &EvalContext,
    word: &str,
    condition: &Expression,
    seen: Option<String>,
) {
    session.run.proved(word, &text_of(session, context, condition), ProofOutcome::CanBeEvaluated, seen, Duration::ZERO);
}

fn prove(context: &mut EvalContext, word: &'static str, inputs: &[Expression]) -> Result<Dynamic, Box<EvalAltResult>> {
    let session = Session::of(context.tag());
    let run = session.run.clone();
    let value = context.eval_expression_tree(&inputs[0])?;
    let unit = if inputs.len() > 2 { inputs[1].get_string_value().unwrap_or_default() } else { "" };
    let limit = span_of(&value, unit, inputs[0].position())?;
    let condition = inputs.last().expect("a proof has a block");
    let text = text_of(&session, context, condition);
    if run.mode() == Mode::Plan {
        run.proved(word, &text, ProofOutcome::NotEvaluated, None, Duration::ZERO);
        return Ok(Dynamic::UNIT);
    }
    let now = |position| run.now().map_err(|failure| error_of(failure, position));
    let begun = now(condition.position())?;
    let mut pause = PAUSES.0;
    let mut rounds = 0;
    loop {
        let (holds, seen) = look(context, &session, word, condition)?;
        rounds += 1;
        let took = since(begun, now(condition.position())?);
        let left = limit.0.saturating_sub(took);
        let ended = match (word, &holds) {
            ("wait", Ok(true)) => Some(ProofOutcome::Passed),
            ("wait", Ok(false)) if left.is_zero() => Some(ProofOutcome::Failed),
            ("hold", Ok(false)) => Some(ProofOutcome::Failed),
            ("hold", Ok(true)) if left.is_zero() => Some(ProofOutcome::Passed),
            (_, Err(_)) if left.is_zero() => Some(ProofOutcome::Unverified),
            _ => None,
        };
        if let Some(outcome) = ended {
            run.progress(None);
            run.proved(word, &text, outcome, seen.clone(), took);
            let why = match outcome {
                ProofOutcome::Passed => return Ok(rounds.into()),
                ProofOutcome::Unverified => {
                    format!("`{word} {limit}` is unverified: {}", holds.err().map(|f| f.message).unwrap_or_default())
                }
                _ if word == "hold" => format!("`hold {limit} while {text}` did not hold: false after {}", plain(took)),
                _ => format!("`wait {limit} until {text}` was not true in time"),
            };
            let last = seen.map(|seen| format!("; last seen: {seen}")).unwrap_or_default();
            let failure = match run.changed_back() {
                Some(back) => Failure::new(&PROOF, format!("{back}; {why}{last}")).hint(HINT),
                None => Failure::new(&PROOF, format!("{why}{last}")).hint(LOOK),
            };
            return Err(error_of(failure, condition.position()));
        }
        let what = seen.unwrap_or_else(|| text.clone());
        run.progress(Some(&format!("{word} {limit}: {what} ({} left)", plain(left))));
        run.sleep(pause.min(left)).map_err(|failure| error_of(failure, condition.position()))?;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Whether a condition holds, or has no data yet; and what it saw.
type Look = (Result<bool, Failure>, Option<String>);

/// Evaluates the condition once. No data is "not yet"; every other failure ends the proof.
fn look(
    context: &mut EvalContext,
    session: &Tag,
    word: &str,
    condition: &Expression,
) -> Result<Look, Box<EvalAltResult>> {
    session.take_seen();
    let (result, sides) = match comparison(condition) {
        Some((operator, [left, right])) => {
            let left = context.eval_expression_tree(&Expression::from(left));
            let right =
                left.and_then(|left| context.eval_expression_tree(&Expression::from(right)).map(|right| (left, right)));
            match right {
                Ok((mut left, mut right)) => {
                    let sides = format!("{left} {operator} {right}");
                    (context.call_native_fn_raw(operator, false, &mut [&mut left, &mut right]), Some(sides))
                }
                Err(error) => (Err(error), None),
            }
        }
        None => (context.eval_expression_tree(condition), None),
    };
    let seen = session.take_seen().or(sides);
    match result {
        Ok(value) => Ok((Ok(as_bool(&value, word, condition.position())?), seen)),
        Err(error) if session.run.stopped() => Err(error),
        Err(error) => {
            let failure = plain_failure(&error);
            if failure.is_no_data() { Ok((Err(failure.clone()), Some(failure.message))) } else { Err(error) }
        }
    }
}

/// The two sides of a condition that is one comparison and nothing else: they are worth showing.
fn comparison<'a>(condition: &'a Expression<'_>) -> Option<(&'a str, [&'a Expr; 2])> {
    let Expr::Stmt(block) = &**condition else { return None };
    let [Stmt::Expr(expression)] = block.statements() else { return None };
    let Expr::FnCall(call, _) = &**expression else { return None };
    let [left, right] = call.args.as_slice() else { return None };
    matches!(call.name.as_str(), "==" | "!=" | "<" | "<=" | ">" | ">=").then_some((call.name.as_str(), [left, right]))
}

/// The condition as the script writes it, on one line.
fn text_of(session: &Session, context: &EvalContext, condition: &Expression) -> String {
    let Expr::Stmt(block) = &**condition else { return String::new() };
    let source = context.source().unwrap_or(&session.main);
    session.sources.between(source, block.position(), block.end_position())
}

fn since(begun: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(begun)).unwrap_or_default()
}

fn plain(duration: Duration) -> String {
    let rounded = Duration::from_secs(duration.as_secs_f64().round().max(0.0) as u64);
    if rounded.is_zero() { format!("{}ms", duration.as_millis()) } else { Span(rounded).to_string() }
}
