//! The command line as its users meet it: the real binary, run in a folder of its own.
//!
//! Protects the contract with scripts: help texts, error messages, exit codes, what goes to which stream.
#![allow(clippy::unwrap_used)]

#[path = "cli/binary.rs"]
mod binary;
#[path = "cli/drills.rs"]
mod drills;
#[path = "cli/gates.rs"]
mod gates;
#[path = "cli/interrupts.rs"]
mod interrupts;
#[path = "cli/looks.rs"]
mod looks;
#[path = "cli/man.rs"]
mod man;
#[path = "cli/phases.rs"]
mod phases;
#[path = "cli/plan_files.rs"]
mod plan_files;
#[path = "cli/runs.rs"]
mod runs;
#[path = "cli/simulated.rs"]
mod simulated;
#[path = "cli/states.rs"]
mod states;
#[path = "cli/steady.rs"]
mod steady;
#[path = "cli/terminal.rs"]
mod terminal;
#[path = "cli/usage.rs"]
mod usage;
