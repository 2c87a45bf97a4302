//! The rollout: a plan brought up week by week, each week proven before the next.
//!
//! A step checks, acts where it must, and verifies; what it measured is its evidence in the [`ledger`]. The
//! [`gate`] before a week is open when every week before it has passed for the plan as it is. Steps take
//! thresholds from the plan and values from the running system: no step takes the state, the plan's outputs or
//! the service's own health pages for proof. Bringing up a week's sections is the caller's: this module applies
//! nothing and prints nothing.

mod alerts;
mod dashboards;
pub mod drilled;
pub mod engine;
mod events;
pub mod gate;
mod kafka;
pub mod ledger;
mod load;
mod markers;
pub mod model;
mod prometheus;
mod redis;
mod service;
mod sql;
pub mod step;
pub mod switch;
pub mod week;
mod week_1;
mod week_2;
mod week_3;
mod week_4;
mod week_5;
mod week_6;

use std::sync::Arc;

pub use load::{LOAD_FOR, found, measured};
pub use prometheus::Prometheus;
pub use step::{Drills, Scene, Step, Trouble};
pub use switch::{Processes, Switch};
pub use week::{Week, weeks};

/// Every step that there is, in order.
pub fn steps() -> Vec<Arc<dyn Step>> {
    [
        week_1::steps(),
        week_2::steps(),
        week_3::steps(),
        week_4::steps(),
        week_5::steps(),
        week_6::steps(),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
