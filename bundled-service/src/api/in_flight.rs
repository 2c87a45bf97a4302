//! How many bytes of events are under way: what bounds the API's memory, whatever clients do.

use crate::metrics::{Gauge, Metrics};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The bytes that are reserved, of those that may be.
#[derive(Debug)]
pub(super) struct InFlight {
    used: AtomicUsize,
    capacity: usize,
    gauge: Arc<Gauge>,
}

impl InFlight {
    pub(super) fn new(capacity: usize, metrics: &Metrics) -> Arc<Self> {
        let gauge = metrics.http_in_flight_bytes.with(&[]);
        gauge.set(0);
        Arc::new(Self {
            used: AtomicUsize::new(0),
            capacity,
            gauge,
        })
    }

    /// Nothing reserved yet, if `expected` bytes would fit now.
    pub(super) fn reserve(self: &Arc<Self>, expected: usize) -> Option<Reservation> {
        let free = self.capacity.saturating_sub(self.used.load(Relaxed));
        (expected <= free).then(|| Reservation {
            owner: Arc::clone(self),
            bytes: 0,
        })
    }

    fn change(&self, change: impl Fn(usize) -> Option<usize>) -> bool {
        let changed = self.used.try_update(Relaxed, Relaxed, change);
        // Two writers may pass each other; the next change puts it right.
        self.gauge.set(self.used.load(Relaxed).cast_signed() as i64);
        changed.is_ok()
    }
}

/// Bytes that are given back when this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    owner: Arc<InFlight>,
    bytes: usize,
}

impl Reservation {
    /// Reserves `more` bytes; false, with nothing changed, when they don't fit.
    pub(super) fn grow(&mut self, more: usize) -> bool {
        let capacity = self.owner.capacity;
        let fits = self
            .owner
            .change(|used| used.checked_add(more).filter(|sum| *sum <= capacity));
        if fits {
            self.bytes += more;
        }
        fits
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let bytes = self.bytes;
        self.owner.change(|used| used.checked_sub(bytes));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What was reserved is given back, and never more than there is.
    #[test]
    fn reservations_are_bounded_and_given_back() {
        let metrics = Metrics::default();
        let in_flight = InFlight::new(10, &metrics);
        let mut first = in_flight.reserve(10).unwrap();
        assert!(first.grow(4) && first.grow(4));
        let mut second = in_flight.reserve(2).unwrap();
        assert!(!second.grow(3));
        assert!(second.grow(2));
        assert!(in_flight.reserve(1).is_none());
        assert_eq!(metrics.http_in_flight_bytes.with(&[]).get(), 10);
        drop(first);
        assert_eq!(metrics.http_in_flight_bytes.with(&[]).get(), 2);
        drop(second);
        assert!(in_flight.reserve(10).is_some());
        assert!(in_flight.reserve(11).is_none());
    }
}
