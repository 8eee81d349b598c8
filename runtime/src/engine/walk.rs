//! Looking at a script's syntax tree: calls with their receivers, steps, blocks.

use rhai::{ASTNode, CustomExpr, Expr, Expression, FnCallExpr, Position, Stmt};

/// A call somewhere in a statement.
pub(super) struct Called<'a> {
    pub call: &'a FnCallExpr,
    pub method: bool,
    pub position: Position,
}

impl Called<'_> {
    /// Its name with its namespace: `k8s::patch`.
    pub fn name(&self) -> String {
        if self.call.namespace.is_empty() {
            self.call.name.to_string()
        } else {
            format!("{}::{}", self.call.namespace, self.call.name)
        }
    }
}

/// The call that a node is, if it is one. Operators are calls too, and left out.
pub(super) fn called<'a>(node: &ASTNode<'a>) -> Option<Called<'a>> {
    let (call, method, position) = match node {
        ASTNode::Expr(Expr::FnCall(call, position)) => (call, false, *position),
        ASTNode::Expr(Expr::MethodCall(call, position)) => (call, true, *position),
        ASTNode::Stmt(Stmt::FnCall(call, position)) => (call, false, *position),
        _ => return None,
    };
    call.op_token.is_none().then_some(Called { call, method, position })
}

/// The word that an expression is, with its inputs.
pub(super) fn word(expression: &Expr) -> Option<(&str, &CustomExpr, Position)> {
    match expression {
        Expr::Custom(custom, position) => custom.tokens.first().map(|word| (word.as_str(), &**custom, *position)),
        _ => None,
    }
}

/// The statements of a word's block.
pub(super) fn block(custom: &CustomExpr) -> &[Stmt] {
    match custom.inputs.last() {
        Some(Expr::Stmt(block)) => block.statements(),
        _ => &[],
    }
}

/// The statements of a block that an engine hands to a word.
pub(super) fn statements_of<'a>(block: &'a Expression<'_>) -> &'a [Stmt] {
    match &**block {
        Expr::Stmt(block) => block.statements(),
        _ => &[],
    }
}

/// Visits every call in a statement, nested blocks and closures' places included.
pub(super) fn each_call(statement: &Stmt, visit: &mut dyn FnMut(&Called<'_>)) {
    statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        if let Some(found) = path.last().and_then(called) {
            visit(&found);
        }
        true
    });
}
