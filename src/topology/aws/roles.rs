//! IAM: what cluster, nodes, monitoring and each workload may do. Roles belong to no region.

use super::{Error, Layout, Place};

impl Layout<'_> {
    pub(super) fn roles(&mut self, _places: &[Place<'_>]) -> Result<(), Error> {
        Ok(())
    }
}
