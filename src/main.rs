//! The program: arguments in, one call, an exit status out. Everything else is in the library.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use pinkpoint::{
    cli::{self, Cli},
    log,
};

/// Exit status after a panic: `EX_SOFTWARE` of sysexits.h.
const PANIC_STATUS: u8 = 70;

/// That nobody reads it any more is no reason to end in another way.
fn tell(error: &str) {
    let _ = writeln!(io::stderr(), "Error: {error}");
}

fn main() -> ExitCode {
    // Bad usage ends here with clap's message and status 2.
    let arguments = Cli::parse();
    pinkpoint::source::settle_opencv();
    log::start();
    match std::panic::catch_unwind(|| cli::run(arguments)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            tell(&format!("{error:#}"));
            cli::exit_code(&error)
        }
        // The panic has printed what and where; libtorch's wrapper panics where memory runs out, for example.
        Err(_) => {
            tell("that should not have happened; please report it with the lines above");
            ExitCode::from(PANIC_STATUS)
        }
    }
}
