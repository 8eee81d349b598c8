//! How the binary is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // At a fixed address, tables of function pointers need no relocation. As position-independent code, every start
        // writes to all their pages, megabytes of them, before the first line of `main`.
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
