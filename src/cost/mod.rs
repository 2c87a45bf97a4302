//! What a plan costs: quantities from its desired resources, prices from a dated book.
//!
//! Pure: no file, clock or network; the caller reads books and gives the date. Depends on [`crate::spec`] and
//! [`crate::resource`]. Knows no provider: it reads the properties of desired resources by their kind. Every
//! amount is an exact decimal. What has no price, or no quantity, is unknown, and never counts as zero.
//!
//! Resources and the plan become demands (`quantity`, one file a subsystem), a [`Book`] turns them into the
//! lines of an [`Estimate`], and [`difference`], [`curve`], [`budget`] and [`savings`] answer questions about
//! estimates.
//! [`price_list`] and [`refresh`] make a new book of what AWS's Price List answers.

mod book;
pub mod budget;
mod cache;
mod compute;
pub mod curve;
mod database;
pub mod difference;
mod edge;
mod estimate;
mod free;
mod inventory;
mod item;
mod load_balancer;
mod monitoring;
mod network;
mod price_answer;
mod price_document;
pub mod price_list;
mod pricing;
mod quantity;
pub mod refresh;
pub mod savings;
mod storage;

use rust_decimal::Decimal;

use crate::resource::Desired;
use crate::spec::Spec;
use quantity::Demand;

pub use book::{Book, BookError, Commitment, Price, Scope, ScopeRegions, Tier};
pub use estimate::{Component, Estimate, Line, NotCounted, Outside, Part, Total, Unknown};
pub use item::{Item, Row, Unit};
pub use quantity::{Range, plain};

/// What is to be priced.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The plan.
    pub spec: &'a Spec,
    /// Its resources.
    pub desired: &'a [Desired],
    /// The prices.
    pub book: &'a Book,
    /// What of it is priced; none: everything.
    pub scope: Option<&'a Scope>,
    /// The day on which versions are judged as old or not.
    pub as_of: jiff::civil::Date,
    /// The rate of events as a multiple of the plan's: 1, unless another rate is asked about.
    pub load: Decimal,
}

impl Input<'_> {
    /// The monthly cost, line by line.
    pub fn estimate(&self) -> Estimate {
        let inventory = inventory::Inventory::new(self);
        pricing::price(self, &inventory, demands(&inventory))
    }

    /// What is wanted and how much of it, before anybody knows a price.
    fn demands(&self) -> Vec<Demand> {
        demands(&inventory::Inventory::new(self))
    }
}

fn demands(inventory: &inventory::Inventory<'_>) -> Vec<Demand> {
    let mut demands = Vec::new();
    compute::demands(inventory, &mut demands);
    database::demands(inventory, &mut demands);
    cache::demands(inventory, &mut demands);
    load_balancer::demands(inventory, &mut demands);
    network::demands(inventory, &mut demands);
    monitoring::demands(inventory, &mut demands);
    storage::demands(inventory, &mut demands);
    edge::demands(inventory, &mut demands);
    demands
}
