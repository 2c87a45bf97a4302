"""Requests sent twice: what AWS makes once for the same token or caller reference, and moto twice."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation


def known(call, table):
    return call.world.state(call.service, "global" if call.service == "route53" else call.region).setdefault(table, {})


@operation("acm", "RequestCertificate")
def request_certificate(call):
    token = call.params.get("IdempotencyToken")
    key = (token, call.params["DomainName"], tuple(call.params.get("SubjectAlternativeNames") or ()))
    arn = known(call, "tokens").get(key) if token else None
    if arn and call.try_aws("acm", "DescribeCertificate", CertificateArn=arn):
        return {"CertificateArn": arn}
    result = call.moto(IdempotencyToken=None)
    known(call, "tokens")[key] = result["CertificateArn"]
    return result


@operation("route53", "CreateHostedZone")
def create_zone(call):
    reference = call.params["CallerReference"]
    if reference in known(call, "zones"):
        message = f"A hosted zone has already been created with the specified caller reference: {reference}"
        raise AwsError("HostedZoneAlreadyExists", message, 409)
    result = call.moto()
    known(call, "zones")[reference] = result["HostedZone"]["Id"]
    return result


@operation("route53", "CreateHealthCheck")
def create_health_check(call):
    reference, config = call.params["CallerReference"], call.params["HealthCheckConfig"]
    old = known(call, "health_checks").get(reference)
    if old:
        identifier, old_config = old
        if old_config != config:
            raise AwsError("HealthCheckAlreadyExists", f"A health check has been created with {reference} already", 409)
        told = call.try_aws("route53", "GetHealthCheck", HealthCheckId=identifier)
        if told:
            location = f"https://route53.amazonaws.com/2013-04-01/healthcheck/{identifier}"
            return {"HealthCheck": told["HealthCheck"], "Location": location}
        raise AwsError("HealthCheckAlreadyExists", f"The health check made with {reference} was deleted", 409)
    result = call.moto()
    known(call, "health_checks")[reference] = (result["HealthCheck"]["Id"], config)
    return result
