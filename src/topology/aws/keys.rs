//! Keys that data is encrypted with.

use super::{Error, Layout, Place};

impl Layout<'_> {
    pub(super) fn keys(&mut self, _place: &Place<'_>) -> Result<(), Error> {
        Ok(())
    }
}
