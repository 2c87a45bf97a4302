//! Buckets and image repositories.

use super::{Error, Layout, Place};

impl Layout<'_> {
    pub(super) fn storage(&mut self, _place: &Place<'_>) -> Result<(), Error> {
        Ok(())
    }
}
