//! What starts the real programs.

mod gunicorn;
mod prometheus;
mod redis;

/// Each plan of the repository.
const PLANS: &[&str] = &["specification", "production", "staging", "local"];
