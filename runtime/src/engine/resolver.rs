//! Imports inside the runbook tree: only modules that were read with the script, one copy of each for a run.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};

use super::session::Session;

/// Serves the modules of one script.
pub(super) struct Resolver {
    asts: BTreeMap<String, AST>,
    made: Mutex<BTreeMap<String, Shared<Module>>>,
}

impl Resolver {
    pub fn new(asts: BTreeMap<String, AST>) -> Self {
        Resolver { asts, made: Mutex::new(BTreeMap::new()) }
    }
}

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        _: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let made = |resolver: &Self| {
            resolver.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(path).cloned()
        };
        if let Some(module) = made(self) {
            return Ok(module);
        }
        let ast = self.asts.get(path).ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.into(), position))?;
        let session = Session::of(engine.default_tag());
        // The top level of a module runs when it is imported, outside any step: it may define, and not act.
        session.importing.fetch_add(1, Ordering::Relaxed);
        let module = Module::eval_ast_as_new(Scope::new(), ast, engine);
        session.importing.fetch_sub(1, Ordering::Relaxed);
        let module: Shared<Module> =
            module.map_err(|error| EvalAltResult::ErrorInModule(path.into(), error, position))?.into();
        let mut all = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(all.entry(path.to_owned()).or_insert(module).clone())
    }
}
