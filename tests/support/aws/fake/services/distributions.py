"""CloudFront's distributions: deployed after a while, deleted only when disabled, changed only by their ETag."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation
from . import common


def timed(call):
    return call.world.state("cloudfront", "us-east-1").setdefault("distributions", {})


def seen(call, distribution):
    item = timed(call).get(distribution["Id"])
    is_busy = item is not None and call.world.phase(item) in ("creating", "modifying")
    return {**distribution, "Status": "InProgress" if is_busy else "Deployed"}


def told(call, result):
    """A result with the ETag that changes with each update, which moto's does not."""
    identifier = result["Distribution"]["Id"] if "Distribution" in result else call.params["Id"]
    result = {**result, "ETag": timed(call).get(identifier, {}).get("_etag", result["ETag"])}
    if "Distribution" in result:
        result["Distribution"] = seen(call, result["Distribution"])
    return result


def begin(call, phase, result):
    identifier = result["Distribution"]["Id"]
    item = timed(call).setdefault(identifier, {})
    item["_etag"] = "E" + common.hex_id(call, 13).upper()
    call.world.start(item, phase, "cloudfront", identifier)
    return told(call, result)


@operation("cloudfront", "CreateDistribution", "CreateDistributionWithTags")
def create(call):
    return begin(call, "creating", call.moto())


@operation("cloudfront", "GetDistribution", "GetDistributionConfig")
def get(call):
    return told(call, call.moto())


@operation("cloudfront", "ListDistributions")
def list_distributions(call):
    result = call.moto()
    listed = result.get("DistributionList", {})
    listed["Items"] = [seen(call, item) for item in listed.get("Items") or []]
    return result


def check_etag(call):
    now = call.aws("cloudfront", "GetDistribution", Id=call.params["Id"])
    given = call.params.get("IfMatch")
    if not given:
        raise AwsError("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.")
    if given != now["ETag"]:
        raise AwsError("PreconditionFailed", "The request failed because it didn't meet the preconditions", 412)
    return now["Distribution"]


@operation("cloudfront", "UpdateDistribution")
def update(call):
    check_etag(call)
    return begin(call, "modifying", call.moto(IfMatch=motos_etag(call)))


def motos_etag(call):
    from .. import bridge

    return bridge.call("cloudfront", call.region, "GetDistribution", {"Id": call.params["Id"]})["ETag"]


@operation("cloudfront", "DeleteDistribution")
def delete(call):
    distribution = check_etag(call)
    if distribution["DistributionConfig"]["Enabled"] or distribution["Status"] != "Deployed":
        message = "The distribution you are trying to delete has not been disabled."
        raise AwsError("DistributionNotDisabled", message, 409)
    result = call.moto(IfMatch=motos_etag(call))
    timed(call).pop(call.params["Id"], None)
    return result
