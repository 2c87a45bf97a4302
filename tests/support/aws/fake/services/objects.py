"""S3: the conditions on writes and deletions that moto lacks, and an answer that it misnames."""

from __future__ import annotations

import dataclasses

from ..errors import AwsError
from ..registry import operation


def etag_of(call):
    found = call.try_aws("s3", "HeadObject", Bucket=call.params["Bucket"], Key=call.params["Key"])
    return found["ETag"].strip('"') if found and "ETag" in found else None


def check(call):
    match = call.params.get("IfMatch")
    none_match = call.params.get("IfNoneMatch")
    if not match and not none_match:
        return
    etag = etag_of(call)
    if match and etag is None:
        raise AwsError("NoSuchKey", "The specified key does not exist.", 404, Key=call.params["Key"])
    failed = "IfMatch" if match and match != "*" and match.strip('"') != etag else None
    failed = failed or ("IfNoneMatch" if none_match and etag is not None and none_match.strip('"') in ("*", etag) else None)
    if failed:
        condition = "If-Match" if failed == "IfMatch" else "If-None-Match"
        message = "At least one of the pre-conditions you specified did not hold"
        raise AwsError("PreconditionFailed", message, 412, Condition=condition)


@operation("s3", "PutObject")
def put(call):
    check(call)
    return call.raw() if call.request else call.moto()


@operation("s3", "DeleteObject")
def delete(call):
    match = call.params.get("IfMatch")
    if match and etag_of(call) is not None:
        check(call)
    return call.raw() if call.request else call.moto()


@operation("s3", "GetBucketVersioning")
def versioning(call):
    """moto names the answer after the operation; Rust's SDK reads no other name than AWS'."""
    if call.request is None:
        return call.moto()
    answer = call.raw()
    body = answer.body.replace(b"GetBucketVersioningResponse", b"VersioningConfiguration")
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
    return dataclasses.replace(answer, headers=headers, body=body)
