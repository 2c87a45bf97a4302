//! Whether an object can be depended on, as `kubectl rollout status` judges it.

use serde_json::Value;

use super::identity::group_of;
use crate::provider::Readiness;

/// Kinds whose operators always write the condition `Ready` in the end: until then they are on their way.
const WRITE_READY: &[(&str, &str)] = &[
    ("cert-manager.io", "Certificate"),
    ("cert-manager.io", "ClusterIssuer"),
    ("cert-manager.io", "Issuer"),
    ("external-secrets.io", "ExternalSecret"),
    ("kafka.strimzi.io", "Kafka"),
    ("kafka.strimzi.io", "KafkaConnect"),
    ("kafka.strimzi.io", "KafkaTopic"),
    ("kafka.strimzi.io", "KafkaUser"),
];

/// Of an object as it is.
pub(super) fn judge(live: &Value) -> Readiness {
    if !live["metadata"]["deletionTimestamp"].is_null() {
        return Readiness::Failed("it is being deleted".into());
    }
    let group = group_of(live["apiVersion"].as_str().unwrap_or_default());
    let kind = live["kind"].as_str().unwrap_or_default();
    let rolls_out = matches!(
        (group, kind),
        ("apps", "DaemonSet" | "Deployment" | "StatefulSet")
    );
    if rolls_out && !is_seen(live) {
        return pending("its controller has not seen the change yet");
    }
    match (group, kind) {
        ("apps", "Deployment") => deployment(live),
        ("apps", "StatefulSet") => stateful_set(live),
        ("apps", "DaemonSet") => daemon_set(live),
        ("batch", "Job") => job(live),
        ("", "Namespace") => Readiness::Ready,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(live),
        _ if group.contains('.') && !group.ends_with(".k8s.io") => custom(live, group, kind),
        _ => Readiness::Ready,
    }
}

fn pending(how_far: impl Into<String>) -> Readiness {
    Readiness::Pending(how_far.into())
}

fn is_seen(live: &Value) -> bool {
    number(&live["status"]["observedGeneration"]) >= number(&live["metadata"]["generation"])
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn condition<'a>(live: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = live["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == kind)
}

fn is_true(condition: Option<&Value>) -> bool {
    condition.is_some_and(|condition| condition["status"] == "True")
}

/// `REASON: MESSAGE`, as far as there is either.
fn why(condition: &Value) -> String {
    let texts = ["reason", "message"].map(|key| condition[key].as_str().unwrap_or_default());
    let said: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    match said.is_empty() {
        true => "no reason given".into(),
        false => said.join(": "),
    }
}

fn deployment(live: &Value) -> Readiness {
    let status = &live["status"];
    if let Some(stuck) = condition(live, "Progressing")
        && stuck["reason"] == "ProgressDeadlineExceeded"
    {
        let failure = condition(live, "ReplicaFailure").map(why);
        let more = failure.map(|failure| format!("; {failure}")).unwrap_or_default();
        return Readiness::Failed(format!("{}{more}", why(stuck)));
    }
    let wanted = live["spec"]["replicas"].as_i64().unwrap_or(1);
    let (all, updated) = (number(&status["replicas"]), number(&status["updatedReplicas"]));
    let available = number(&status["availableReplicas"]);
    if updated < wanted {
        return pending(format!("{updated} of {wanted} replicas are updated"));
    }
    if all > updated {
        return pending(format!("{} old replicas are still there", all - updated));
    }
    if available < updated {
        return pending(format!("{available} of {updated} replicas are available"));
    }
    Readiness::Ready
}

fn stateful_set(live: &Value) -> Readiness {
    let (spec, status) = (&live["spec"], &live["status"]);
    let strategy = &spec["updateStrategy"];
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let ready = number(&status["readyReplicas"]);
    if ready < wanted {
        return pending(format!("{ready} of {wanted} replicas are ready"));
    }
    if strategy["type"] == "OnDelete" {
        return Readiness::Ready;
    }
    let stays = number(&strategy["rollingUpdate"]["partition"]);
    let updated = number(&status["updatedReplicas"]);
    if stays > 0 {
        return match updated < wanted - stays {
            true => pending(format!("{updated} of {} replicas are updated", wanted - stays)),
            false => Readiness::Ready,
        };
    }
    match status["updateRevision"] == status["currentRevision"] {
        true => Readiness::Ready,
        false => pending(format!("{updated} of {wanted} replicas are updated")),
    }
}

fn daemon_set(live: &Value) -> Readiness {
    let status = &live["status"];
    let wanted = number(&status["desiredNumberScheduled"]);
    let updated = number(&status["updatedNumberScheduled"]);
    let available = number(&status["numberAvailable"]);
    if live["spec"]["updateStrategy"]["type"] != "OnDelete" && updated < wanted {
        return pending(format!("{updated} of {wanted} pods are updated"));
    }
    match available < wanted {
        true => pending(format!("{available} of {wanted} pods are available")),
        false => Readiness::Ready,
    }
}

fn job(live: &Value) -> Readiness {
    if is_true(condition(live, "Complete")) {
        return Readiness::Ready;
    }
    if let Some(failed) = condition(live, "Failed").filter(|failed| failed["status"] == "True") {
        return Readiness::Failed(format!("the job failed: {}", why(failed)));
    }
    let status = &live["status"];
    let wanted = live["spec"]["completions"].as_i64().unwrap_or(1);
    pending(format!(
        "{} of {wanted} pods have succeeded, {} have failed",
        number(&status["succeeded"]),
        number(&status["failed"])
    ))
}

fn definition(live: &Value) -> Readiness {
    if let Some(refused) = condition(live, "NamesAccepted").filter(|names| names["status"] == "False") {
        return Readiness::Failed(format!("its names are not accepted: {}", why(refused)));
    }
    match is_true(condition(live, "Established")) {
        true => Readiness::Ready,
        false => pending("its API is not served yet"),
    }
}

/// Of an operator's kind: by the condition `Ready`, where there is one.
fn custom(live: &Value, group: &str, kind: &str) -> Readiness {
    let status = &live["status"];
    if !status["observedGeneration"].is_null() && !is_seen(live) {
        return pending("its operator has not seen the change yet");
    }
    let ready = condition(live, "Ready");
    match ready {
        _ if is_true(ready) => Readiness::Ready,
        Some(ready) => pending(why(ready)),
        None if is_true(condition(live, "NotReady")) => {
            pending(condition(live, "NotReady").map(why).unwrap_or_default())
        }
        None if WRITE_READY.contains(&(group, kind)) => pending("its operator has not said anything yet"),
        None => Readiness::Ready,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(live: Value, expect: &Readiness) {
        assert_eq!(judge(&live), *expect, "{live}");
    }

    /// Protects: a rollout is over when the new pods are there and the old ones are gone, and not before.
    #[test]
    fn a_deployment_is_judged_as_kubectl_does() {
        let with = |status: Value| {
            json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "generation": 2 },
                    "spec": { "replicas": 3 }, "status": status })
        };
        let waits = |text: &str| Readiness::Pending(text.into());
        check(
            with(
                json!({ "observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3 }),
            ),
            &waits("its controller has not seen the change yet"),
        );
        check(
            with(json!({ "observedGeneration": 2, "replicas": 4, "updatedReplicas": 2 })),
            &waits("2 of 3 replicas are updated"),
        );
        check(
            with(
                json!({ "observedGeneration": 2, "replicas": 4, "updatedReplicas": 3, "availableReplicas": 3 }),
            ),
            &waits("1 old replicas are still there"),
        );
        check(
            with(
                json!({ "observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3 }),
            ),
            &Readiness::Ready,
        );
        check(
            with(
                json!({ "observedGeneration": 2, "conditions": [{ "type": "Progressing", "status": "False",
                "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet has timed out progressing." }] }),
            ),
            &Readiness::Failed("ProgressDeadlineExceeded: ReplicaSet has timed out progressing.".into()),
        );
    }

    /// Protects: a Kafka cluster isn't depended on before Strimzi says so, nor on what it said of another spec.
    #[test]
    fn a_custom_resource_is_judged_by_its_ready_condition() {
        let kafka = |status: Value| {
            json!({ "apiVersion": "kafka.strimzi.io/v1beta2", "kind": "Kafka", "metadata": { "generation": 2 },
                    "status": status })
        };
        let ready = json!([{ "type": "Ready", "status": "True" }]);
        check(
            kafka(json!({})),
            &Readiness::Pending("its operator has not said anything yet".into()),
        );
        check(
            kafka(json!({ "observedGeneration": 1, "conditions": ready })),
            &Readiness::Pending("its operator has not seen the change yet".into()),
        );
        check(
            kafka(json!({ "observedGeneration": 2, "conditions": ready })),
            &Readiness::Ready,
        );
        let silent =
            json!({ "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {} });
        check(silent, &Readiness::Ready);
    }
}
