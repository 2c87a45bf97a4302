//! The engine, alone: plans over data, applies over a simulated world.
#![allow(clippy::unwrap_used)]

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
