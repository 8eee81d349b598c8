//! `test "title" { }`: one of a user's own tests of runbooks. Only files of tests know this word.
//!
//! Each test is an execution of its own: the text outside tests runs for all of them, the block of one only for that one.

use rhai::{AST, ASTNode, Dynamic, Engine, Expr, Position};

use crate::engine::session::Session;
use crate::engine::volatile::evaluate_inline;
use crate::engine::walk::word;
use crate::failure::{Failure, SYNTAX};

/// A test as its file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestDeclaration {
    /// What it shows, in the file's words.
    pub title: String,
    /// Where it stands.
    pub(crate) position: Position,
}

impl TestDeclaration {
    /// The line on which it stands, from 1.
    pub fn line(&self) -> usize {
        self.position.line().unwrap_or(1)
    }
}

pub(in crate::engine) fn register(engine: &mut Engine) {
    engine
        .register_custom_syntax(["test", "$string$", "$block$"], true, |context, inputs| {
            let chosen = Session::of(context.tag()).test;
            if chosen == Some(inputs[0].position()) { evaluate_inline(context, &inputs[1]) } else { Ok(Dynamic::UNIT) }
        })
        .expect("the syntax of `test` is well formed");
}

/// The tests of a file, in its order. Titles tell tests apart, so none may come twice.
pub(in crate::engine) fn declarations(ast: &AST) -> Result<Vec<TestDeclaration>, (Failure, Position)> {
    let mut found: Vec<TestDeclaration> = Vec::new();
    let mut twice = None;
    ast.walk(&mut |path| {
        let Some(ASTNode::Expr(expression)) = path.last() else { return true };
        if let Some(("test", custom, _)) = word(expression)
            && let Some(Expr::StringConstant(title, position)) = custom.inputs.first()
        {
            if found.iter().any(|test| test.title == title.as_str()) {
                twice = Some((Failure::new(&SYNTAX, format!("two tests are called \"{title}\"")), *position));
                return false;
            }
            found.push(TestDeclaration { title: title.to_string(), position: *position });
        }
        true
    });
    twice.map_or(Ok(found), Err)
}
