//! Who strikes on a plan's target.

use std::sync::Arc;

use super::site::Site;
use crate::drill::{Faults, Processes};
use crate::state::State;

/// Of what the state holds.
pub(crate) fn of(site: &Site, state: &State) -> Arc<dyn Faults> {
    Arc::new(Processes::new(state, site.platform.providers.clone()))
}
