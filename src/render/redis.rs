//! `redis/`: redis.conf and sentinel.conf of the write-behind buffer.

use super::{Error, File, Input};

pub(super) fn files(_input: &Input<'_>) -> Result<Vec<File>, Error> {
    Ok(Vec::new())
}
