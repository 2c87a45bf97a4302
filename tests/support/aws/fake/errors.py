"""AWS's errors: what is raised, and how each protocol writes it."""

from __future__ import annotations

import json
import uuid
from xml.sax.saxutils import escape

from . import cbor
from .wire import Response

# The code a service answers with, where it is not the one of its protocol.
THROTTLING = {"ec2": ("RequestLimitExceeded", 503), "s3": ("SlowDown", 503), "elasticache": ("Throttling", 400)}
INTERNAL = {"s3": ("InternalError", 500), "ec2": ("InternalError", 500), "eks": ("ServerException", 500)}
DENIED = {"ec2": ("UnauthorizedOperation", 403), "eks": ("AccessDeniedException", 403)}
INVALID = {
    "ec2": ("InvalidParameterValue", 400),
    "rds": ("InvalidParameterValue", 400),
    "elasticache": ("InvalidParameterValue", 400),
    "cloudwatch": ("InvalidParameterValue", 400),
    "eks": ("InvalidParameterException", 400),
    "ecr": ("InvalidParameterException", 400),
    "logs": ("InvalidParameterException", 400),
    "route53": ("InvalidInput", 400),
    "cloudfront": ("InvalidArgument", 400),
    "s3": ("InvalidArgument", 400),
}
MISSING = {
    "ec2": ("MissingParameter", 400),
    "rds": ("MissingParameter", 400),
    "elasticache": ("MissingParameter", 400),
    "cloudwatch": ("MissingParameter", 400),
}
CREDENTIALS = {
    "invalid": {
        "ec2": ("AuthFailure", 401),
        "s3": ("InvalidAccessKeyId", 403),
        "json": ("UnrecognizedClientException", 400),
        "rest-json": ("UnrecognizedClientException", 403),
        "other": ("InvalidClientTokenId", 403),
    },
    "expired": {
        "ec2": ("RequestExpired", 400),
        "s3": ("ExpiredToken", 400),
        "json": ("ExpiredTokenException", 400),
        "rest-json": ("ExpiredTokenException", 403),
        "other": ("ExpiredToken", 403),
    },
}
CREDENTIALS_MESSAGE = {
    "invalid": "The security token included in the request is invalid.",
    "expired": "The security token included in the request is expired",
}


class AwsError(Exception):
    """An error with AWS's code; `members` are further members of the error's shape."""

    def __init__(self, code, message, status=400, **members):
        super().__init__(message)
        self.code, self.message, self.status, self.members = code, message, status, members


def is_json(protocol):
    return protocol in ("json", "rest-json", "cbor")


def throttled(service, protocol):
    code, status = THROTTLING.get(service, ("ThrottlingException", 400) if is_json(protocol) else ("Throttling", 400))
    return AwsError(code, "Rate exceeded", status)


def internal(service, protocol, status=500):
    code, _ = INTERNAL.get(service, ("InternalServerException", 500) if is_json(protocol) else ("InternalFailure", 500))
    if status == 503:
        code = "ServiceUnavailableException" if is_json(protocol) else "ServiceUnavailable"
    return AwsError(code, "An internal error occurred.", status)


def denied(service, protocol, action):
    code, status = DENIED.get(service, ("AccessDeniedException", 400) if is_json(protocol) else ("AccessDenied", 403))
    return AwsError(code, f"User: arn:aws:iam::123456789012:user/test is not authorized to perform: {action}", status)


def credentials(kind, service, protocol):
    table = CREDENTIALS[kind]
    code, status = table.get(service) or table.get("json" if protocol == "cbor" else protocol) or table["other"]
    return AwsError(code, CREDENTIALS_MESSAGE[kind], status)


def invalid(service, protocol, message, is_missing=False):
    default = ("ValidationException" if is_json(protocol) else "ValidationError", 400)
    code, status = (MISSING if is_missing else {}).get(service) or INVALID.get(service, default)
    return AwsError(code, message, status)


def unknown(service, operation):
    """What neither the fake nor moto has: 400, so that no SDK tries again."""
    return AwsError("InvalidAction", f"the fake has no {service}:{operation}", 400)


def written(error, service, protocol):
    """The error as the protocol writes it."""
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id, "x-amz-request-id": request_id}
    fault = "Receiver" if error.status >= 500 else "Sender"
    if is_json(protocol):
        body = {"__type": error.code, "message": error.message, **error.members}
        headers["x-amzn-errortype"] = error.code
        if service == "cloudwatch":
            headers["x-amzn-query-error"] = f"{error.code};{fault}"
        if protocol == "cbor":
            headers |= {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
            return Response(error.status, headers, cbor.dumps(body))
        content_type = "application/json" if protocol == "rest-json" else "application/x-amz-json-1.1"
        return Response(error.status, headers | {"Content-Type": content_type}, json.dumps(body).encode())
    members = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in error.members.items())
    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>{members}"
    if service == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif service == "s3":
        text = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
    else:
        namespace = {
            "route53": ' xmlns="https://route53.amazonaws.com/doc/2013-04-01/"',
            "cloudfront": ' xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"',
        }.get(service, "")
        error_text = f"<Error><Type>{fault}</Type>{inner}</Error><RequestId>{request_id}</RequestId>"
        text = f"<ErrorResponse{namespace}>{error_text}</ErrorResponse>"
    headers["Content-Type"] = "text/xml"
    return Response(error.status, headers, b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode())
