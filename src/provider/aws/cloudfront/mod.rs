//! CloudFront. Its API stands in us-east-1, and its certificates have to be there.

mod configuration;
mod distribution;

pub use distribution::{Behaviour, Distribution, Origin};
