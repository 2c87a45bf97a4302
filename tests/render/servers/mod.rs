//! What starts the real programs.

mod checkov;
mod gunicorn;
mod prometheus;
mod redis;
mod terraform;

/// Each plan of the repository.
const PLANS: &[&str] = &["specification", "production", "staging", "local"];
