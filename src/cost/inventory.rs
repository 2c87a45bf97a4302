//! The desired resources, as the questions about quantities ask for them.

use rust_decimal::Decimal;
use serde_json::Value;

use super::Input;
use crate::resource::{AT_CREATION_KEY, Desired};
use crate::spec::{Spec, Tier};

/// The minutes of an hour.
const MINUTES: u32 = 60;

/// What is wanted, and at which rate of events it is used.
pub(super) struct Inventory<'a> {
    pub spec: &'a Spec,
    pub desired: &'a [Desired],
    pub as_of: jiff::civil::Date,
    /// By how much the rate differs from the one that the plan's amounts and nodes are for.
    pub load: Decimal,
}

impl<'a> Inventory<'a> {
    pub(super) fn new(input: &Input<'a>) -> Self {
        Self {
            spec: input.spec,
            desired: input.desired,
            as_of: input.as_of,
            load: input.load,
        }
    }

    /// Those of a kind, everywhere. A cluster's own, such as its secrets, are no part of an invoice.
    pub(super) fn of(&self, kind: &str) -> Vec<&'a Desired> {
        let is = |desired: &&Desired| desired.address.provider() == "aws" && desired.address.kind() == kind;
        self.desired.iter().filter(is).collect()
    }

    /// Those of a kind in a region.
    pub(super) fn in_region(&self, kind: &str, region: &str) -> Vec<&'a Desired> {
        let mut found = self.of(kind);
        found.retain(|desired| desired.address.region() == region);
        found
    }

    /// Those of a kind, each region's together, in the order of the regions.
    pub(super) fn by_region(&self, kind: &str) -> Vec<Vec<&'a Desired>> {
        let mut regions: Vec<Vec<&Desired>> = Vec::new();
        for desired in self.of(kind) {
            let same = |found: &&mut Vec<&Desired>| found[0].address.region() == desired.address.region();
            match regions.iter_mut().find(same) {
                Some(found) => found.push(desired),
                None => regions.push(vec![desired]),
            }
        }
        regions
    }

    pub(super) fn primary(&self) -> &'a str {
        let regions = self.spec.regions.as_ref();
        regions.map_or("", |regions| regions.primary.as_str())
    }

    /// Whether a part of the platform runs in a region: all of it in the first.
    pub(super) fn runs(&self, region: &str, tier: Tier) -> bool {
        let secondary = || self.spec.regions.as_ref()?.secondary.as_ref();
        region == self.primary() || secondary().is_some_and(|it| it.name == region && it.runs.contains(&tier))
    }

    /// Events in an hour.
    pub(super) fn events_an_hour(&self) -> Option<Decimal> {
        let ingest = self.spec.ingest.as_ref()?;
        Some(ingest.event_rate.per_minute() * Decimal::from(MINUTES) * self.load)
    }

    /// Bytes of events in an hour.
    pub(super) fn bytes_an_hour(&self) -> Option<Decimal> {
        let size = self.spec.ingest.as_ref()?.event_size.as_bytes();
        Some(self.events_an_hour()? * Decimal::from(size))
    }

    /// How the bytes of an hour come about.
    pub(super) fn bytes_in_words(&self) -> String {
        let ingest = self.spec.ingest.as_ref();
        ingest.map_or_else(String::new, |ingest| {
            let rate = ingest.event_rate.per_minute() * self.load;
            format!(
                "{} events/min × {} B",
                super::quantity::plain(rate),
                ingest.event_size.as_bytes()
            )
        })
    }

    pub(super) fn hours(&self) -> Decimal {
        self.spec.cost.hours_per_month.into()
    }
}

/// The text at a JSON pointer.
pub(super) fn text<'d>(desired: &'d Desired, pointer: &str) -> Option<&'d str> {
    desired.properties.pointer(pointer)?.as_str()
}

/// The whole number at a JSON pointer, what only creation takes included.
pub(super) fn number(desired: &Desired, pointer: &str) -> Option<Decimal> {
    let value = desired.properties.pointer(pointer)?;
    let value = value.get(AT_CREATION_KEY).unwrap_or(value);
    value.as_i64().map(Decimal::from)
}

/// Whether the value at a JSON pointer is `true`.
pub(super) fn is(desired: &Desired, pointer: &str) -> bool {
    desired.properties.pointer(pointer) == Some(&Value::Bool(true))
}
