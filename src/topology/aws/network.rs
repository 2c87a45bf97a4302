//! The VPC: subnets, ways out, endpoints.

use super::{Error, Layout, Place};

impl Layout<'_> {
    pub(super) fn network(&mut self, _place: &Place<'_>) -> Result<(), Error> {
        Ok(())
    }
}
