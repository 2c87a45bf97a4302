//! A rule of a listener: paths that go to a target group of their own.

use aws_sdk_elasticloadbalancingv2::types::{
    PathPatternConditionConfig, Rule, RuleCondition, RulePriorityPair,
};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// Paths that go to one target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerRule {
    /// ARN of the listener.
    pub listener: Ref<String>,
    /// Rules are asked in this order, lowest first; one rule a number.
    pub priority: i32,
    /// Paths, with `*` for any text; five at most.
    pub paths: Set<String>,
    /// ARN of the target group.
    pub target_group: Ref<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    arn: String,
}

impl Named for ListenerRule {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for ListenerRule {
    const KIND: &'static str = "listener_rule";
    const REPLACE_ON: &'static [&'static str] = &["listener"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["arn"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let answer = cloud.elbv2().describe_rules().rule_arns(id).send().await;
        let found = answer.or_absent("elasticloadbalancing:DescribeRules")?;
        let Some(rule) = found.and_then(|found| found.rules.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let Some(tags) = super::tags_of(cloud, id).await? else {
            return Ok(None);
        };
        let found = Self {
            listener: Ref::Known(listener_of(id)),
            priority: priority(&rule).unwrap_or_default(),
            paths: paths(&rule),
            target_group: Ref::Known(
                rule.actions()
                    .first()
                    .and_then(super::target_of)
                    .unwrap_or_default()
                    .into(),
            ),
            tags,
        };
        Ok(Some((found, Outputs { arn: id.into() })))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        match self.by_priority(cloud).await? {
            Some(arn) => tags::find_named(self, cloud, &arn).await,
            None => Ok(None),
        }
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .elbv2()
            .create_rule()
            .listener_arn(super::known(&self.listener))
            .priority(self.priority)
            .conditions(self.condition())
            .actions(super::forward_to(&self.target_group))
            .set_tags(Some(super::sdk(&self.tags)));
        let answer = request.send().await;
        if let Some(made) = answer.or_taken("elasticloadbalancing:CreateRule")? {
            let made = made.rules.unwrap_or_default().pop();
            return made.and_then(|made| made.rule_arn).ok_or_else(|| {
                ProviderError::unknown("elasticloadbalancing:CreateRule answered without an ARN")
            });
        }
        let arn = self.by_priority(cloud).await?.ok_or_else(|| {
            ProviderError::transient(format!(
                "priority {} is taken, but can't be seen yet",
                self.priority
            ))
        })?;
        tags::claim(self, cloud, &arn).await
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touches(changes, "tags") {
            super::retag(cloud, id, &self.tags).await?;
        }
        if super::touches(changes, "priority") {
            let pair = RulePriorityPair::builder()
                .rule_arn(id)
                .priority(self.priority)
                .build();
            let answer = cloud
                .elbv2()
                .set_rule_priorities()
                .rule_priorities(pair)
                .send()
                .await;
            answer.called("elasticloadbalancing:SetRulePriorities")?;
        }
        if super::touches_more_than(changes, &["tags", "priority"]) {
            let request = cloud
                .elbv2()
                .modify_rule()
                .rule_arn(id)
                .conditions(self.condition())
                .actions(super::forward_to(&self.target_group));
            request.send().await.called("elasticloadbalancing:ModifyRule")?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.elbv2().delete_rule().rule_arn(id).send().await;
        answer.or_absent("elasticloadbalancing:DeleteRule").map(drop)
    }
}

impl ListenerRule {
    fn condition(&self) -> RuleCondition {
        let paths = PathPatternConditionConfig::builder().set_values(Some(self.paths.0.clone()));
        RuleCondition::builder()
            .field("path-pattern")
            .path_pattern_config(paths.build())
            .build()
    }

    async fn by_priority(&self, cloud: &Region) -> Result<Option<String>, ProviderError> {
        let request = cloud
            .elbv2()
            .describe_rules()
            .listener_arn(super::known(&self.listener))
            .page_size(400);
        let answer = request.send().await;
        let found = answer.or_absent("elasticloadbalancing:DescribeRules")?;
        let rules = found.and_then(|found| found.rules).unwrap_or_default();
        let here = rules
            .into_iter()
            .find(|rule| priority(rule) == Some(self.priority));
        Ok(here.and_then(|rule| rule.rule_arn))
    }
}

/// `None` of the default rule.
fn priority(rule: &Rule) -> Option<i32> {
    rule.priority()?.parse().ok()
}

fn paths(rule: &Rule) -> Set<String> {
    let conditions = rule.conditions().iter();
    let paths = conditions.filter(|condition| condition.field() == Some("path-pattern"));
    let values = |condition: &RuleCondition| match condition.path_pattern_config() {
        Some(config) => config.values().to_vec(),
        None => condition.values().to_vec(),
    };
    paths.flat_map(values).collect()
}

/// `arn:…:listener-rule/app/NAME/A/B/C` is a rule of `arn:…:listener/app/NAME/A/B`.
fn listener_of(rule: &str) -> String {
    let listener = rule.rsplit_once('/').map_or(rule, |(listener, _)| listener);
    listener.replacen(":listener-rule/", ":listener/", 1)
}

#[cfg(test)]
mod tests {
    use super::listener_of;

    #[test]
    fn a_rules_arn_names_its_listener() {
        let rule = "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/billing-alb/50dc/f2f7/9683";
        let listener = "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/billing-alb/50dc/f2f7";
        assert_eq!(listener_of(rule), listener);
    }
}
