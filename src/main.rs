//! `latchkey`: parses the command and runs it. Data goes to stdout as JSON, messages to stderr; bad usage exits with 2.

#[cfg(feature = "ssr")]
fn main() -> std::process::ExitCode {
    latchkey::admin::cli::main()
}

#[cfg(not(feature = "ssr"))]
fn main() {
    eprintln!("The command needs the feature `ssr`.");
}
