//! An open loop: events are sent when the clock says so, whatever the platform does, and what that looked
//! like is measured.
//!
//! [`profile`] says when each event is due, `keeper` whose fault it is that one is late, `meter` counts and
//! times, [`watch`](mod@watch) reads it at intervals together with the consumers' lag, [`measured`] is the
//! result, [`threshold`] judges it, and [`search`] looks for the highest rate that holds. Latency counts from
//! the moment that a request was due, so that a platform that stalls doesn't hide the wait of what queues up
//! behind (coordinated omission).

pub(super) mod http;
mod keeper;
pub mod measured;
mod meter;
pub mod profile;
pub mod search;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;
pub mod threshold;
pub mod watch;

pub(super) use keeper::Keeper;
pub use measured::{Interval, Measured, Percentiles, Totals};
pub use meter::Meter;
pub use profile::Profile;
pub use threshold::Threshold;
