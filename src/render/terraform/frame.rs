//! What a module has beside its resources: versions, providers, variables, outputs, imports.

use serde_json::{Value, json};

use super::imports::imports;
use super::kinds::ANSWERS;
use super::module::{Module, label, name};
use super::{TEMPLATES, secrets};
use crate::resource::Desired;
use crate::state::State;
use crate::templates::TemplateError;
use crate::templates::hcl::expression;

/// The provider's versions that have every argument of the module.
const PROVIDER_VERSION: &str = ">= 5.100, < 7.0";

/// How the keys of the tags begin in which vvbill, when it made what is taken over, kept what it has to know.
const MARKS: &[&str] = &[
    "vvbill:auth-token-",
    "vvbill:disposable",
    "vvbill:final-snapshot",
    "vvbill:kms-key",
    "vvbill:master-",
    "vvbill:network-leftovers/",
    "vvbill:recovery-days",
    "vvbill:source",
    "vvbill:token",
    "vvbill:username",
    "vvbill:volumes/",
    "vvbill:vpc",
];

/// Each file by its name, `.tf` left out; what has nothing to say is empty.
pub(super) fn files(
    module: &Module<'_>,
    desired: &[Desired],
    state: Option<&State>,
) -> Result<Vec<(&'static str, String)>, TemplateError> {
    let regions = module.other_regions().into_iter();
    let regions = regions.map(|region| json!({ "alias": label(region), "name": region }));
    let providers = json!({
        "tags": module.tags,
        "primary": module.primary,
        "regions": regions.collect::<Vec<Value>>(),
        "ignored_tags": module.takes_over().then_some(MARKS),
    });
    let variables = secrets::variables(module, desired).into_iter();
    let variables = variables.map(|(name, description)| json!({ "name": name, "description": description }));
    let imports = state
        .map(|state| imports(module, desired, state))
        .unwrap_or_default();
    let values = [
        ("versions", json!({ "provider_version": PROVIDER_VERSION })),
        ("providers", providers),
        (
            "variables",
            json!({ "variables": variables.collect::<Vec<Value>>() }),
        ),
        ("outputs", json!({ "outputs": outputs(module, desired) })),
        ("imports", json!({ "imports": imports })),
    ];
    let fill = |(name, values): (&'static str, Value)| {
        let text = TEMPLATES.fill(&format!("terraform/{name}.tf"), &values)?;
        Ok((name, text))
    };
    values.into_iter().map(fill).collect()
}

/// What whoever runs the module wants to know of what stands.
fn outputs(module: &Module<'_>, desired: &[Desired]) -> Vec<Value> {
    let of = |resource: &Desired, kind: &str, output: &str, what: &str| {
        let address = &resource.address;
        let value = module.output(address, output, "")?;
        Some(json!({
            "name": format!("{kind}_{}_{output}", name(address)),
            "description": format!("{what}: {}", address.name()),
            "value": expression(value),
        }))
    };
    let outputs = desired.iter().flat_map(|resource| {
        let answers = ANSWERS
            .iter()
            .filter(|(kind, ..)| *kind == resource.address.kind());
        answers.filter_map(move |(kind, output, what)| of(resource, kind, output, what))
    });
    outputs.collect()
}
