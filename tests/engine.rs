//! The engine, alone: plans over data, applies over a simulated world.
// Seeds are printed, so that a failure can be had again.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

#[path = "engine/converge.rs"]
mod converge;
#[path = "engine/crash.rs"]
mod crash;
#[path = "engine/damage.rs"]
mod damage;
#[path = "engine/full.rs"]
mod full;
#[path = "engine/interrupt.rs"]
mod interrupt;
#[path = "engine/lock.rs"]
mod lock;
#[path = "engine/plan_cases.rs"]
mod plan_cases;
#[path = "engine/rig.rs"]
mod rig;
#[path = "engine/stale.rs"]
mod stale;
