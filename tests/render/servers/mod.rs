//! What starts the real programs.

mod prometheus;
mod redis;
mod terraform;
