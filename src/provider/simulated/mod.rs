//! A provider without a cloud: seeded, in this process, failing, slow and half-done on demand.
//!
//! For tests and measurements of the engine. It keeps the trait honest: each way of being found again
//! has a kind that behaves as real services of that sort do, duplicates included. Its world may live in a
//! file, which outlasts the process that is killed in the middle of a call, and is then the judge.

mod platform;
mod thing;
mod world;

pub use platform::tree;
pub use thing::{Composite, Named, Shape, Tagged, Template, Thing, Tokened};
pub use world::{Faults, Known, World};

use super::{Kind, Typed};

/// All kinds, over one world.
pub fn provider(world: World) -> Typed<World> {
    Typed {
        name: "simulated",
        cloud: world,
        kinds: KINDS,
    }
}

const KINDS: &[Kind<World>] = &[
    Kind::of::<Thing<Named>>(),
    Kind::of::<Thing<Tokened>>(),
    Kind::of::<Thing<Tagged>>(),
    Kind::of::<Thing<Composite>>(),
    Kind::of::<Thing<Template>>(),
];
