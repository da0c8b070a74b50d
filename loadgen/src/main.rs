//! `slipring-load`: see `--help`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    slipring_load::cli::main()
}
