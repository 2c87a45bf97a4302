//! VV830–839: what a plan is held to before it is done.

use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{Spec, policy};

pub(super) const RULES: &[Rule] = &[Rule {
    code: "VV830",
    severity: Severity::Error,
    title: "a policy is no expression",
    applies: Applies::Everywhere,
    about: "The `rule` of a policy is an expression in CEL, Google's Common Expression Language, over `plan`: the \
            document that `plan --json` prints. `plan` and `apply` end in 3 where it isn't true, and where it has no \
            answer. One that can't be read would stop each of them.",
    source: "the language's definition, github.com/google/cel-spec; read by the crate `cel`",
    remedy: "Mend the expression at the line and column of the text that `rule` holds. An example: \
             `plan.resource_changes.all(r, !(\"delete\" in r.change.actions))`.",
    check: rule_is_no_expression,
}];

fn rule_is_no_expression(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (index, policy) in spec.policy.iter().enumerate() {
        if let Err(why) = policy::compile(&policy.rule) {
            found.add(
                &[&format!("policy[{index}].rule")],
                format!("`{}`: {why}", policy.name),
                "write an expression over `plan`, such as `plan.resource_changes.size() < 100`",
            );
        }
    }
}
