//! Who strikes on a plan's target.

use std::sync::Arc;

use super::site::Site;
use crate::drill::{Faults, Processes};
use crate::failover::Regions;
use crate::provider::Connection;
use crate::state::State;
use crate::topology;

/// Of what the state holds.
pub(crate) fn of(site: &Site, state: &State, connection: &Connection) -> Arc<dyn Faults> {
    #[cfg(all(feature = "aws", feature = "kubernetes"))]
    if let (crate::spec::Target::Aws, Some(regions)) = (site.spec.target, &site.spec.regions) {
        let aws = Arc::new(crate::provider::aws::Aws::new(connection.clone()));
        let clusters = crate::provider::kubernetes::Clusters::new(connection.clone(), Arc::clone(&aws));
        let endpoints = (site.platform.endpoints)(&site.spec, state);
        return Arc::new(crate::drill::Cloud::new(
            state,
            &regions.primary,
            endpoints,
            aws,
            clusters,
        ));
    }
    let _ = connection;
    Arc::new(Processes::new(
        state,
        site.platform.providers.clone(),
        regions_of(site, state),
    ))
}

/// The two regions of a platform on this machine, where its plan has two and they stand.
pub(crate) fn regions_of(site: &Site, state: &State) -> Option<Regions> {
    let regions = site.spec.regions.as_ref()?;
    let second = &regions.secondary.as_ref()?.name;
    let endpoints = topology::endpoints_of_region(&site.spec, state, Some(second));
    let providers = site.platform.providers.clone();
    Regions::new((&regions.primary, second), state, providers, endpoints)
}
