//! The Kubernetes cluster: control plane, nodes, add-ons, who may do what.

use super::{Error, Layout, Place};

impl Layout<'_> {
    pub(super) fn cluster(&mut self, _place: &Place<'_>) -> Result<(), Error> {
        Ok(())
    }
}
