//! A saved plan: what `plan --out` writes, `show` shows and `apply` does.
//!
//! It holds the plan file's values too, so that what was looked at is what is done, and the places in
//! the plan file that its resources come from, so that an error can still name the line.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bill::Prior;
use super::error::Error;
use super::plan_file::{self, Kind};
use super::report::snippet::Snippet;
use crate::plan::Plan;
use crate::spec::Spec;

/// The key that tells a saved plan from other JSON; its value is the format's version.
pub(crate) const MARK: &str = "vvbill_saved_plan";

/// The format that this version writes and reads.
const FORMAT_VERSION: u32 = 1;

/// Everything that an apply needs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    vvbill_saved_plan: u32,
    /// The plan file it was made of.
    pub plan_file: String,
    /// That file's values.
    pub spec: Spec,
    /// Where the fields stand that its resources come from, and those that may stop it.
    pub places: BTreeMap<String, Snippet>,
    /// What will be done.
    pub plan: Plan,
    /// What stands, for the bill; none where nothing of it is on anybody's invoice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
}

impl Saved {
    pub(crate) fn new(
        plan_file: &Path,
        spec: Spec,
        places: BTreeMap<String, Snippet>,
        plan: Plan,
        prior: Option<Prior>,
    ) -> Self {
        Self {
            vvbill_saved_plan: FORMAT_VERSION,
            plan_file: plan_file.display().to_string(),
            spec,
            places,
            plan,
            prior,
        }
    }

    /// Writes it for this user's eyes only: whole, or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let wrong = |why: std::io::Error| Error::writing("saved plan", path, &why);
        let bytes = serde_json::to_vec(self)
            .map_err(|why| Error::new("can't write the plan as JSON").caused_by(&why))?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let draft = folder.join(format!(".vvbill-saved-{}", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&draft, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&draft);
        }
        written.map_err(wrong)
    }

    /// Reads a saved plan; `None` where the file is no JSON of ours and may be a plan file.
    pub(crate) fn detect(path: &Path) -> Result<Option<Self>, Error> {
        if path.is_dir() {
            return Err(plan_file::directory(path));
        }
        let bytes = plan_file::read_bounded(path).map_err(|why| Error::reading("plan", path, &why))?;
        match plan_file::kind(&bytes) {
            Some(Kind::SavedPlan) => Self::from_json(path, &bytes).map(Some),
            _ => Ok(None),
        }
    }

    /// Reads what has to be a saved plan.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        Self::detect(path)?.ok_or_else(|| {
            Error::new(format!("`{}` is not a saved plan", path.display())).hint(format!(
                "`vvbill plan {0} --out saved.plan` saves one, if `{0}` is a plan file",
                path.display()
            ))
        })
    }

    fn from_json(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let unreadable = |why: &serde_json::Error| {
            Error::new(format!("the saved plan `{}` can't be understood", path.display()))
                .because(why.to_string())
                .hint("plan again with `vvbill plan PLAN --out FILE`")
        };
        let document: Value = serde_json::from_slice(bytes).map_err(|why| unreadable(&why))?;
        if document[MARK] != FORMAT_VERSION {
            return Err(Error::new(format!(
                "the saved plan `{}` has format {}, and this vvbill reads {FORMAT_VERSION}",
                path.display(),
                document[MARK]
            ))
            .hint("plan again with this vvbill"));
        }
        // The engine's own check of its part comes first: its words are clearer than a missing field's.
        Plan::from_json(document["plan"].to_string().as_bytes()).map_err(|why| {
            Error::new(format!("the saved plan `{}` can't be used", path.display())).caused_by(&why)
        })?;
        serde_json::from_value(document).map_err(|why| unreadable(&why))
    }
}
