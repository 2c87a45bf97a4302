"""Load balancers: the time they take, and the protection from deletion that moto does not enforce."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation


def timed(call):
    return call.world.state("elbv2", call.region).setdefault("balancers", {})


def seen(call, balancer):
    item = timed(call).get(balancer["LoadBalancerArn"])
    is_pending = item is not None and call.world.phase(item) == "creating"
    return {**balancer, "State": {"Code": "provisioning"}} if is_pending else {**balancer, "State": {"Code": "active"}}


@operation("elbv2", "CreateLoadBalancer")
def create(call):
    for group in call.params.get("SecurityGroups") or []:
        if not call.try_aws("ec2", "DescribeSecurityGroups", GroupIds=[group]):
            raise AwsError("InvalidSecurityGroup", f"Security group '{group}' does not exist")
    result = call.moto()
    for balancer in result["LoadBalancers"]:
        arn = balancer["LoadBalancerArn"]
        if arn not in timed(call):
            timed(call)[arn] = item = {}
            call.world.start(item, "creating", "elbv2", arn)
    result["LoadBalancers"] = [seen(call, balancer) for balancer in result["LoadBalancers"]]
    return result


@operation("elbv2", "DescribeLoadBalancers")
def describe(call):
    result = call.moto()
    result["LoadBalancers"] = [seen(call, balancer) for balancer in result.get("LoadBalancers", [])]
    return result


@operation("elbv2", "DeleteLoadBalancer")
def delete(call):
    arn = call.params["LoadBalancerArn"]
    told = call.try_aws("elbv2", "DescribeLoadBalancerAttributes", LoadBalancerArn=arn)
    attributes = {item["Key"]: item["Value"] for item in (told or {}).get("Attributes", [])}
    if attributes.get("deletion_protection.enabled") == "true":
        message = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        raise AwsError("OperationNotPermitted", message)
    timed(call).pop(arn, None)
    return call.moto()


@operation("elbv2", "DeleteTargetGroup")
def delete_target_group(call):
    arn = call.params["TargetGroupArn"]
    told = call.try_aws("elbv2", "DescribeTargetGroups", TargetGroupArns=[arn])
    if told and told["TargetGroups"] and told["TargetGroups"][0].get("LoadBalancerArns"):
        raise AwsError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    return call.moto()
