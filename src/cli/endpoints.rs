//! Where to reach what a plan has made, for commands that only use it.

use super::arguments::PlanFile;
use super::error::Error;
use super::plan_file::Findings;
use super::report::Report;
use super::site::Site;
use super::target::Targets;
use crate::endpoints::Endpoints;
#[cfg(feature = "aws")]
use crate::load::secret;
use crate::provider::Connection;
use crate::spec::Spec;
#[cfg(feature = "aws")]
use crate::spec::Target;
use crate::state::State;

/// The endpoints of what stands, and the plan's values; an error where nothing does.
pub(crate) fn and_plan(
    file: &PlanFile,
    targets: Targets,
    report: &Report,
) -> Result<(Endpoints, Spec), Error> {
    let connection = targets.connection.clone();
    let site = Site::of_plan(file, Findings::PassOver, targets, report)?;
    let state = super::wait(async { site.state().await })?;
    let plan = file.plan.display();
    let state = state.filter(|state| !state.resources.is_empty()).ok_or_else(|| {
        Error::new(format!("nothing of `{}` stands", site.name()))
            .hint(format!("`vvbill apply {plan}` makes it"))
    })?;
    let endpoints = super::wait(async { Ok(of(&site, &state, &connection).await) })?;
    Ok((endpoints, site.spec))
}

/// The endpoints of what stands, whose secrets can be read from now on.
pub(crate) async fn of(site: &Site, state: &State, connection: &Connection) -> Endpoints {
    let endpoints = (site.platform.endpoints)(&site.spec, state);
    #[cfg(feature = "aws")]
    if let Some(regions) = site
        .spec
        .regions
        .as_ref()
        .filter(|_| site.spec.target == Target::Aws)
    {
        let aws = crate::provider::aws::Aws::new(connection.clone());
        for reference in endpoints.secrets().filter(|it| it.starts_with("secretsmanager:")) {
            let value = aws.secret(&regions.primary, reference).await;
            secret::keep(reference, value.map_err(|why| why.to_string()));
        }
    }
    #[cfg(not(feature = "aws"))]
    let _ = connection;
    endpoints
}
