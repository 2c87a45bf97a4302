//! `vvbill import`: takes up a resource that exists already.

use super::Exit;
use super::arguments::{Locking, PlanFile};
use super::error::Error;
use super::interrupt::Interrupts;
use super::plan_file::Findings;
use super::report::Report;
use super::report::run::Narrator;
use super::site::Site;
use super::target::Targets;
use crate::apply::{self, ImportError};
use crate::resource::{Address, Desired};

/// Take up a resource that exists already, as one that the plan asks for
///
/// Looks at it and records it; changes nothing outside. The next `plan` shows what differs from what the
/// plan wants. The id is the provider's own: a name, an id such as `vpc-0a1b`, an ARN, or parts joined
/// by a slash (`cluster/node-group`).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill import plans/production.yaml aws/us-east-1/vpc/main vpc-0a1b2c3d
  vvbill import plans/production.yaml aws/us-east-1/db_cluster/shard-0 billing-cluster-primary-0
  vvbill import plans/production.yaml aws/us-east-1/eks_node_group/app-nodes billing/app-nodes
  vvbill graph plans/production.yaml                     the addresses that the plan asks for")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// The address that the plan gives it
    #[arg(value_name = "ADDRESS")]
    address: Address,
    /// What the provider knows it by
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    locking: Locking,
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let desired = wanted(&site, &arguments.address)?;
    let mut interrupts = Interrupts::listen()?;
    let narrator = Narrator::new(report);
    let opening = site.open("import", &arguments.locking, &narrator);
    let mut session = interrupts.or_stop(opening).await?;
    let import = async {
        let providers = &site.platform.providers;
        let record = apply::import(&mut session, providers, desired, &arguments.id).await;
        record.map_err(|error| refused(error, &arguments.address))
    };
    let imported = interrupts.or_stop(import).await;
    session.close().await?;
    let record = imported?;
    let plan = arguments.file.plan.display();
    report.say(format_args!(
        "= {}: imported [{}]. `vvbill plan {plan}` shows what differs.",
        record.address, record.id
    ));
    Ok(Exit::Done)
}

/// What the plan asks for at that address.
fn wanted<'a>(site: &'a Site, address: &Address) -> Result<&'a Desired, Error> {
    let all = &site.platform.desired;
    let found = all.iter().find(|desired| desired.address == *address);
    found.ok_or_else(|| {
        let error = Error::new(format!("the plan asks for nothing at {address}"));
        let mut alike: Vec<&str> = all
            .iter()
            .filter(|desired| desired.address.kind() == address.kind())
            .map(|desired| desired.address.as_str())
            .collect();
        alike.truncate(8);
        match alike.is_empty() {
            true => error.hint("`vvbill graph PLAN` shows the addresses that it asks for"),
            false => error.hint(format!("of that kind it asks for {}", alike.join(", "))),
        }
    })
}

fn refused(error: ImportError, address: &Address) -> Error {
    let hint = error.hint();
    match error {
        ImportError::Session(error) => error.into(),
        error => Error::new(format!("{address} was not imported"))
            .because(error.to_string())
            .hints(hint),
    }
}
