//! The shards: an Aurora cluster each, over both regions.

use super::{Error, Layout, Place};

impl Layout<'_> {
    pub(super) fn database(&mut self, _place: &Place<'_>) -> Result<(), Error> {
        Ok(())
    }
}
