//! Every limit of the engine, set explicitly: Rhai's defaults differ between debug and release builds.

use rhai::Engine;

/// Operations of one run. A run that polls for an hour needs some ten thousand.
pub const OPERATIONS: u64 = 5_000_000;
/// Depth of calls between script functions.
pub const CALL_LEVELS: usize = 64;
/// Depth of expressions, at the top and in functions.
pub const EXPRESSION_DEPTH: usize = 128;
/// Bytes of a string.
pub const STRING: usize = 8 << 20;
/// Items of an array. Rhai measures a container anew at every change of it, so a large limit costs its square.
pub const ARRAY: usize = 20_000;
/// Entries of a map.
pub const MAP: usize = 20_000;
/// Variables in scope.
pub const VARIABLES: usize = 4096;
/// Modules that a run may import.
pub const MODULES: usize = 256;
/// Functions that a script may define.
pub const FUNCTIONS: usize = 4096;
/// Stack of the script's thread, in bytes. 64 call levels of nested blocks fit with room to spare, in debug builds too.
pub const STACK: usize = 128 << 20;

/// Sets them.
pub fn set(engine: &mut Engine) {
    engine
        .set_max_operations(OPERATIONS)
        .set_max_call_levels(CALL_LEVELS)
        .set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH)
        .set_max_string_size(STRING)
        .set_max_array_size(ARRAY)
        .set_max_map_size(MAP)
        .set_max_variables(VARIABLES)
        .set_max_modules(MODULES)
        .set_max_functions(FUNCTIONS)
        .set_max_strings_interned(1024);
}
