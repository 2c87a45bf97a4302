"""Load balancers: the time they take, and what AWS refuses and moto does not."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation
from . import common

# What ELB tells of a load balancer that moto leaves out until it is set.
ATTRIBUTES = {
    "application": {
        "access_logs.s3.enabled": "false",
        "connection_logs.s3.enabled": "false",
        "client_keep_alive.seconds": "3600",
        "deletion_protection.enabled": "false",
        "idle_timeout.timeout_seconds": "60",
        "load_balancing.cross_zone.enabled": "true",
        "routing.http2.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
        "routing.http.drop_invalid_header_fields.enabled": "false",
        "routing.http.preserve_host_header.enabled": "false",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
        "routing.http.xff_client_port.enabled": "false",
        "routing.http.xff_header_processing.mode": "append",
        "waf.fail_open.enabled": "false",
        "zonal_shift.config.enabled": "false",
    },
    "network": {
        "access_logs.s3.enabled": "false",
        "deletion_protection.enabled": "false",
        "load_balancing.cross_zone.enabled": "false",
        "dns_record.client_routing_policy": "any_availability_zone",
    },
}


def timed(call):
    return call.world.state("elbv2", call.region).setdefault("balancers", {})


def seen(call, balancer):
    item = timed(call).get(balancer["LoadBalancerArn"])
    is_pending = item is not None and call.world.phase(item) == "creating"
    state = {"Code": "provisioning" if is_pending else "active"}
    return {"Scheme": "internet-facing", **balancer, "State": state}


@operation("elbv2", "CreateLoadBalancer")
def create(call):
    params = call.params
    if common.security_groups(call, params.get("SecurityGroups") or []) is None:
        raise AwsError("InvalidSecurityGroup", "One or more security groups do not exist")
    ids = params.get("Subnets") or [mapping["SubnetId"] for mapping in params.get("SubnetMappings") or []]
    subnets = common.subnets(call, ids)
    if not subnets:
        raise AwsError("SubnetNotFound", f"The subnets '{', '.join(ids)}' do not exist")
    kind = params.get("Type", "application")
    if kind == "application" and len({subnet["AvailabilityZone"] for subnet in subnets}) < 2:
        raise AwsError("ValidationError", "At least two subnets in two different Availability Zones must be specified")
    old = call.try_aws("elbv2", "DescribeLoadBalancers", Names=[params["Name"]])
    if old and old["LoadBalancers"]:
        return {"LoadBalancers": [same(call, old["LoadBalancers"][0], kind, ids)]}
    result = call.moto()
    for balancer in result["LoadBalancers"]:
        timed(call)[balancer["LoadBalancerArn"]] = item = {}
        call.world.start(item, "creating", "elbv2", balancer["LoadBalancerArn"])
    result["LoadBalancers"] = [seen(call, balancer) for balancer in result["LoadBalancers"]]
    return result


def same(call, old, kind, ids):
    """The load balancer of this name, if it has the same settings."""
    params = call.params
    old = seen(call, old)
    asked = (kind, params.get("Scheme", "internet-facing"), set(ids), set(params.get("SecurityGroups") or []))
    zones = {zone["SubnetId"] for zone in old["AvailabilityZones"]}
    if asked != (old["Type"], old["Scheme"], zones, set(old.get("SecurityGroups", []))):
        message = "A load balancer with the same name exists, but with different settings"
        raise AwsError("DuplicateLoadBalancerName", f"{message}: {params['Name']}")
    return old


@operation("elbv2", "DescribeLoadBalancers")
def describe(call):
    result = call.moto()
    result["LoadBalancers"] = [seen(call, balancer) for balancer in result.get("LoadBalancers", [])]
    return result


@operation("elbv2", "DescribeLoadBalancerAttributes")
def describe_attributes(call):
    told = {item["Key"]: item.get("Value") or "" for item in call.moto()["Attributes"]}
    kind = "network" if "/net/" in call.params["LoadBalancerArn"] else "application"
    if kind == "application":  # moto says false, where an ALB's is always true.
        told.pop("load_balancing.cross_zone.enabled", None)
    return {"Attributes": common.tag_list({**ATTRIBUTES[kind], **told})}


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


@operation("elbv2", "CreateListener")
def create_listener(call):
    params = call.params
    check_certificates(call, params.get("Protocol"), params.get("Certificates") or [])
    others = call.aws("elbv2", "DescribeListeners", LoadBalancerArn=params["LoadBalancerArn"])["Listeners"]
    if any(listener["Port"] == params.get("Port") for listener in others):
        raise AwsError("DuplicateListener", "A listener already exists on this port for this load balancer")
    result = call.moto()
    return {"Listeners": [seen_listener(listener) for listener in result["Listeners"]]}


@operation("elbv2", "ModifyListener")
def modify_listener(call):
    if call.params.get("Certificates"):
        check_certificates(call, "HTTPS", call.params["Certificates"])
    return {"Listeners": [seen_listener(listener) for listener in call.moto()["Listeners"]]}


@operation("elbv2", "DescribeListeners")
def describe_listeners(call):
    result = call.moto()
    return {**result, "Listeners": [seen_listener(listener) for listener in result["Listeners"]]}


def seen_listener(listener):
    if listener["Protocol"] in ("HTTPS", "TLS"):
        return listener
    return {key: value for key, value in listener.items() if key not in ("SslPolicy", "Certificates")}


def check_certificates(call, protocol, certificates):
    if protocol in ("HTTPS", "TLS") and not certificates:
        raise AwsError("ValidationError", f"A certificate must be specified for {protocol} listeners")
    for certificate in certificates:
        arn = certificate.get("CertificateArn", "")
        if ":acm:" not in arn:
            continue
        told = call.try_aws("acm", "DescribeCertificate", CertificateArn=arn)
        if not told:
            raise AwsError("CertificateNotFound", f"Certificate ARN '{arn}' is not valid")
        if told["Certificate"]["Status"] != "ISSUED":
            raise AwsError("UnsupportedCertificate", f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported key size; it is {told['Certificate']['Status']}.")
