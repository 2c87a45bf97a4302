"""CloudWatch Logs' retention and keys, and Secrets Manager's secrets that wait for their deletion."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation

DAYS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}


@operation("logs", "PutRetentionPolicy")
def put_retention(call):
    if call.params["retentionInDays"] not in DAYS:
        message = f"Invalid retention value {call.params['retentionInDays']}. Valid values are: {sorted(DAYS)}"
        raise AwsError("InvalidParameterException", message)
    return call.moto()


def keys(call):
    return call.world.state("logs", call.region).setdefault("keys", {})


def group_of(call):
    name = call.params.get("logGroupName") or call.params.get("resourceIdentifier", "").rsplit(":log-group:", 1)[-1]
    groups = call.aws("logs", "DescribeLogGroups", logGroupNamePrefix=name)["logGroups"]
    if name not in (group["logGroupName"] for group in groups):
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return name


@operation("logs", "AssociateKmsKey")
def associate_key(call):
    keys(call)[group_of(call)] = call.params["kmsKeyId"]


@operation("logs", "DisassociateKmsKey")
def disassociate_key(call):
    keys(call)[group_of(call)] = None


@operation("logs", "DeleteLogGroup")
def delete_group(call):
    result = call.moto()
    keys(call).pop(call.params["logGroupName"], None)
    return result


@operation("logs", "DescribeLogGroups")
def describe_groups(call):
    result = call.moto()
    for group in result.get("logGroups", []):
        if group["logGroupName"] in keys(call):
            group["kmsKeyId"] = keys(call)[group["logGroupName"]]
    return result


def waits_for_deletion(call, name):
    told = call.try_aws("secretsmanager", "DescribeSecret", SecretId=name)
    return bool(told and told.get("DeletedDate"))


@operation("secretsmanager", "CreateSecret")
def create_secret(call):
    if waits_for_deletion(call, call.params["Name"]):
        message = "You can't create this secret because a secret with this name is already scheduled for deletion."
        raise AwsError("InvalidRequestException", message)
    return call.moto()


@operation("secretsmanager", "PutSecretValue", "UpdateSecret", "TagResource", "UntagResource", "RotateSecret")
def change_secret(call):
    if waits_for_deletion(call, call.params["SecretId"]):
        message = "You can't perform this operation on the secret because it was marked for deletion."
        raise AwsError("InvalidRequestException", message)
    return call.moto()
