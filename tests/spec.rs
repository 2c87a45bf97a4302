//! The typed plan, from outside: what loads, what is refused and how it is said.
#![allow(clippy::unwrap_used)]

#[path = "spec/malformed.rs"]
mod malformed;
#[path = "spec/plans.rs"]
mod plans;
#[path = "spec/structure.rs"]
mod structure;

use vvbill::spec::{Loaded, Overrides, Problems, load};

/// Loads a plan of one text.
fn load_text(text: &str) -> Result<Loaded, Problems> {
    load("plan.yaml", &Overrides::default(), &mut |_| {
        Ok(text.as_bytes().to_vec())
    })
}
