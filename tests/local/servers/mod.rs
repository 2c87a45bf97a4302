//! Everything here starts real servers, on free ports of the loopback, in folders of its own.

mod drill;
mod high_availability;
mod kafka;
mod kill;
mod platform;
mod postgres;
mod processes;
mod prometheus;
mod raised;
mod redis;
mod region;
mod rollout;
mod rollout_week_6;
mod rollout_weeks_4_5;
mod stage;
