//! Where to reach what a plan has made, for commands that only use it.

use super::arguments::PlanFile;
use super::error::Error;
use super::plan_file::Findings;
use super::report::Report;
use super::site::Site;
use super::target::Targets;
use crate::endpoints::Endpoints;
use crate::spec::Spec;

/// The endpoints of what stands, and the plan's values; an error where nothing does.
pub(crate) fn and_plan(
    file: &PlanFile,
    targets: Targets,
    report: &Report,
) -> Result<(Endpoints, Spec), Error> {
    let site = Site::of_plan(file, Findings::PassOver, targets, report)?;
    let state = super::wait(async { site.state().await })?;
    let plan = file.plan.display();
    let state = state.filter(|state| !state.resources.is_empty()).ok_or_else(|| {
        Error::new(format!("nothing of `{}` stands", site.name()))
            .hint(format!("`vvbill apply {plan}` makes it"))
    })?;
    Ok(((site.platform.endpoints)(&site.spec, &state), site.spec))
}
