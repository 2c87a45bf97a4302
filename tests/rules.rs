//! The rules of `validate`: what they find in the plans that come with vvbill, and where each one's boundary lies.
#![allow(clippy::unwrap_used)]

#[path = "rules/boundaries.rs"]
mod boundaries;
#[path = "rules/fields.rs"]
mod fields;
#[path = "rules/findings.rs"]
mod findings;
