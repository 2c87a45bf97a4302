"""IAM's simulation of policies: allowed unless the configuration denies."""

from __future__ import annotations

import fnmatch

from ..registry import operation
from . import common


@operation("iam", "SimulatePrincipalPolicy", "SimulateCustomPolicy")
def simulate(call):
    config = call.world.config
    patterns = [pattern.lower() for pattern in [*config["simulate_deny"], *config["deny"]]]
    resources = call.params.get("ResourceArns") or ["*"]
    rows = []
    for action in call.params["ActionNames"]:
        is_denied = any(fnmatch.fnmatchcase(action.lower(), pattern) for pattern in patterns)
        for resource in resources:
            rows.append(
                {
                    "EvalActionName": action,
                    "EvalResourceName": resource,
                    "EvalDecision": "implicitDeny" if is_denied else "allowed",
                    "MatchedStatements": [],
                    "MissingContextValues": [],
                }
            )
    rows, marker = common.page(call, rows, "MaxItems", "Marker", 1000)
    return {"EvaluationResults": rows, "IsTruncated": marker is not None, "Marker": marker}
