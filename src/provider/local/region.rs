//! Which of a platform's two regions takes events: a file in its folder, for all that runs there to go by.
//!
//! It is what keeps a region away that was failed over: a server that runs only while its region is the active
//! one is not started in another's time, by no command. Whether a failover is due is decided elsewhere.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::platform::{Platform, failed};
use crate::provider::ProviderError;

/// Where a server belongs, and when it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The region.
    pub region: String,
    /// It is the one that takes events while nothing else is said.
    pub is_first: bool,
    /// When it runs.
    pub runs: Runs,
}

/// When a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// While its region takes events.
    WhileActive,
    /// While the other region does.
    WhileStandingBy,
}

impl Place {
    /// Whether it runs now, on the platform in `folder`.
    pub(super) fn is_on(&self, folder: &Path) -> bool {
        let active = active(folder);
        let is_active = active.map_or(self.is_first, |active| active == self.region);
        is_active == (self.runs == Runs::WhileActive)
    }
}

const FILE: &str = "active-region";

/// The region that was made the active one; `None`: it is the first, as ever.
pub fn active(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(FILE)).ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Makes `region` the active one; `None`: the first again. Starts and ends nothing.
///
/// # Errors
/// When it can't be written down.
pub fn set_active(folder: &Path, region: Option<&str>) -> Result<(), ProviderError> {
    let path = folder.join(FILE);
    match region {
        Some(region) => Platform::open(folder)?.write(&path, region.as_bytes(), 0o600),
        None => match fs::remove_file(&path) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", &path, &why)),
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_follows_the_active_region() {
        let folder = tempfile::tempdir().unwrap();
        let place = |region: &str, runs| Place {
            region: region.into(),
            is_first: region == "north",
            runs,
        };
        let all = [
            place("north", Runs::WhileActive),
            place("south", Runs::WhileActive),
            place("south", Runs::WhileStandingBy),
        ];
        let on = || all.each_ref().map(|place| place.is_on(folder.path()));
        assert_eq!(on(), [true, false, true]);
        set_active(folder.path(), Some("south")).unwrap();
        assert_eq!(active(folder.path()).as_deref(), Some("south"));
        assert_eq!(on(), [false, true, false]);
        set_active(folder.path(), None).unwrap();
        set_active(folder.path(), None).unwrap();
        assert_eq!(on(), [true, false, true]);
    }
}
