//! `terraform/`: a module for who wants Terraform, made of the same resources that vvbill makes.
//!
//! Each resource that the plan is laid out as becomes a block, or several where Terraform has several for it, by
//! the template of its kind in `templates/terraform/`. Values are its properties; a reference becomes an expression.

mod findings;
mod format;
mod frame;
mod imports;
mod kinds;
mod module;
mod secrets;
mod values;

use std::collections::BTreeMap;

use self::module::Module;
use super::{Error, File, Input};
use crate::resource::Desired;
use crate::spec::{Spec, Target};
use crate::templates::{TemplateError, Templates, sources};
use crate::topology;

pub use self::kinds::left_out;

static TEMPLATES: Templates = Templates::new(sources![
    "terraform/cache_parameter_group.tf",
    "terraform/cache_replication_group.tf",
    "terraform/cache_subnet_group.tf",
    "terraform/certificate.tf",
    "terraform/certificate_validation.tf",
    "terraform/db_cluster.tf",
    "terraform/db_cluster_parameter_group.tf",
    "terraform/db_instance.tf",
    "terraform/db_master_secret.tf",
    "terraform/db_proxy.tf",
    "terraform/db_proxy_target.tf",
    "terraform/db_subnet_group.tf",
    "terraform/distribution.tf",
    "terraform/dns_record.tf",
    "terraform/ecr_repository.tf",
    "terraform/eks_access_entry.tf",
    "terraform/eks_addon.tf",
    "terraform/eks_cluster.tf",
    "terraform/eks_node_group.tf",
    "terraform/eks_pod_identity_association.tf",
    "terraform/elastic_ip.tf",
    "terraform/end.tf",
    "terraform/flow_log.tf",
    "terraform/global_cluster.tf",
    "terraform/health_check.tf",
    "terraform/hosted_zone.tf",
    "terraform/iam_policy.tf",
    "terraform/iam_role.tf",
    "terraform/imports.tf",
    "terraform/internet_gateway.tf",
    "terraform/kms_alias.tf",
    "terraform/kms_key.tf",
    "terraform/launch_template.tf",
    "terraform/listener.tf",
    "terraform/listener_rule.tf",
    "terraform/load_balancer.tf",
    "terraform/log_group.tf",
    "terraform/metric_alarm.tf",
    "terraform/nat_gateway.tf",
    "terraform/outputs.tf",
    "terraform/providers.tf",
    "terraform/route_table.tf",
    "terraform/s3_bucket.tf",
    "terraform/secret.tf",
    "terraform/security_group.tf",
    "terraform/security_group_rule.tf",
    "terraform/subnet.tf",
    "terraform/target_group.tf",
    "terraform/variables.tf",
    "terraform/versions.tf",
    "terraform/vpc.tf",
    "terraform/vpc_endpoint.tf",
]);

pub(super) fn files(input: &Input<'_>) -> Result<Vec<File>, Error> {
    let (Target::Aws, Some(regions)) = (input.spec.target, &input.spec.regions) else {
        return Ok(Vec::new());
    };
    let desired = match topology::desired(&without_objects(input.spec)) {
        // A vvbill without AWS has nothing to say of it.
        Err(topology::Error::TargetNotBuilt(_)) => return Ok(Vec::new()),
        desired => desired?,
    };
    let module = Module::new(&desired, &regions.primary, input.state);
    let mut texts: BTreeMap<&str, String> = frame::files(&module, &desired, input.state)?
        .into_iter()
        .collect();
    let mut remarks = findings::beside(input, &desired);
    for resource in &desired {
        let Some(block) = block(&module, resource)? else {
            continue;
        };
        let file = kinds::file_of(resource.address.kind(), &resource.section);
        let text = texts.entry(file).or_default();
        for line in remarks.remove(&resource.address).into_iter().flatten() {
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str(&block);
        text.push('\n');
    }
    let written = texts.into_iter().filter(|(_, text)| !text.trim().is_empty());
    let file = |(name, text): (&str, String)| File {
        path: format!("{name}.tf"),
        text: format::format(&format!("# {}\n\n{text}", input.header())),
    };
    Ok(written.map(file).collect())
}

/// What runs on the clusters has manifests of its own.
fn without_objects(spec: &Spec) -> Spec {
    let mut spec = spec.clone();
    if let Some(eks) = &mut spec.eks {
        eks.apply_objects = false;
    }
    spec
}

/// The block of a resource and what belongs to it; `None` for what Terraform does without.
fn block(module: &Module<'_>, resource: &Desired) -> Result<Option<String>, TemplateError> {
    let Some(kind) = kinds::of(resource.address.kind()) else {
        return Ok(None);
    };
    let values = values::values(module, resource);
    TEMPLATES
        .fill(&format!("terraform/{}.tf", kind.kind), &values)
        .map(Some)
}
