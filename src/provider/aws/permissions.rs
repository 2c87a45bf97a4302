//! What whoever runs this may not do, as IAM's simulator tells it, before anything is made.

use aws_sdk_iam::types::PolicyEvaluationDecisionType;

use super::Region;
use super::error::Call;
use crate::provider::ProviderError;

/// Actions a call; the simulator takes more, but answers in pages.
const ACTIONS_AT_ONCE: usize = 100;

/// Those of `actions` (`ec2:CreateVpc`) that the caller's policies don't allow; else "could not be asked" and
/// why. Policies on resources and of the organisation are not all seen: an action that passes here may still
/// be denied.
pub async fn denied(cloud: &Region, actions: &[&str]) -> Result<Vec<String>, String> {
    let asked = async {
        let Some(caller) = caller(cloud).await? else {
            // The account's root user may do everything.
            return Ok(Vec::new());
        };
        let mut denied = Vec::new();
        for batch in actions.chunks(ACTIONS_AT_ONCE) {
            denied.extend(denied_of(cloud, &caller, batch).await?);
        }
        Ok(denied)
    };
    asked
        .await
        .map_err(|error: ProviderError| format!("could not be asked: {error}"))
}

async fn denied_of(cloud: &Region, caller: &str, actions: &[&str]) -> Result<Vec<String>, ProviderError> {
    let pages = cloud
        .iam()
        .simulate_principal_policy()
        .policy_source_arn(caller)
        .set_action_names(Some(actions.iter().map(|action| (*action).to_owned()).collect()))
        .into_paginator();
    let results: Result<Vec<_>, _> = pages.items().send().collect().await;
    let results = results.called("iam:SimulatePrincipalPolicy")?;
    let allowed = PolicyEvaluationDecisionType::Allowed;
    let denied = results
        .into_iter()
        .filter(|result| result.eval_decision != allowed);
    Ok(denied.map(|result| result.eval_action_name).collect())
}

/// Whose policies count; `None`: the root user.
async fn caller(cloud: &Region) -> Result<Option<String>, ProviderError> {
    let answer = cloud.sts().get_caller_identity().send().await;
    let arn = answer.called("sts:GetCallerIdentity")?.arn.unwrap_or_default();
    if arn.ends_with(":root") {
        return Ok(None);
    }
    let Some(role) = assumed_role(&arn) else {
        return Ok(Some(arn));
    };
    // A session leaves out its role's path: IAM is asked for the whole ARN.
    let answer = cloud.iam().get_role().role_name(role).send().await;
    let found = answer.called("iam:GetRole")?.role;
    Ok(Some(found.map_or(arn, |role| role.arn)))
}

/// `arn:aws:sts::123456789012:assumed-role/deployer/session`.
fn assumed_role(arn: &str) -> Option<&str> {
    arn.split_once(":assumed-role/")?.1.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_leads_to_its_role() {
        let session = "arn:aws:sts::123456789012:assumed-role/deployer/me@example.com";
        assert_eq!(assumed_role(session), Some("deployer"));
        assert_eq!(assumed_role("arn:aws:iam::123456789012:user/me"), None);
    }
}
