//! `step "title" { }`: what is shown, timed, approved, and resumed from. A block, not a closure.

use rhai::{ASTNode, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, Position, Stmt, StmtBlock};

use crate::engine::raise::{error_of, plain_failure};
use crate::engine::session::{Session, Tag};
use crate::engine::stepping::{self, After, Before};
use crate::engine::volatile::evaluate_inline;
use crate::engine::words::proof;
use crate::failure::{Failure, NO_DATA, UNKNOWN_NAME};
use crate::run::Stop;

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_custom_syntax(["step", "$expr$", "$block$"], true, |context, inputs| {
            let title = context.eval_expression_tree(&inputs[0])?.to_string();
            let session = Session::of(context.tag());
            if stepping::before(context, &session, &title, &inputs[1])? == Before::Skip {
                return Ok(Dynamic::UNIT);
            }
            loop {
                let (result, again) = once(context, &session, &title, inputs)?;
                if !again {
                    return result;
                }
            }
        })
        .expect("the syntax of `step` is well formed");
}

/// What a statement comes to in Rhai.
type Outcome = Result<Dynamic, Box<EvalAltResult>>;

/// Carries out a step, and answers what came of it, and whether it shall be carried out once more.
///
/// # Errors
/// When the run has been stopped before it, or a person leaves the script after it.
fn once(
    context: &mut EvalContext,
    session: &Tag,
    title: &str,
    inputs: &[Expression],
) -> Result<(Outcome, bool), Box<EvalAltResult>> {
    let mark = session.run.step_started(title).map_err(|failure| error_of(failure, inputs[0].position()))?;
    let came = stepping::Came { title, block: &inputs[1], since: session.run.mark() };
    let result = statements(context, session, &inputs[1]);
    // `return`, `break` and endings leave a step as they leave any block; only a failure means that it did not pass.
    if let Err(error) = &result
        && !error.is_pseudo_error()
        && !matches!(session.run.verdict(), Some(Stop::Ended(_)))
    {
        return Ok(match stepping::failed(context, session, &came, error) {
            None => {
                session.run.step_ended(mark, false);
                (result, false)
            }
            Some(after) => {
                session.run.step_left(mark);
                (Ok(Dynamic::UNIT), after == After::Again)
            }
        });
    }
    session.run.step_ended(mark, true);
    let again = result.is_ok() && stepping::passed(context, session, &came)? == After::Again;
    Ok((result, again))
}

/// Runs the block statement by statement. Before the first one that may change something, the proofs that follow it are
/// looked at: a change that cannot be proved is not made.
fn statements(context: &mut EvalContext, session: &Tag, block: &Expression) -> Result<Dynamic, Box<EvalAltResult>> {
    let Expr::Stmt(block) = &**block else { return evaluate_inline(context, block) };
    let statements = block.statements();
    let mut looked = false;
    let mut last = Dynamic::UNIT;
    for (index, statement) in statements.iter().enumerate() {
        if !looked && may_change(statement, session) {
            looked = true;
            rehearse(context, session, &statements[index + 1..])?;
        }
        let alone = Expr::Stmt(Box::new(StmtBlock::new([statement.clone()], statement.position(), Position::NONE)));
        last = evaluate_inline(context, &Expression::from(&alone))?;
    }
    Ok(last)
}

/// Whether a statement calls anything that may change something. A call of a value is unknown, and counts.
fn may_change(statement: &Stmt, session: &Session) -> bool {
    let mut found = false;
    statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        let called = match path.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
            ) => call,
            _ => return true,
        };
        if called.name == "call" || session.may_change.contains(called.name.as_str()) {
            found = true;
        }
        !found
    });
    found
}

/// Evaluates once the proofs of a step whose variables exist by now.
fn rehearse(context: &mut EvalContext, session: &Tag, rest: &[Stmt]) -> Result<(), Box<EvalAltResult>> {
    // After a planned change the mesh itself cannot answer: whether these proofs have data, only the run can tell.
    if session.run.has_planned() {
        return Ok(());
    }
    for statement in rest {
        let Stmt::Expr(expression) = statement else { continue };
        let Expr::Custom(custom, _) = &**expression else { continue };
        let Some(word) = custom.tokens.first().filter(|word| *word == "wait" || *word == "hold") else { continue };
        let condition = Expression::from(custom.inputs.last().expect("a proof has a block"));
        let result = session.run.rehearse(|| context.eval_expression_tree(&condition));
        let seen = session.take_seen();
        match result {
            Ok(value) => {
                proof::as_bool(&value, word, condition.position())?;
                proof::looked_at(session, context, word, &condition, seen);
            }
            Err(error) if session.run.stopped() => return Err(error),
            Err(error) => {
                let failure = plain_failure(&error);
                if failure.is(&UNKNOWN_NAME) {
                    // It speaks of a variable that is made later: `meshbook check` says so, and it is evaluated in its turn.
                    continue;
                }
                if failure.is_no_data() {
                    let stop = Failure::new(
                        &NO_DATA,
                        format!("what this step would change could not be proved: {}", failure.message),
                    )
                    .unchanged("nothing was changed by this step")
                    .hint("switch the evidence on first: `reference/enable-evidence.rhai` says how");
                    session.run.stop(stop.clone());
                    return Err(EvalAltResult::ErrorTerminated(Dynamic::from(stop), condition.position()).into());
                }
                return Err(error);
            }
        }
    }
    Ok(())
}
