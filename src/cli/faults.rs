//! Who strikes on a plan's target.

use std::sync::Arc;

use super::site::Site;
use crate::drill::{Faults, Processes};
use crate::provider::Connection;
use crate::state::State;

/// Of what the state holds.
pub(crate) fn of(site: &Site, state: &State, connection: &Connection) -> Arc<dyn Faults> {
    #[cfg(all(feature = "aws", feature = "kubernetes"))]
    if let (crate::spec::Target::Aws, Some(regions)) = (site.spec.target, &site.spec.regions) {
        let aws = Arc::new(crate::provider::aws::Aws::new(connection.clone()));
        let clusters = crate::provider::kubernetes::Clusters::new(connection.clone(), Arc::clone(&aws));
        return Arc::new(crate::drill::Cloud::new(state, &regions.primary, aws, clusters));
    }
    let _ = connection;
    Arc::new(Processes::new(state, site.platform.providers.clone()))
}
