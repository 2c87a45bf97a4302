"""ACM: a certificate is issued once its validation records are in a hosted zone, and not before."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation
from . import common


def issued(call):
    return call.world.state("acm", call.region).setdefault("certificates", {})


def records(call):
    """(name, value) of every CNAME in the hosted zones."""
    found = set()
    for zone in call.aws("route53", "ListHostedZones", "us-east-1")["HostedZones"]:
        sets = call.aws("route53", "ListResourceRecordSets", "us-east-1", HostedZoneId=zone["Id"].rsplit("/", 1)[-1])
        for record in sets["ResourceRecordSets"]:
            for value in record.get("ResourceRecords", []):
                if record["Type"] == "CNAME":
                    found.add((record["Name"].rstrip(".").lower(), value["Value"].rstrip(".").lower()))
    return found


def seen(call, certificate):
    """The certificate as ACM tells it now."""
    if certificate.get("Type", "AMAZON_ISSUED") != "AMAZON_ISSUED":
        return certificate
    arn, state = certificate["CertificateArn"], issued(call)
    options = certificate.get("DomainValidationOptions", [])
    wanted = {
        (option["ResourceRecord"]["Name"].rstrip(".").lower(), option["ResourceRecord"]["Value"].rstrip(".").lower())
        for option in options
        if "ResourceRecord" in option
    }
    item = state.get(arn)
    if item is None and wanted and wanted <= records(call):
        state[arn] = item = {"_issued_at": common.now()}
        call.world.start(item, "creating", "acm", arn)
    is_issued = item is not None and call.world.phase(item) == "ready"
    view = {**certificate, "Status": "ISSUED" if is_issued else "PENDING_VALIDATION"}
    view["DomainValidationOptions"] = [
        {**option, "ValidationStatus": "SUCCESS" if is_issued else "PENDING_VALIDATION"} for option in options
    ]
    view["InUseBy"] = users(call, arn)
    if not is_issued:
        for member in ("IssuedAt", "NotBefore", "NotAfter", "Serial", "Issuer", "KeyUsages", "ExtendedKeyUsages"):
            view.pop(member, None)
    return view


def users(call, arn):
    """ARNs of the load balancers and distributions that use a certificate."""
    found = []
    for balancer in call.aws("elbv2", "DescribeLoadBalancers").get("LoadBalancers", []):
        listeners = call.aws("elbv2", "DescribeListeners", LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        if any(arn == used.get("CertificateArn") for listener in listeners for used in listener.get("Certificates", [])):
            found.append(balancer["LoadBalancerArn"])
    told = call.aws("cloudfront", "ListDistributions", "us-east-1").get("DistributionList", {})
    for distribution in told.get("Items", []) or []:
        if distribution.get("ViewerCertificate", {}).get("ACMCertificateArn") == arn:
            found.append(distribution["ARN"])
    return found


@operation("acm", "DescribeCertificate")
def describe(call):
    return {"Certificate": seen(call, call.moto()["Certificate"])}


@operation("acm", "ListCertificates")
def list_certificates(call):
    wanted = call.params.get("CertificateStatuses")
    result = call.moto(CertificateStatuses=None)
    rows = []
    for row in result.get("CertificateSummaryList", []):
        full = call.aws("acm", "DescribeCertificate", CertificateArn=row["CertificateArn"])["Certificate"]
        row = {**row, "Status": full["Status"], "InUse": bool(full.get("InUseBy"))}
        if not wanted or row["Status"] in wanted:
            rows.append(row)
    return {**result, "CertificateSummaryList": rows}


@operation("acm", "DeleteCertificate")
def delete(call):
    arn = call.params["CertificateArn"]
    if used := users(call, arn):
        raise AwsError("ResourceInUseException", f"Certificate {arn} is in use by {', '.join(used)}")
    issued(call).pop(arn, None)
    return call.moto()
