//! A script as it is read: text, syntax tree, parameters, modules. Nothing is run here.

use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rhai::{AST, ASTNode, Engine, Expr, Position, Stmt};

use super::diagnostic::{Diagnostic, Place};
use super::params::{self, ParamDeclaration};
use super::raise::syntax;
use super::source::Sources;
use super::volatile::{Reading, name_results};
use super::words::test::{self, TestDeclaration};
use super::{limits, words};
use crate::failure::{Code, Failure, IMPORT, SYNTAX, nearest};
use crate::primitive::{Library, Type};

/// Longest script, in bytes.
const LONGEST: u64 = 1 << 20;

/// What a text is written for: it decides which words it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A runbook, or a piece of one.
    Runbook,
    /// Tests of runbooks: `test` is a word there.
    Tests,
    /// An input of a prompt: `_` and `_3` are names of results there.
    Input,
}

/// A script and every module that it imports, read and compiled.
#[derive(Clone)]
pub struct Script {
    /// Path as it was given.
    pub path: String,
    /// Its doc comment (`//!`), without the marks.
    pub doc: String,
    /// Its parameters.
    pub params: Vec<ParamDeclaration>,
    /// Its tests, if it is a file of tests.
    pub tests: Vec<TestDeclaration>,
    /// SHA-256 over it and its modules.
    pub hash: String,
    pub(crate) purpose: Purpose,
    pub(crate) ast: AST,
    pub(crate) modules: BTreeMap<String, AST>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) assigned: HashSet<String>,
    pub(crate) may_change: HashSet<String>,
}

impl Script {
    /// Reads a script. `root` is the tree that imports stay in: by default the nearest folder above that is named
    /// `runbooks`, else the script's own.
    ///
    /// # Errors
    /// What is wrong, with its place in the text.
    pub fn load(path: &Path, root: Option<&Path>, library: &Library) -> Result<Script, Box<Diagnostic>> {
        Script::load_for(Purpose::Runbook, path, root, library)
    }

    /// Reads a file of tests. As [`Script::load`].
    ///
    /// # Errors
    /// What is wrong, with its place in the text.
    pub fn load_tests(path: &Path, root: Option<&Path>, library: &Library) -> Result<Script, Box<Diagnostic>> {
        Script::load_for(Purpose::Tests, path, root, library)
    }

    fn load_for(
        purpose: Purpose,
        path: &Path,
        root: Option<&Path>,
        library: &Library,
    ) -> Result<Script, Box<Diagnostic>> {
        let name = path.display().to_string();
        let text = read(path)
            .map_err(|why| Diagnostic::without_place(Failure::new(&SYNTAX, format!("{name} cannot be read: {why}"))))?;
        let root = root.map(Path::to_path_buf).unwrap_or_else(|| tree_of(path));
        Script::compile(purpose, &name, text, Some(&root), library, &HashSet::new())
    }

    /// Reads a script from a text; it may import only if `root` is given.
    ///
    /// # Errors
    /// What is wrong, with its place in the text.
    pub fn from_text(
        name: &str,
        text: &str,
        root: Option<&Path>,
        library: &Library,
    ) -> Result<Script, Box<Diagnostic>> {
        Script::compile(Purpose::Runbook, name, text.to_owned(), root, library, &HashSet::new())
    }

    fn compile(
        purpose: Purpose,
        name: &str,
        text: String,
        root: Option<&Path>,
        library: &Library,
        may_change_too: &HashSet<String>,
    ) -> Result<Script, Box<Diagnostic>> {
        let (engine, reading) = parser(purpose);
        let mut reader =
            Reader { engine, reading, root, sources: Sources::default(), modules: BTreeMap::new(), open: Vec::new() };
        let ast = reader.read(name, text)?;
        reader.read_resources(name, &ast, library)?;
        let Reader { mut sources, modules, .. } = reader;
        let sources_so_far = Arc::new(sources.clone());
        let params =
            params::declarations(&ast).map_err(|(failure, at)| Diagnostic::at(failure, &sources_so_far, name, at))?;
        let tests =
            test::declarations(&ast).map_err(|(failure, at)| Diagnostic::at(failure, &sources_so_far, name, at))?;
        for (name, ast) in std::iter::once((name, &ast)).chain(modules.iter().map(|(name, ast)| (name.as_str(), ast))) {
            sources.add_closures(name, ast);
        }
        let all = || std::iter::once(&ast).chain(modules.values());
        Ok(Script {
            path: name.to_owned(),
            doc: doc_of(sources.text(name).map(AsRef::as_ref).unwrap_or_default()),
            params,
            tests,
            purpose,
            hash: sources.hash(),
            assigned: all().flat_map(assigned).collect(),
            may_change: may_change(all(), library, may_change_too),
            sources: Arc::new(sources),
            ast,
            modules,
        })
    }

    /// Reads an input of a prompt, whose earlier inputs have defined functions that may change something.
    pub(super) fn from_input(
        name: &str,
        text: &str,
        root: Option<&Path>,
        library: &Library,
        may_change_too: &HashSet<String>,
    ) -> Result<Script, Box<Diagnostic>> {
        Script::compile(Purpose::Input, name, text.to_owned(), root, library, may_change_too)
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.sources.text(&self.path).map(AsRef::as_ref).unwrap_or_default()
    }

    /// The first line of its doc comment.
    pub fn summary(&self) -> &str {
        self.doc.lines().next().unwrap_or_default()
    }
}

/// An engine that can parse scripts and nothing else.
pub(super) fn parser(purpose: Purpose) -> (Engine, Reading) {
    let mut engine = Engine::new_raw();
    let reading = Reading::default();
    limits::set(&mut engine);
    engine.set_optimization_level(rhai::OptimizationLevel::None);
    engine.disable_symbol("eval");
    words::register(&mut engine);
    match purpose {
        Purpose::Runbook => {}
        Purpose::Tests => test::register(&mut engine),
        Purpose::Input => name_results(&mut engine, Arc::clone(&reading)),
    }
    (engine, reading)
}

fn read(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| plain(&error))?.len();
    if size > LONGEST {
        return Err(format!("it has {size} bytes; {LONGEST} is the most"));
    }
    let bytes = std::fs::read(path).map_err(|error| plain(&error))?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".into())
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

/// The nearest folder above a script that is named `runbooks`, else the script's own folder.
pub fn tree_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    path.ancestors()
        .skip(1)
        .find(|above| above.file_name().is_some_and(|name| name == "runbooks"))
        .unwrap_or(folder)
        .to_path_buf()
}

struct Reader<'a> {
    engine: Engine,
    reading: Reading,
    root: Option<&'a Path>,
    sources: Sources,
    modules: BTreeMap<String, AST>,
    /// Modules that are being read, outermost first: one that comes twice is a cycle.
    open: Vec<String>,
}

impl Reader<'_> {
    fn read(&mut self, name: &str, text: String) -> Result<AST, Box<Diagnostic>> {
        // A byte-order mark is a parse error for Rhai, and invisible to the person who reads the message.
        let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(&text).into();
        self.sources.add(name, text.clone());
        self.reading.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone_from(&text);
        let mut ast = self.engine.compile(text.as_ref()).map_err(|error| {
            Diagnostic::at(hinted(syntax(&error.0), &text), &Arc::new(self.sources.clone()), name, error.1)
        })?;
        ast.set_source(name);
        for (path, position) in imports(&ast) {
            let fail = |reader: &Self, failure: Failure| {
                Diagnostic::at(failure, &Arc::new(reader.sources.clone()), name, position)
            };
            let path = path.ok_or_else(|| {
                fail(self, import("an import must name its module by a plain string, so that it can be reviewed", ""))
            })?;
            if self.modules.contains_key(&path) {
                continue;
            }
            if let Some(at) = self.open.iter().position(|open| *open == path) {
                let round: Vec<_> = self.open[at..].iter().chain([&path]).map(|name| format!("`{name}`")).collect();
                return Err(fail(self, import("modules import each other in a circle", &round.join(" imports "))));
            }
            let file = self.file_of(&path).map_err(|failure| fail(self, failure))?;
            let text =
                read(&file).map_err(|why| fail(self, import(&format!("module `{path}` cannot be imported"), &why)))?;
            self.open.push(path.clone());
            let module = self.read(&path, text)?;
            self.open.pop();
            self.modules.insert(path, module);
        }
        Ok(ast)
    }

    /// Reads the files that a text and its modules name as resources. One that is not there is an error of the script.
    fn read_resources(&mut self, name: &str, ast: &AST, library: &Library) -> Result<(), Box<Diagnostic>> {
        let mut named = resources(ast, library).map(|(file, at)| (name.to_owned(), file, at)).collect::<Vec<_>>();
        for (module, ast) in &self.modules {
            named.extend(resources(ast, library).map(|(file, at)| (module.clone(), file, at)));
        }
        for (source, file, position) in named {
            let key = resource_name(&file);
            if self.sources.text(&key).is_some() {
                continue;
            }
            let text = self.inside_tree(&format!("file `{key}`"), Path::new(&key)).and_then(|path| {
                let missing = || import(&format!("there is no file `{key}`"), &format!("no file {}", path.display()));
                if !path.is_file() {
                    return Err(missing());
                }
                read(&path).map_err(|why| import(&format!("file `{key}` cannot be read"), &why))
            });
            let text =
                text.map_err(|failure| Diagnostic::at(failure, &Arc::new(self.sources.clone()), &source, position))?;
            self.sources.add(&key, text.into());
        }
        Ok(())
    }

    /// A path below the root of the tree. A link that leads out of it is refused.
    fn inside_tree(&self, what: &str, relative: &Path) -> Result<PathBuf, Failure> {
        let outside = |why: &str| import(&format!("{what} is outside the runbook tree"), why);
        let root = self
            .root
            .ok_or_else(|| import(&format!("{what} cannot be read"), "this text does not stand in a runbook tree"))?;
        let plain = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        if relative.as_os_str().is_empty() || relative.to_string_lossy().contains('\\') || !plain(relative) {
            return Err(outside("write its path from the root of the tree, without `..`"));
        }
        let file = root.join(relative);
        let inside =
            root.canonicalize().ok().zip(file.canonicalize().ok()).is_none_or(|(root, file)| file.starts_with(root));
        if inside { Ok(file) } else { Err(outside("a link leads out of it")) }
    }

    /// The file of a module: inside the tree, whatever links there are.
    fn file_of(&self, path: &str) -> Result<PathBuf, Failure> {
        let file = self.inside_tree(&format!("module `{path}`"), Path::new(path))?.with_extension("rhai");
        let root = self.root.unwrap_or(Path::new("."));
        if !file.is_file() {
            let known = modules_in(root);
            let near = nearest(path, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            return Err(Failure {
                hint: near,
                ..import(&format!("there is no module `{path}`"), &format!("no file {}", file.display()))
            });
        }
        let relative = Path::new(path).with_extension("rhai");
        self.inside_tree(&format!("module `{path}`"), &relative)
    }
}

fn import(what: &str, why: &str) -> Failure {
    Failure::new(&IMPORT, if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") })
        .unchanged("nothing was run")
}

/// Names of the modules of a tree, as imports write them.
fn modules_in(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rhai")
                && let Ok(relative) = path.with_extension("").strip_prefix(root)
            {
                found.push(relative.display().to_string());
            }
        }
    }
    found
}

/// The imports of a text: the path if it is a literal, and where.
fn imports(ast: &AST) -> Vec<(Option<String>, Position)> {
    let mut found = Vec::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, position))) = path.last() {
            let literal = match &import.0 {
                Expr::StringConstant(path, _) => Some(path.to_string()),
                _ => None,
            };
            found.push((literal, *position));
        }
        true
    });
    found
}

/// How a resource stands among the sources.
pub(crate) fn resource_name(file: &str) -> String {
    format!("resources/{file}")
}

/// The resources that a text names by a plain string, and where. Another form is refused when the primitive is called.
fn resources(ast: &AST, library: &Library) -> impl Iterator<Item = (String, Position)> {
    let at = |name: &str| {
        let named = library.primitives.iter().filter(move |primitive| last_part(primitive.name) == name);
        named.flat_map(|primitive| primitive.params.iter().position(|param| param.ty == Type::Resource)).next()
    };
    let mut found = Vec::new();
    ast.walk(&mut |path| {
        if let Some(
            ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
        ) = path.last()
            && let Some(index) = at(&call.name)
            && let Some(Expr::StringConstant(file, position)) = call.args.get(index)
        {
            found.push((file.to_string(), *position));
        }
        true
    });
    found.into_iter()
}

/// Names that a text assigns to.
fn assigned(ast: &AST) -> HashSet<String> {
    let mut names = HashSet::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = path.last()
            && let Expr::Variable(variable, ..) = &assignment.1.lhs
        {
            names.insert(variable.1.to_string());
        }
        true
    });
    names
}

/// Names of primitives and script functions whose calls may change something. By name only: a function of a module that
/// shares its name with a harmless one counts as it.
fn may_change<'a>(asts: impl Iterator<Item = &'a AST>, library: &Library, known: &HashSet<String>) -> HashSet<String> {
    let changing = library.primitives.iter().filter(|p| p.changes()).map(|p| last_part(p.name).to_owned());
    let mut names: HashSet<String> = changing.chain(known.iter().cloned()).collect();
    let bodies: Vec<(String, HashSet<String>)> = asts.flat_map(function_calls).collect();
    loop {
        let before = names.len();
        for (function, calls) in &bodies {
            if !names.contains(function) && (calls.contains("call") || calls.iter().any(|call| names.contains(call))) {
                names.insert(function.clone());
            }
        }
        if names.len() == before {
            return names;
        }
    }
}

/// The name of a function without its namespace.
pub fn last_part(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// Each function of a text with the names that its body calls.
fn function_calls(ast: &AST) -> Vec<(String, HashSet<String>)> {
    let names: HashSet<String> =
        ast.iter_functions().map(|f| f.name.to_owned()).filter(|name| !name.starts_with("anon$")).collect();
    names
        .into_iter()
        .map(|name| {
            let mut one = ast.clone_functions_only();
            one.retain_functions(|_, _, candidate, _| candidate == name);
            (name, calls(&one))
        })
        .collect()
}

/// The names that a text calls.
pub(crate) fn calls(ast: &AST) -> HashSet<String> {
    let mut names = HashSet::new();
    ast.walk(&mut |path| {
        if let Some(
            ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
        ) = path.last()
        {
            names.insert(call.name.to_string());
        }
        true
    });
    names
}

/// The doc comment at the head of a text.
fn doc_of(text: &str) -> String {
    text.lines()
        .skip_while(|line| line.trim().is_empty())
        .map_while(|line| line.trim_start().strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Words of other languages that people write by habit.
fn hinted(failure: Failure, text: &str) -> Failure {
    let _: &Code = failure.code;
    if failure.message.contains("Missing ';'") || failure.message.contains("missing ';'") {
        return failure.hint("a statement ends with `;`: look at the end of the line before");
    }
    if text.contains("\u{201c}") || text.contains("\u{201d}") {
        return failure.hint("the text has typographic quotes; write \"straight\" ones");
    }
    failure
}

impl Place {
    /// The place of a position in one of the sources.
    pub(super) fn of(sources: &Arc<Sources>, name: &str, position: Position) -> Option<Place> {
        let text = sources.text(name)?.clone();
        let (start, length) = super::source::span(&text, position)?;
        Some(Place {
            source: name.to_owned(),
            text,
            start,
            length,
            line: position.line().unwrap_or(1),
            column: position.position().unwrap_or(1),
        })
    }
}
