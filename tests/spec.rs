//! The typed plan, from outside: what loads, what is refused and how it is said.
#![allow(clippy::unwrap_used)]

#[path = "spec/arbitrary.rs"]
mod arbitrary;
#[path = "spec/layers.rs"]
mod layers;
#[path = "spec/malformed.rs"]
mod malformed;
#[path = "spec/plans.rs"]
mod plans;
#[path = "spec/quantities.rs"]
mod quantities;
#[path = "spec/structure.rs"]
mod structure;
