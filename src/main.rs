//! `latchkey`: parses the command and runs it. Data goes to stdout as JSON, messages to stderr; bad usage exits with 2.

/// A request is answered in some dozens of small pieces of memory.
#[cfg(feature = "ssr")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "ssr")]
fn main() -> std::process::ExitCode {
    latchkey::admin::cli::main()
}

#[cfg(not(feature = "ssr"))]
fn main() {
    eprintln!("The command needs the feature `ssr`.");
}
